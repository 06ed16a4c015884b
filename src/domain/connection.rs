//! Connections: the SCIM links from identity providers to tenants, and their tokens.

use super::attribute::CONNECTION;
use super::brake::{Brake, Held};
use super::change::{Auditable, Change, ChangeKind, Stamp, attributes};
use super::document::{compact, folded};
use super::fields::{FieldError, Fields};
use super::filter::Filter;
use super::key::read_expiry;
use super::merge_patch::apply_patch;
use super::parse_id;
use super::scim::Profile;
use super::time::Timestamp;
use derive_more::Display;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A connection.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Connection {
    pub id: Uuid,
    /// The tenant into which the identity provider provisions.
    #[serde(skip)]
    pub tenant: Uuid,
    pub name: String,
    /// The strictness of SCIM request validation.
    pub profile: Profile,
    pub mode: Mode,
    /// The connection whose externalIds this one has taken over.
    pub replaces: Option<Uuid>,
    /// The connection that has taken over the externalIds of this one, which therefore can have no tokens.
    #[serde(skip)]
    pub replaced_by: Option<Uuid>,
    /// The source of the externalIds that it writes: its id, or the source of the connection that it replaces.
    #[serde(skip)]
    pub source: Uuid,
    /// The limit on its deactivations and deletions; `None` for no limit.
    pub brake: Option<Brake>,
    /// Why its deactivations and deletions are refused; `None` if they are not.
    pub held: Option<Held>,
    /// The number of deactivations and deletions that a release still allows beyond the limit.
    #[serde(skip)]
    pub allowance: i64,
    /// The brake does not count deactivations and deletions up to this time.
    #[serde(skip)]
    pub counted_after: Option<Timestamp>,
    /// The number of changes; also the ETag.
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Whether the writes of a connection take effect.
#[derive(Clone, Copy, Debug, Default, Display, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[display(rename_all = "lowercase")]
pub enum Mode {
    /// Requests are carried out.
    #[default]
    Live,
    /// Requests are validated and answered as in [`Live`](Self::Live), but their writes are rolled back.
    Dry,
}

/// The writable fields of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `Connection`")]
pub struct Draft {
    pub name: String,
    pub profile: Profile,
    pub mode: Mode,
    pub replaces: Option<Uuid>,
    pub brake: Option<Brake>,
}

/// A token of a connection. Its secret is shown once, when the token is created.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Token {
    /// The id, which is also part of the secret.
    pub id: Uuid,
    #[serde(skip)]
    pub connection: Uuid,
    pub name: Option<String>,
    /// The time of expiry, if any.
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// The time of the last use, accurate to a minute.
    pub last_used_at: Option<Timestamp>,
    /// The time of the revocation, if the token is revoked.
    pub revoked_at: Option<Timestamp>,
}

/// The fields of a token that are set when it is created.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `Token`")]
pub struct TokenDraft {
    pub name: Option<String>,
    pub expires_at: Option<Timestamp>,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 2] = [Self::Live, Self::Dry];
}

/// The maximum number of active tokens of a connection: one in use, and its replacement during a rotation.
pub const MAX_ACTIVE_TOKENS: i64 = 2;

impl Auditable for Connection {
    const KINDS: [ChangeKind; 3] =
        [ChangeKind::CONNECTION_CREATED, ChangeKind::CONNECTION_UPDATED, ChangeKind::CONNECTION_DELETED];

    fn snapshot(&self) -> Map<String, Value> {
        attributes([
            ("name", self.name.as_str().into()),
            ("profile", self.profile.to_string().into()),
            ("mode", self.mode.to_string().into()),
            ("replaces", self.replaces.map(|id| id.to_string()).into()),
            ("brake", json!(self.brake)),
        ])
    }

    fn stamp(&self) -> Stamp {
        Stamp { id: self.id, version: self.version, time: self.updated_at }
    }
}

/// Changing a token does not change the version of its connection.
impl Change {
    /// Records the creation of a token.
    #[must_use]
    pub fn token_created(connection: &Connection, token: &Token) -> Self {
        let stamp = Stamp { time: token.created_at, ..connection.stamp() };
        let kind = ChangeKind::CONNECTION_TOKEN_CREATED;
        Self::new(connection.tenant, kind, stamp, None, Some(token.snapshot()))
    }

