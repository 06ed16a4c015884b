//! Users (RFC 7643, sections 4.1 and 4.3), with the native API's names.

mod read;
mod snapshot;
mod stored;
#[cfg(test)]
mod tests;

pub use super::body::WriteMode;
pub use read::Draft;
pub(super) use stored::{COLUMNS, write_json};
pub use stored::{StoredUser, document};

use super::NATIVE_SOURCE;
use super::body::written_external_ids;
use super::casefold::casefold;
use super::change::{Auditable, ChangeKind, Stamp, parse_snapshot, snapshot_of};
use super::filter;
use super::schema::SortBy;
use super::sort::Sorted;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A stored user.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct User {
    /// A version 7 UUID, so the order of ids is the order of creation.
    pub id: Uuid,
    pub attributes: Attributes,
    /// The groups, in the order of their ids. They are loaded only for responses that include them, and are not part of
    /// the stored document. `None` if they have not been loaded.
    pub groups: Option<Vec<UserGroup>>,
    /// The externalIds by source.
    pub external_ids: BTreeMap<String, String>,
    /// The number of changes; also the ETag.
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A group of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct UserGroup {
    pub id: Uuid,
    pub display_name: String,
}

/// The writable attributes of a user. Serialized, an absent value is null and an absent list is `[]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "RFC 7643, section 4.1, defines the attributes")]
pub struct Attributes {
    pub user_name: String,
    pub name: Name,
    pub display_name: Option<String>,
    pub nick_name: Option<String>,
    pub profile_url: Option<String>,
    pub title: Option<String>,
    pub user_type: Option<String>,
    pub preferred_language: Option<String>,
    pub locale: Option<String>,
    pub timezone: Option<String>,
    pub active: bool,
    pub emails: Vec<Valued>,
    pub phone_numbers: Vec<Valued>,
    pub ims: Vec<Valued>,
    pub photos: Vec<Valued>,
    pub addresses: Vec<Address>,
    pub entitlements: Vec<Valued>,
    pub roles: Vec<Valued>,
    pub x509_certificates: Vec<Valued>,
    pub enterprise: Enterprise,
    /// Free-form JSON.
    pub custom: Map<String, Value>,
    /// SCIM extensions other than the enterprise extension, by URN.
    pub extensions: Map<String, Value>,
}

/// A name (RFC 7643, section 4.1.1).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "RFC 7643, section 4.1.1, defines the sub-attributes")]
pub struct Name {
    pub formatted: Option<String>,
    pub family_name: Option<String>,
    pub given_name: Option<String>,
    pub middle_name: Option<String>,
    pub honorific_prefix: Option<String>,
    pub honorific_suffix: Option<String>,
}

/// An element of a multi-valued attribute (RFC 7643, section 2.4).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "RFC 7643, section 2.4, defines the sub-attributes")]
pub struct Valued {
    pub value: Option<String>,
    pub display: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub primary: bool,
}

/// A postal address (RFC 7643, section 4.1.2).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "RFC 7643, section 4.1.2, defines the sub-attributes")]
pub struct Address {
    pub formatted: Option<String>,
    pub street_address: Option<String>,
    pub locality: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    pub country: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub primary: bool,
}

/// The enterprise extension (RFC 7643, section 4.3).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "RFC 7643, section 4.3, defines the attributes")]
pub struct Enterprise {
    pub employee_number: Option<String>,
    pub cost_center: Option<String>,
    pub organization: Option<String>,
    pub division: Option<String>,
    pub department: Option<String>,
    pub manager: Option<Manager>,
}

/// The manager of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manager {
    /// Usually the id of another user, but stored as sent, without a check.
    pub value: String,
    /// The displayName of the user with the id `value`. It is computed for responses and never stored; `None` until it
    /// is computed.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Option<String>>,
    /// Whether `value` is the id of a user in the tenant. It is computed together with the displayName.
    #[serde(skip)]
    pub exists: bool,
}

impl User {
    /// The externalId of the native source.
    pub fn external_id(&self) -> Option<&str> {
        self.external_ids.get(NATIVE_SOURCE).map(String::as_str)
    }

    /// A new user.
    pub fn new(id: Uuid, draft: Draft, now: Timestamp) -> Self {
        let Draft { attributes, external_id, source, external_ids, .. } = draft;
        let external_ids = written_external_ids(BTreeMap::new(), external_ids, source, external_id);
        Self { id, attributes, groups: None, external_ids, version: 1, created_at: now, updated_at: now }
    }

    /// The user whose changes recorded this snapshot.
    ///
    /// # Errors
    /// The snapshot is not that of a user.
    pub fn from_snapshot(
        stamp: Stamp,
        created_at: Timestamp,
        snapshot: Map<String, Value>,
    ) -> serde_json::Result<Self> {
        let Stamp { id, version, time: updated_at } = stamp;
        let (attributes, external_ids) = parse_snapshot(snapshot)?;
        Ok(Self { id, attributes, groups: None, external_ids, version, created_at, updated_at })
    }

    /// The user with the values of a draft.
    #[must_use]
    pub fn with(&self, draft: Draft) -> Self {
        let mut user = self.clone();
        let Draft { attributes, external_id, source, external_ids, .. } = draft;
        user.attributes = attributes;
        user.external_ids = written_external_ids(user.external_ids, external_ids, source, external_id);
        user
    }
}

impl Auditable for User {
    const KINDS: [ChangeKind; 3] =
        [ChangeKind::USER_CREATED, ChangeKind::USER_UPDATED, ChangeKind::USER_DELETED];

    fn snapshot(&self) -> Map<String, Value> {
        snapshot_of(&self.attributes, &self.external_ids)
    }

    fn stamp(&self) -> Stamp {
        Stamp { id: self.id, version: self.version, time: self.updated_at }
    }
}

impl Sorted for User {
    fn id(&self) -> Uuid {
        self.id
    }

    fn key(&self, by: SortBy) -> Option<filter::Value> {
        let Attributes { user_name, display_name, .. } = &self.attributes;
        sort_key(by, user_name, display_name.as_deref(), [self.created_at, self.updated_at])
    }
}

/// The sort key of a user. `times` are those of its creation and of its last change.
fn sort_key(
    by: SortBy,
    user_name: &str,
    display_name: Option<&str>,
    times: [Timestamp; 2],
) -> Option<filter::Value> {
    let [created_at, updated_at] = times;
    match by {
        SortBy::Id | SortBy::Other(_) | SortBy::Element(_) => None,
        SortBy::UserName => Some(filter::Value::Text(casefold(user_name))),
        SortBy::DisplayName => display_name.map(|name| filter::Value::Text(casefold(name))),
        SortBy::CreatedAt => Some(filter::Value::Integer(created_at.into())),
        SortBy::UpdatedAt => Some(filter::Value::Integer(updated_at.into())),
    }
}

/// The JSON representation of a user in the native API, to which merge patches apply.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Representation<'u> {
    id: Uuid,
    external_id: Option<&'u str>,
    #[serde(flatten)]
    attributes: &'u Attributes,
    external_ids: &'u BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<&'u [UserGroup]>,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'u> From<&'u User> for Representation<'u> {
    fn from(user: &'u User) -> Self {
        Self {
            id: user.id,
            external_id: user.external_id(),
            attributes: &user.attributes,
            external_ids: &user.external_ids,
            groups: user.groups.as_deref(),
            version: user.version,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}
