//! Keys and what they may do.

mod read;
mod secret;

pub use read::Draft;
pub use secret::{Secret, SecretHash};

use super::change::{Auditable, ChangeKind, Stamp, attributes};
use super::connection::{Connection, Token};
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
use subtle::ConstantTimeEq;
use uuid::Uuid;

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

/// A key that Roster made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// Its id, which its secret says too.
    pub id: Uuid,
    /// The tenant that it belongs to.
    #[serde(skip)]
    pub tenant: Uuid,
    /// What people call it.
    pub name: Option<String>,
    /// What it may do.
    pub role: Role,
    /// From when on it is good no longer.
    pub expires_at: Option<Timestamp>,
    /// How many times it has changed; its ETag.
    #[serde(skip)]
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    #[serde(skip)]
    pub updated_at: Timestamp,
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<Timestamp>,
}

impl Auditable for Key {
    const CREATED: ChangeKind = ChangeKind::KeyCreated;
    const UPDATED: ChangeKind = ChangeKind::KeyUpdated;
    const DELETED: ChangeKind = ChangeKind::KeyDeleted;

    fn stamp(&self) -> Stamp {
        Stamp { id: self.id, version: self.version, time: self.updated_at }
    }

    fn snapshot(&self) -> Map<String, Value> {
        let expires_at = self.expires_at.map(Timestamp::rfc3339);
        attributes([
            ("name", self.name.clone().into()),
            ("role", self.role.to_string().into()),
            ("expiresAt", expires_at.into()),
        ])
    }
}

impl Key {
    /// What callers write of it.
    #[must_use]
    pub fn draft(&self) -> Draft {
        Draft { name: self.name.clone(), role: self.role, expires_at: self.expires_at }
    }
}

/// What a secret proves: who calls, and what they may do.
#[derive(Clone, Debug, PartialEq)]
pub enum Credential {
    /// A key.
    Key(Key),
    /// A token of a connection, which is good for SCIM alone.
    Token(Token, Connection),
}

impl Credential {
    /// The id that the secret says.
    #[must_use]
    pub fn id(&self) -> Uuid {
        match self {
            Self::Key(key) => key.id,
            Self::Token(token, _) => token.id,
        }
    }

    /// The tenant that it is good in.
    #[must_use]
    pub fn tenant(&self) -> Uuid {
        match self {
            Self::Key(key) => key.tenant,
            Self::Token(_, connection) => connection.tenant,
        }
    }

    /// What its holder may do.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Key(key) => key.role,
            Self::Token(..) => Role::Writer,
        }
    }

    /// Whether it is good at a time.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        match self {
            Self::Key(key) => key.expires_at.is_none_or(|end| end > now),
            Self::Token(token, _) => token.is_live(now),
        }
    }

    /// Who its holder is.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::Key(key) => Actor { kind: ActorKind::Key, id: key.id.to_string().into() },
            Self::Token(_, connection) => {
                Actor { kind: ActorKind::Connection, id: connection.id.to_string().into() }
            }
        }
    }

    /// Whose externalIds its holder sees and writes.
    #[must_use]
    pub fn source(&self) -> Source {
        match self {
            Self::Key(_) => NATIVE_SOURCE.into(),
            Self::Token(_, connection) => connection.id.to_string().into(),
        }
    }

    /// How strictly its holder's SCIM requests are read.
    #[must_use]
    pub fn profile(&self) -> Profile {
        match self {
            Self::Key(_) => Profile::default(),
            Self::Token(_, connection) => connection.profile,
        }
    }
}

/// What a key may do; each role may do all that the ones before it may.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Reads.
    #[display("reader")]
    Reader,
    /// Also writes users and groups.
    #[display("writer")]
    Writer,
    /// Also manages the tenant.
    #[display("admin")]
    Admin,
    /// Also manages tenants, and acts in any of them.
    #[display("operator")]
    Operator,
}

/// A text that is no role.
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
