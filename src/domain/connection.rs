//! Connections: an identity provider's SCIM link into one tenant, and the tokens that prove it.

use super::change::{Auditable, Change, ChangeKind, Stamp, attributes};
use super::fields::{FieldError, Fields, patched, wrong_type};
use super::scim::Profile;
use super::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// A connection. Its id is the source of its externalIds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Its id.
    pub id: Uuid,
    /// The tenant that it leads into.
    #[serde(skip)]
    pub tenant: Uuid,
    /// What people call it.
    pub name: String,
    /// How strictly its requests are read.
    pub profile: Profile,
    /// How many times it has changed; its ETag.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a caller writes of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What people call it.
    pub name: String,
    /// How strictly its requests are read.
    pub profile: Profile,
}

/// A token of a connection. Its secret is shown once.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// Its id, which its secret says too.
    pub id: Uuid,
    /// Whose it is.
    #[serde(skip)]
    pub connection: Uuid,
    /// From when on it is good no longer.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<Timestamp>,
}

/// The most tokens of a connection that are good at once: one in use, and one that takes its place.
pub const LIVE_TOKENS: usize = 2;

impl Auditable for Connection {
    const CREATED: ChangeKind = ChangeKind::ConnectionCreated;
    const UPDATED: ChangeKind = ChangeKind::ConnectionUpdated;
    const DELETED: ChangeKind = ChangeKind::ConnectionDeleted;

    fn stamp(&self) -> Stamp {
        Stamp { id: self.id, version: self.version, time: self.updated_at }
    }

    fn snapshot(&self) -> Map<String, Value> {
        attributes([("name", self.name.as_str().into()), ("profile", self.profile.to_string().into())])
    }
}

/// Creating or revoking a token leaves the version of its connection as it is.
impl Change {
    /// Records the creation of a token.
    #[must_use]
    pub fn token_created(connection: &Connection, token: &Token) -> Self {
        let stamp = Stamp { time: token.created_at, ..connection.stamp() };
        let kind = ChangeKind::ConnectionTokenCreated;
        Self::new(connection.tenant, kind, stamp, None, Some(token.snapshot()))
    }

    /// Records the revocation of a token at `time`.
    #[must_use]
    pub fn token_deleted(connection: &Connection, token: &Token, time: Timestamp) -> Self {
        let stamp = Stamp { time, ..connection.stamp() };
        let kind = ChangeKind::ConnectionTokenDeleted;
        Self::new(connection.tenant, kind, stamp, Some(token.snapshot()), None)
    }
}

impl Connection {
    /// What callers write of it.
    #[must_use]
    pub fn draft(&self) -> Draft {
        Draft { name: self.name.clone(), profile: self.profile }
    }
}

impl Token {
    fn snapshot(&self) -> Map<String, Value> {
        let expires_at = self.expires_at.map(Timestamp::rfc3339);
        attributes([("tokenId", self.id.to_string().into()), ("expiresAt", expires_at.into())])
    }

    /// Whether it is good.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }
}

impl Draft {
    /// Reads a whole connection; without a profile it is lenient. What an answer shows besides is ignored.
    ///
    /// # Errors
    /// One [`FieldError`] for each invalid field.
    pub fn read(body: Value) -> Result<Self, Vec<FieldError>> {
        if !body.is_object() {
            return Err(vec![wrong_type("", "an object", &body)]);
        }
        let mut errors = Vec::new();
        let mut fields = Fields::new(body, &mut errors);
        fields.ignore(&["id", "url", "version", "createdAt", "updatedAt"]);
        let name = fields.required_key_string("name");
        let profile = read_profile(&mut fields);
        fields.finish();
        if errors.is_empty() { Ok(Self { name, profile }) } else { Err(errors) }
    }

    /// Merges a patch (RFC 7396) into a connection and reads the result.
    ///
    /// # Errors
    /// One [`FieldError`] for each field that the patch would make invalid.
    pub fn patch(connection: &Connection, patch: &Value) -> Result<Self, Vec<FieldError>> {
        patched(connection, patch, Self::read)
    }
}

fn read_profile(fields: &mut Fields<'_>) -> Profile {
    let Some(text) = fields.string("profile") else { return Profile::default() };
    let known = [Profile::Lenient, Profile::Strict].into_iter().find(|profile| profile.to_string() == text);
    if known.is_none() {
        fields.error("profile", "unknown-profile", "must be lenient or strict");
    }
    known.unwrap_or_default()
}

/// Reads a new token, of which a caller says no more than when it ends.
///
/// # Errors
/// One [`FieldError`] for each invalid field.
pub fn read_token(body: Value) -> Result<Option<Timestamp>, Vec<FieldError>> {
    if !body.is_object() {
        return Err(vec![wrong_type("", "an object", &body)]);
    }
    let mut errors = Vec::new();
    let mut fields = Fields::new(body, &mut errors);
    let expires_at = fields.time("expiresAt");
    fields.finish();
    if errors.is_empty() { Ok(expires_at) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_connection_has_a_name_and_a_profile() {
        let draft = |profile| Ok(Draft { name: "Okta".to_owned(), profile });
        assert_eq!(Draft::read(json!({"name": "Okta"})), draft(Profile::Lenient));
        assert_eq!(
            Draft::read(json!({"name": "Okta", "profile": "strict", "id": 1})),
            draft(Profile::Strict)
        );
        for (body, pointer, code) in [
            (json!([]), "", "wrong-type"),
            (json!({}), "/name", "required"),
            (json!({"name": "a", "profile": "Strict"}), "/profile", "unknown-profile"),
            (json!({"name": "a", "x": 1}), "/x", "unknown-field"),
        ] {
            let errors = Draft::read(body).unwrap_err();
            assert_eq!((errors[0].pointer.as_str(), errors[0].code), (pointer, code));
        }
    }
}