    /// Records that a token was renamed at `time`.
    #[must_use]
    pub fn token_updated(connection: &Connection, before: &Token, after: &Token, time: Timestamp) -> Self {
        let stamp = Stamp { time, ..connection.stamp() };
        let kind = ChangeKind::CONNECTION_TOKEN_UPDATED;
        Self::new(connection.tenant, kind, stamp, Some(before.snapshot()), Some(after.snapshot()))
    }

    /// Records the revocation of a token at `time`.
    #[must_use]
    pub fn token_deleted(connection: &Connection, token: &Token, time: Timestamp) -> Self {
        let stamp = Stamp { time, ..connection.stamp() };
        let kind = ChangeKind::CONNECTION_TOKEN_DELETED;
        Self::new(connection.tenant, kind, stamp, Some(token.snapshot()), None)
    }
}

/// Changes of the brake's state, which have the same version as the connection after them.
impl Change {
    /// Records that the brake of a connection refused a request, so that the connection is held.
    #[must_use]
    pub fn connection_held(after: &Connection) -> Self {
        let [before, held] = [json!(null), json!(after.held)].map(|held| attributes([("held", held)]));
        Self::new(after.tenant, ChangeKind::CONNECTION_HELD, after.stamp(), Some(before), Some(held))
    }

    /// Records a release, with the number of removals that it allows.
    #[must_use]
    pub fn connection_released(before: &Connection, after: &Connection, allow: Option<i64>) -> Self {
        let old = attributes([("held", json!(before.held))]);
        let new = attributes([("held", json!(after.held)), ("allow", allow.into())]);
        Self::new(after.tenant, ChangeKind::CONNECTION_RELEASED, after.stamp(), Some(old), Some(new))
    }
}

impl Connection {
    /// The writable fields.
    pub fn draft(&self) -> Draft {
        let Self { profile, mode, replaces, brake, .. } = *self;
        Draft { name: self.name.clone(), profile, mode, replaces, brake }
    }

    /// Whether the connection matches a filter.
    pub fn matches(&self, filter: &Filter) -> bool {
        let mut values = folded(compact(self), CONNECTION);
        for (name, time) in [("createdAt", self.created_at), ("updatedAt", self.updated_at)] {
            values.insert(name.to_owned(), i64::from(time).into());
        }
        filter.matches(&values.into())
    }
}

impl Token {
    fn snapshot(&self) -> Map<String, Value> {
        let expires_at = self.expires_at.map(|time| time.to_string());
        attributes([
            ("tokenId", self.id.to_string().into()),
            ("name", self.name.clone().into()),
            ("expiresAt", expires_at.into()),
        ])
    }

    /// Applies a merge patch (RFC 7396), which can change only the name. Returns the new name.
    ///
    /// # Errors
    /// A [`FieldError`] for each field that the patch would make invalid.
    pub fn patch(&self, patch: &Value) -> Result<Option<String>, Vec<FieldError>> {
        let read = |body| {
            Fields::read(body, |fields| {
                fields.ignore(&READ_ONLY);
                if fields.time("expiresAt") != self.expires_at {
                    fields.error("expiresAt", "read-only", "cannot be changed; create another token");
                }
                fields.key_string("name")
            })
        };
        apply_patch(self, patch, read)
    }
}

/// The read-only fields of a token.
const READ_ONLY: [&str; 6] = ["id", "url", "secret", "createdAt", "lastUsedAt", "revokedAt"];

impl TokenDraft {
    /// Reads a new token and ignores its read-only fields. The expiry time, if there is one, must be after `now`.
    ///
    /// # Errors
    /// A [`FieldError`] for each invalid field.
    pub fn read(body: Value, now: Timestamp) -> Result<Self, Vec<FieldError>> {
        Fields::read(body, |fields| {
            fields.ignore(&READ_ONLY);
            Self { name: fields.key_string("name"), expires_at: read_expiry(fields, None, now) }
        })
    }
}

