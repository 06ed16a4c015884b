//! Keys, credentials and roles.

mod read;
mod secret;

pub use read::{Draft, read_expiry};
pub(in crate::domain) use secret::PREFIX as SECRET_PREFIX;
pub use secret::{Secret, SecretHash};

use super::change::{Auditable, ChangeKind, Stamp, attributes};
use super::connection::{Connection, Mode, Token};
use super::origin::{Actor, ActorKind};
use super::scim::Profile;
use super::time::Timestamp;
use super::{NATIVE_SOURCE, Source};
use derive_more::{Display, Error};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use subtle::{Choice, ConstantTimeEq};
use uuid::Uuid;

/// The hashes of the keys in `ROSTER_ADMIN_KEY`: one, or two during a rotation. The keys themselves are not kept in memory.
#[derive(Clone)]
pub struct AdminKeys(Vec<[u8; 32]>);

impl AdminKeys {
    /// Whether `secret` is one of the keys, compared in constant time.
    #[must_use]
    pub fn contain(&self, secret: &[u8]) -> bool {
        let hash: [u8; 32] = Sha256::digest(secret).into();
        self.0.iter().fold(Choice::from(0), |found, key| found | key.ct_eq(&hash)).into()
    }
}

impl FromStr for AdminKeys {
    type Err = String;

    /// Reads keys that are separated by whitespace, which no key contains.
    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        let keys: Vec<_> = text.split_whitespace().collect();
        if keys.is_empty()
            || keys.len() > 2
            || !keys.iter().all(|key| key.len() >= 32 && key.bytes().all(allowed))
        {
            return Err(
                "must be one key, or two keys separated by a space, each of at least 32 characters from \
                        A-Z a-z 0-9 - . _ ~ + / ="
                    .to_owned(),
            );
        }
        Ok(Self(keys.into_iter().map(|key| Sha256::digest(key).into()).collect()))
    }
}

impl fmt::Debug for AdminKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminKeys(…)")
    }
}

/// A stored key.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Key {
    /// The id, which is also part of the secret.
    pub id: Uuid,
    #[serde(skip)]
    pub tenant: Uuid,
    pub name: Option<String>,
    /// The role, which determines the permitted operations.
    pub role: Role,
    /// The time of expiry, if any.
    pub expires_at: Option<Timestamp>,
    /// The number of changes; also the ETag.
    #[serde(skip)]
    pub version: i64,
    pub created_at: Timestamp,
    #[serde(skip)]
    pub updated_at: Timestamp,
    /// The time of the last use, accurate to a minute.
    pub last_used_at: Option<Timestamp>,
    /// The time of the revocation, if the key is revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Auditable for Key {
    const KINDS: [ChangeKind; 3] =
        [ChangeKind::KEY_CREATED, ChangeKind::KEY_UPDATED, ChangeKind::KEY_DELETED];

    fn snapshot(&self) -> Map<String, Value> {
        let expires_at = self.expires_at.map(|time| time.to_string());
        attributes([
            ("name", self.name.clone().into()),
            ("role", self.role.to_string().into()),
            ("expiresAt", expires_at.into()),
        ])
    }

    fn stamp(&self) -> Stamp {
        Stamp { id: self.id, version: self.version, time: self.updated_at }
    }
}

impl Key {
    /// The writable fields.
    pub fn draft(&self) -> Draft {
        Draft { name: self.name.clone(), role: self.role, expires_at: self.expires_at }
    }
}

/// A key, or a token of a connection, as the caller's identity and rights.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Credential {
    /// The id of the key or token.
    pub id: Uuid,
    pub tenant: Uuid,
    pub role: Role,
    pub expires_at: Option<Timestamp>,
    /// The caller, as changes record it.
    pub actor: Actor,
    /// The source of the externalIds that the caller reads and writes.
    pub source: Source,
    /// The strictness with which the caller's SCIM requests are validated.
    pub profile: Profile,
    /// Whether the caller's writes are committed.
    pub mode: Mode,
}

impl Credential {
    /// Whether the credential is a token, which is valid for SCIM only.
    pub fn is_token(&self) -> bool {
        self.actor.kind == ActorKind::Connection
    }

    /// Whether the credential has not expired.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expiry| expiry > now)
    }
}

impl From<Key> for Credential {
    fn from(Key { id, tenant, role, expires_at, .. }: Key) -> Self {
        let actor = Actor { kind: ActorKind::Key, id: id.to_string().into() };
        let (source, profile, mode) = (NATIVE_SOURCE.into(), Profile::default(), Mode::default());
        Self { id, tenant, role, expires_at, actor, source, profile, mode }
    }
}

impl From<(Token, Connection)> for Credential {
    fn from((Token { id, expires_at, .. }, connection): (Token, Connection)) -> Self {
        let Connection { tenant, profile, mode, .. } = connection;
        let actor = Actor { kind: ActorKind::Connection, id: connection.id.to_string().into() };
        let source = connection.source.to_string().into();
        Self { id, tenant, role: Role::Writer, expires_at, actor, source, profile, mode }
    }
}

/// The operations that a key permits. Each role includes the roles before it.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
#[display(rename_all = "lowercase")]
pub enum Role {
    /// Reads users, groups and changes.
    Reader,
    /// Writes users and groups.
    Writer,
    /// Manages the keys and connections of its tenant.
    Admin,
    /// Manages tenants and may act in any tenant.
    Operator,
}

/// The error for an unknown role.
#[derive(Clone, Copy, Debug, Display, Error, PartialEq, Eq)]
#[display("must be reader, writer, admin or operator")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let roles = [Self::Reader, Self::Writer, Self::Admin, Self::Operator];
        roles.into_iter().find(|role| role.to_string() == text).ok_or(UnknownRole)
    }
}

#[cfg(test)]
mod tests {
    use super::AdminKeys;

    #[test]
    fn admin_keys_are_long_and_use_token_characters() {
        let key: AdminKeys = "0123456789abcdefghijklmnopqr-._~+/=".parse().unwrap();
        assert!(key.contain(b"0123456789abcdefghijklmnopqr-._~+/="));
        assert!(!key.contain(b"0123456789abcdefghijklmnopqr-._~+/"));
        assert_eq!(format!("{key:?}"), "AdminKeys(…)");
        for bad in
            ["", " ", "too-short", "thirty-two characters with a space!!", "ünïcode-ünïcode-ünïcode-ünïcode"]
        {
            assert!(bad.parse::<AdminKeys>().is_err(), "{bad}");
        }
    }

    #[test]
    fn two_admin_keys_can_be_valid_at_once() {
        let [old, new, other] = ["a", "b", "c"].map(|letter| letter.repeat(32));
        for text in [format!("{old} {new}"), format!("\n{old}\r\n{new}\n")] {
            let keys: AdminKeys = text.parse().unwrap();
            assert!(keys.contain(old.as_bytes()) && keys.contain(new.as_bytes()));
            assert!(!keys.contain(other.as_bytes()) && !keys.contain(text.as_bytes()));
        }
        assert!(format!("{old} {new} {other}").parse::<AdminKeys>().is_err());
        assert!(format!("{old} short").parse::<AdminKeys>().is_err());
    }
}
