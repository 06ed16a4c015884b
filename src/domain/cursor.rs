//! Cursors: opaque tokens for the position after which the next page of a list starts.

use super::filter::Value;
use super::sort::Position;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use derive_more::{Display, Error};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Identifies a list by its tenant, resource type, filter and sort. A cursor is valid for one list only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List([u8; BINDING]);

/// The error for a token that is not a cursor, is damaged, or belongs to another list.
#[derive(Clone, Copy, Debug, Display, Error, PartialEq, Eq)]
#[display(
    "the cursor is damaged or belongs to a list with another filter, sort or tenant; request the first page again"
)]
pub struct InvalidCursor;

const FORMAT: u8 = 1;
const BINDING: usize = 8;
const CHECKSUM: usize = 6;

/// The type of the key that follows, if any.
const NO_KEY: u8 = 0;
const TEXT: u8 = 1;
const INTEGER: u8 = 2;

impl List {
    /// The list with these parts. Lengths are hashed, too, so `["ab"]` differs from `["a", "b"]`.
    pub fn new(tenant: Uuid, parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        hash.update(tenant.as_bytes());
        for part in parts {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        Self(head(&hash.finalize()))
    }

    /// The cursor for the page after a position, in characters that need no escaping in a URL (RFC 9865).
    pub fn cursor(self, after: &Position) -> String {
        let mut position = after.id.as_bytes().to_vec();
        match &after.key {
            Some(Value::Text(text)) => {
                position.push(TEXT);
                position.extend(text.as_bytes());
            }
            Some(Value::Integer(number)) => {
                position.push(INTEGER);
                position.extend(number.to_be_bytes());
            }
            _ => position.push(NO_KEY),
        }
        self.token(&position)
    }

    /// The token for this list with the given bytes of a position.
    pub(crate) fn token(self, position: &[u8]) -> String {
        let mut bytes = [&[FORMAT], self.0.as_slice(), position].concat();
        let checksum: [u8; CHECKSUM] = head(&Sha256::digest(&bytes));
        bytes.extend(checksum);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor for the page after an id, in a list that is ordered by id.
    pub fn id_cursor(self, last: Uuid) -> String {
        self.cursor(&Position { key: None, id: last })
    }

    /// The position after which the page starts.
    ///
    /// # Errors
    /// [`InvalidCursor`] for a token that [`List::cursor`] did not create for this list.
    pub fn position(self, cursor: &str) -> Result<Position, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor)?;
        let (payload, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(InvalidCursor)?;
        let (format, rest) = payload.split_first().ok_or(InvalidCursor)?;
        let (binding, position) = rest.split_first_chunk::<BINDING>().ok_or(InvalidCursor)?;
        let is_intact = *checksum == head::<CHECKSUM>(&Sha256::digest(payload));
        if !is_intact || *format != FORMAT || *binding != self.0 {
            return Err(InvalidCursor);
        }
        let (id, key) = position.split_first_chunk().ok_or(InvalidCursor)?;
        Ok(Position { key: read_key(key)?, id: Uuid::from_bytes(*id) })
    }
}

fn read_key(bytes: &[u8]) -> Result<Option<Value>, InvalidCursor> {
    match bytes.split_first() {
        Some((&NO_KEY, [])) => Ok(None),
        Some((&TEXT, text)) => {
            // The checksum can be forged, and PostgreSQL rejects U+0000.
            let text = str::from_utf8(text).ok().filter(|text| !text.contains('\0')).ok_or(InvalidCursor)?;
            Ok(Some(Value::Text(text.to_owned())))
        }
        Some((&INTEGER, number)) => {
            let number = number.try_into().map_err(|_| InvalidCursor)?;
            Ok(Some(Value::Integer(i64::from_be_bytes(number))))
        }
        _ => Err(InvalidCursor),
    }
}

/// The first `N` bytes of a hash.
fn head<const N: usize>(hash: &[u8]) -> [u8; N] {
    hash.first_chunk().copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list() -> List {
        List::new(Uuid::nil(), &["users", "id"])
    }

    #[test]
    fn a_cursor_is_valid_for_one_list() {
        let cursor = list().cursor(&Position { key: None, id: Uuid::max() });
        for other in [
            List::new(Uuid::max(), &["users", "id"]),
            List::new(Uuid::nil(), &["groups", "id"]),
            List::new(Uuid::nil(), &["usersid"]),
        ] {
            assert_eq!(other.position(&cursor), Err(InvalidCursor));
        }
    }

    fn positions() -> impl Strategy<Value = Position> {
        let key = prop_oneof![
            Just(None),
            any::<String>().prop_map(|text| Some(Value::Text(text.replace('\0', "")))),
            any::<i64>().prop_map(|number| Some(Value::Integer(number))),
        ];
        (key, any::<u128>()).prop_map(|(key, id)| Position { key, id: Uuid::from_u128(id) })
    }

    proptest! {
        #[test]
        fn positions_round_trip(position in positions()) {
            let cursor = list().cursor(&position);
            prop_assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)));
            prop_assert_eq!(list().position(&cursor), Ok(position));
        }

        #[test]
        fn a_changed_character_is_detected(
            position in positions(),
            at in any::<prop::sample::Index>(),
            with in "[A-Za-z0-9_-]",
        ) {
            let good = list().cursor(&position);
            let at = at.index(good.len());
            let mut bad = good.clone();
            bad.replace_range(at..=at, &with);
            prop_assume!(bad != good);
            prop_assert_eq!(list().position(&bad), Err(InvalidCursor));
        }

        #[test]
        fn arbitrary_text_is_rejected(text in any::<String>()) {
            prop_assert_eq!(list().position(&text), Err(InvalidCursor));
        }
    }
}
