//! The secrets of keys and tokens: `rst_<id>_<random><checksum>`.

use crate::domain::parse_id;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// The secret of a key or token. Only its hash is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    id: Uuid,
    text: String,
}

/// The SHA-256 hash of a secret. A slow password hash is unnecessary, because secrets have 256 random bits.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

/// The beginning of every secret.
pub(in crate::domain) const PREFIX: &str = "rst_";
/// The number of random characters: 62^43 > 2^256.
const RANDOM: usize = 43;
const CHECKSUM: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Secret {
    /// Generates a secret for the key or token with this id.
    ///
    /// # Errors
    /// If the system provides no random bytes.
    pub fn generate(id: Uuid) -> Result<Self, getrandom::Error> {
        let mut text = format!("{PREFIX}{id}_");
        let end = text.len() + RANDOM;
        while text.len() < end {
            let mut bytes = [0; RANDOM];
            getrandom::fill(&mut bytes)?;
            // Values beyond 61 are discarded: a modulo would make some characters more likely than others.
            let characters = bytes.iter().filter_map(|byte| BASE62.get(usize::from(byte & 63)));
            text.extend(characters.take(end - text.len()).map(|byte| char::from(*byte)));
        }
        Ok(Self { id, text: Self::with_checksum(text) })
    }

    /// The text followed by its checksum.
    pub(crate) fn with_checksum(text: String) -> String {
        let checksum = checksum(&text);
        text + &checksum
    }

    /// Parses a secret. The checksum detects foreign and mistyped secrets without a look-up.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, random) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let id = parse_id(id)?;
        let (body, end) = text.split_at_checked(text.len().checked_sub(CHECKSUM)?)?;
        let is_well_formed =
            random.len() == RANDOM + CHECKSUM && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_well_formed && checksum(body) == end).then(|| Self { id, text: text.to_owned() })
    }

    /// The id of the key or token, which is not confidential.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The hash to store.
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(&self.text).into())
    }

    /// The text of the secret, for the response that shows it.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

/// A checksum of six characters.
fn checksum(text: &str) -> String {
    let hash = Sha256::digest(text);
    hash.iter()
        .filter_map(|byte| BASE62.get(usize::from(byte % 62)))
        .take(CHECKSUM)
        .copied()
        .map(char::from)
        .collect()
}

impl SecretHash {
    /// The hash that is stored for a revoked key or token. No secret has this hash.
    pub const REVOKED: [u8; 32] = [0; 32];

    /// Restores a stored hash; `None` unless there are 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the hash of a secret, compared in constant time.
    #[must_use]
    pub fn matches(&self, secret: &Secret) -> bool {
        self.0.ct_eq(&secret.hash().0).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.id)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_round_trip_and_are_unique() {
        let id = Uuid::now_v7();
        let secret = Secret::generate(id).unwrap();
        let text = secret.reveal();
        assert_eq!(text.len(), "rst_".len() + 36 + 1 + 49, "{text}");
        assert_eq!(Secret::parse(text), Some(secret.clone()));
        assert!(secret.hash().matches(&secret));
        assert!(!secret.hash().matches(&Secret::generate(id).unwrap()));
        let shown = format!("{secret:?} {:?}", secret.hash());
        assert!(!shown.contains(&text[41..]), "{shown}");
    }

    #[test]
    fn the_checksum_detects_mistyped_secrets() {
        let secret = Secret::generate(Uuid::now_v7()).unwrap();
        let text = secret.reveal();
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            let wrong = String::from_utf8(bytes).unwrap();
            assert_eq!(Secret::parse(&wrong), None, "{wrong}");
        }
        for wrong in ["", "rst_", "rst__", &text[..text.len() - 1], &format!("{text}0"), &text[4..]] {
            assert_eq!(Secret::parse(wrong), None, "{wrong}");
        }
    }

    /// 430,000 characters: each of the 62 is expected 6,935 times, with a standard deviation of 83.
    #[test]
    fn characters_are_uniformly_distributed() {
        let mut counts = [0u32; 256];
        for _ in 0..10_000 {
            let secret = Secret::generate(Uuid::nil()).unwrap();
            secret.reveal()[41..84].bytes().for_each(|byte| counts[usize::from(byte)] += 1);
        }
        for byte in BASE62 {
            let count = counts[usize::from(*byte)];
            assert!((6_400..7_500).contains(&count), "{}: {count}", char::from(*byte));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_not_a_secret(text in "(rst_)?\\PC{0,120}") {
            prop_assert_eq!(Secret::parse(&text), None);
        }
    }
}
