//! The user of RFC 7643, sections 4.1 and 4.3, in Roster's native vocabulary.

mod read;
#[cfg(test)]
mod tests;

pub use super::body::ReadAs;
pub use read::Draft;

use super::NATIVE_SOURCE;
use super::change::{Auditable, ChangeKind, Stamp};
use super::filter;
use super::fold::fold;
use super::json::to_map;
use super::sort::{SortBy, Sorted};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A user as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// A UUID of version 7: ids sort in the order of creation.
    pub id: Uuid,
    /// What callers write.
    pub attributes: Attributes,
    /// externalIds by source.
    pub external_ids: BTreeMap<String, String>,
    /// How many times the user has changed; its ETag.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The attributes of a user, each with RFC 7643's name; serialized, an absent value is null and an absent list `[]`.
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
    /// The caller's own JSON.
    pub custom: Map<String, Value>,
    /// SCIM extensions that Roster does not know, by URN.
    pub extensions: Map<String, Value>,
}

/// The parts of a name, RFC 7643 section 4.1.1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "RFC 7643, section 4.1.1, defines the parts")]
pub struct Name {
    pub formatted: Option<String>,
    pub family_name: Option<String>,
    pub given_name: Option<String>,
    pub middle_name: Option<String>,
    pub honorific_prefix: Option<String>,
    pub honorific_suffix: Option<String>,
}

/// An element of a multi-valued attribute, RFC 7643 section 2.4.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "RFC 7643, section 2.4, defines the parts")]
pub struct Valued {
    pub value: Option<String>,
    pub display: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub primary: bool,
}

/// A postal address, RFC 7643 section 4.1.2.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "RFC 7643, section 4.1.2, defines the parts")]
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

/// The enterprise extension, RFC 7643 section 4.3.
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

/// A user's manager: the id as it was sent, unchecked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manager {
    /// Usually the id of another user.
    pub value: String,
    /// The name of the user that `value` names, computed for an answer: `None` until it is, and then never kept.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Option<String>>,
    /// Whether `value` names a user of the tenant, computed with the name.
    #[serde(skip)]
    pub exists: bool,
}

impl User {
    /// The externalId that native callers gave the user.
    #[must_use]
    pub fn external_id(&self) -> Option<&str> {
        self.external_ids.get(NATIVE_SOURCE).map(String::as_str)
    }

    /// The user with a draft's values written over it.
    #[must_use]
    pub fn with(&self, draft: Draft) -> Self {
        let mut user = self.clone();
        user.attributes = draft.attributes;
        match draft.external_id {
            Some(id) => user.external_ids.insert(draft.source.into_owned(), id),
            None => user.external_ids.remove(&*draft.source),
        };
        user
    }
}

impl Auditable for User {
    const CREATED: ChangeKind = ChangeKind::UserCreated;
    const UPDATED: ChangeKind = ChangeKind::UserUpdated;
    const DELETED: ChangeKind = ChangeKind::UserDeleted;

    fn stamp(&self) -> Stamp {
        Stamp { id: self.id, version: self.version, time: self.updated_at }
    }

    /// The attributes that callers write, with the externalIds of all sources in place of one `externalId`.
    fn snapshot(&self) -> Map<String, Value> {
        let mut snapshot = to_map(&self.attributes);
        snapshot.insert("externalIds".to_owned(), to_map(&self.external_ids).into());
        snapshot
    }
}

impl Sorted for User {
    fn id(&self) -> Uuid {
        self.id
    }

    fn key(&self, by: SortBy) -> Option<filter::Value> {
        match by {
            SortBy::Id | SortBy::Other(_) => None,
            SortBy::UserName => Some(filter::Value::Text(fold(&self.attributes.user_name))),
            SortBy::DisplayName => {
                let name = self.attributes.display_name.as_deref();
                name.map(|name| filter::Value::Text(fold(name)))
            }
            SortBy::CreatedAt => Some(filter::Value::Integer(self.created_at.into())),
            SortBy::UpdatedAt => Some(filter::Value::Integer(self.updated_at.into())),
        }
    }
}

/// A user as JSON, as the native API shows it and as a PATCH is merged into.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Representation<'u> {
    id: Uuid,
    external_id: Option<&'u str>,
    #[serde(flatten)]
    attributes: &'u Attributes,
    external_ids: &'u BTreeMap<String, String>,
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
            version: user.version,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}