impl Draft {
    /// Reads a connection and ignores its read-only fields. The default profile is lenient, the default mode live, and a
    /// connection has the default brake unless the body says otherwise.
    ///
    /// # Errors
    /// A [`FieldError`] for each invalid field.
    pub fn read(body: Value) -> Result<Self, Vec<FieldError>> {
        Self::read_with(body, Some(Brake::default()))
    }

    fn read_with(body: Value, absent_brake: Option<Brake>) -> Result<Self, Vec<FieldError>> {
        Fields::read(body, |fields| {
            fields.ignore(&["id", "url", "requests", "version", "createdAt", "updatedAt", "held"]);
            Self {
                name: fields.required_key_string("name"),
                profile: read_profile(fields),
                mode: read_mode(fields),
                replaces: read_replaces(fields),
                brake: Brake::read(fields, absent_brake),
            }
        })
    }

    /// Applies a merge patch (RFC 7396) to a connection.
    ///
    /// # Errors
    /// A [`FieldError`] for each field that the patch would make invalid.
    pub fn patch(connection: &Connection, patch: &Value) -> Result<Self, Vec<FieldError>> {
        let read_only = || {
            let detail = "can be set only when the connection is created";
            vec![FieldError::new(REPLACES, "read-only", detail)]
        };
        // A merge patch removes the brake by setting it to null, after which it is absent.
        apply_patch(connection, patch, |merged| Self::read_with(merged, None)).and_then(|draft| {
            if draft.replaces == connection.replaces { Ok(draft) } else { Err(read_only()) }
        })
    }
}

fn read_profile(fields: &mut Fields<'_>) -> Profile {
    let Some(text) = fields.string("profile") else { return Profile::default() };
    let profile = [Profile::Lenient, Profile::Strict].into_iter().find(|profile| profile.to_string() == text);
    if profile.is_none() {
        fields.error("profile", "unknown-profile", "must be lenient or strict");
    }
    profile.unwrap_or_default()
}

fn read_mode(fields: &mut Fields<'_>) -> Mode {
    let Some(text) = fields.string("mode") else { return Mode::default() };
    let mode = Mode::ALL.into_iter().find(|mode| mode.to_string() == text);
    if mode.is_none() {
        fields.error("mode", "unknown-mode", "must be live or dry");
    }
    mode.unwrap_or_default()
}

/// The pointer to the id of the connection that a new one replaces.
const REPLACES: &str = "/replaces";

fn read_replaces(fields: &mut Fields<'_>) -> Option<Uuid> {
    let text = fields.string("replaces")?;
    let id = parse_id(&text);
    if id.is_none() {
        let FieldError { code, detail, .. } = unknown_replaced();
        fields.error("replaces", code, detail);
    }
    id
}

/// The error for a new connection that replaces an unknown one.
pub fn unknown_replaced() -> FieldError {
    FieldError::new(REPLACES, "unknown-connection", "is not the id of a connection of this tenant")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn drafts_have_a_name_a_profile_and_a_mode() {
        let brake = Some(Brake::default());
        let draft =
            |profile, mode| Ok(Draft { name: "Okta".to_owned(), profile, mode, replaces: None, brake });
        assert_eq!(Draft::read(json!({"name": "Okta"})), draft(Profile::Lenient, Mode::Live));
        assert_eq!(
            Draft::read(json!({"name": "Okta", "profile": "strict", "mode": "dry", "id": 1})),
            draft(Profile::Strict, Mode::Dry)
        );
        for (body, pointer, code) in [
            (json!([]), "", "wrong-type"),
            (json!({}), "/name", "required"),
            (json!({"name": "a", "profile": "Strict"}), "/profile", "unknown-profile"),
            (json!({"name": "a", "mode": "test"}), "/mode", "unknown-mode"),
            (json!({"name": "a", "replaces": "b"}), "/replaces", "unknown-connection"),
            (json!({"name": "a", "x": 1}), "/x", "unknown-field"),
        ] {
            let errors = Draft::read(body).unwrap_err();
            assert_eq!((errors[0].pointer.as_str(), errors[0].code), (pointer, code));
        }
    }
}
