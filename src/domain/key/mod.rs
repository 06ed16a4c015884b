//! Keys and what they may do.

use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use subtle::ConstantTimeEq;

/// The hash of `ROSTER_ADMIN_KEY`; the key itself is not held.
#[derive(Clone)]
pub struct AdminKey([u8; 32]);

impl AdminKey {
    /// Whether `secret` is the key; takes as long either way.
    #[must_use]
    pub fn is(&self, secret: &[u8]) -> bool {
        let hash: [u8; 32] = Sha256::digest(secret).into();
        self.0.ct_eq(&hash).into()
    }
}

impl FromStr for AdminKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if text.len() < 32 || !text.bytes().all(allowed) {
            return Err("must have at least 32 characters of A-Z a-z 0-9 - . _ ~ + / =".to_owned());
        }
        Ok(Self(Sha256::digest(text).into()))
    }
}

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminKey(…)")
    }
}

/// What a key may do; each role may do all that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Reader,
    /// Also writes users and groups.
    Writer,
    /// Also manages the tenant.
    Admin,
    /// Also manages tenants, and acts in any of them.
    Operator,
}

#[cfg(test)]
mod tests {
    use super::AdminKey;

    #[test]
    fn an_admin_key_is_long_and_plain() {
        let key: AdminKey = "0123456789abcdefghijklmnopqr-._~+/=".parse().unwrap();
        assert!(key.is(b"0123456789abcdefghijklmnopqr-._~+/="));
        assert!(!key.is(b"0123456789abcdefghijklmnopqr-._~+/"));
        assert_eq!(format!("{key:?}"), "AdminKey(…)");
        for bad in
            ["", "too-short", "thirty-two characters with a space!!", "ünïcode-ünïcode-ünïcode-ünïcode"]
        {
            assert!(bad.parse::<AdminKey>().is_err(), "{bad}");
        }
    }
}
