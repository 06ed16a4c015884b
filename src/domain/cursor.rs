//! Where the next page of a list begins, as an opaque token.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use derive_more::{Display, Error};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The list that a cursor belongs to: tenant, resource, filter and sort. With another list it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List([u8; BINDING]);

/// A token that is no cursor, is damaged, or belongs to another list.
#[derive(Clone, Copy, Debug, Display, Error, PartialEq, Eq)]
#[display("the cursor is not one that this list gave")]
pub struct InvalidCursor;

const FORMAT: u8 = 1;
const BINDING: usize = 8;
const CHECKSUM: usize = 6;

impl List {
    /// Names a list by what makes it: the parts are told apart, so `["ab"]` is not `["a", "b"]`.
    #[must_use]
    pub fn new(tenant: Uuid, parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        hash.update(tenant.as_bytes());
        for part in parts {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        Self(head(&hash.finalize()))
    }

    /// The cursor that goes on behind the row of this id. It uses ALPHA, DIGIT, `-` and `_` only (RFC 9865).
    #[must_use]
    pub fn cursor(self, last: Uuid) -> String {
        let mut bytes = vec![FORMAT];
        bytes.extend(self.0);
        bytes.extend(last.as_bytes());
        let checksum: [u8; CHECKSUM] = head(&Sha256::digest(&bytes));
        bytes.extend(checksum);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The id behind which the list goes on.
    ///
    /// # Errors
    /// [`InvalidCursor`] for anything that [`List::cursor`] did not make for this list.
    pub fn position(self, cursor: &str) -> Result<Uuid, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor)?;
        let (payload, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(InvalidCursor)?;
        let (format, rest) = payload.split_first().ok_or(InvalidCursor)?;
        let (binding, position) = rest.split_first_chunk::<BINDING>().ok_or(InvalidCursor)?;
        let whole = *checksum == head::<CHECKSUM>(&Sha256::digest(payload));
        if !whole || *format != FORMAT || *binding != self.0 {
            return Err(InvalidCursor);
        }
        Uuid::from_slice(position).map_err(|_| InvalidCursor)
    }
}

/// The first bytes of a hash.
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
    fn belongs_to_one_list() {
        let cursor = list().cursor(Uuid::max());
        for other in [
            List::new(Uuid::max(), &["users", "id"]),
            List::new(Uuid::nil(), &["groups", "id"]),
            List::new(Uuid::nil(), &["usersid"]),
        ] {
            assert_eq!(other.position(&cursor), Err(InvalidCursor));
        }
    }

    proptest! {
        #[test]
        fn comes_back(id in any::<u128>()) {
            let id = Uuid::from_u128(id);
            let cursor = list().cursor(id);
            prop_assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)));
            prop_assert_eq!(list().position(&cursor), Ok(id));
        }

        #[test]
        fn no_other_text_is_a_cursor(id in any::<u128>(), at in 0usize..41, with in "[A-Za-z0-9_-]") {
            let good = list().cursor(Uuid::from_u128(id));
            let mut bad = good.clone();
            bad.replace_range(at..=at, &with);
            prop_assume!(bad != good);
            prop_assert_eq!(list().position(&bad), Err(InvalidCursor));
        }

        #[test]
        fn hostile_text_is_refused(text in any::<String>()) {
            prop_assert_eq!(list().position(&text), Err(InvalidCursor));
        }
    }
}
