//! The group of RFC 7643, section 4.2, in Roster's native vocabulary. Its members are not part of it: see
//! [`super::member`].

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

/// A group as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// A UUID of version 7: ids sort in the order of creation.
    pub id: Uuid,
    /// What callers write.
    pub attributes: Attributes,
    /// externalIds by source.
    pub external_ids: BTreeMap<String, String>,
    /// How many members it has.
    pub member_count: i64,
    /// How many times the group or its membership has changed; its ETag.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it, or its membership, last changed.
    pub updated_at: Timestamp,
}

/// The attributes of a group that callers write.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Attributes {
    /// What people call it (RFC 7643, section 4.2).
    pub display_name: String,
    /// The caller's own JSON.
    pub custom: Map<String, Value>,
    /// SCIM extensions that Roster does not know, by URN.
    pub extensions: Map<String, Value>,
}

impl Group {
    /// The externalId that native callers gave the group.
    #[must_use]
    pub fn external_id(&self) -> Option<&str> {
        self.external_ids.get(NATIVE_SOURCE).map(String::as_str)
    }

    /// The group with a draft's values written over it.
    #[must_use]
    pub fn with(&self, draft: Draft) -> Self {
        let mut group = self.clone();
        group.attributes = draft.attributes;
        match draft.external_id {
            Some(id) => group.external_ids.insert(draft.source.into_owned(), id),
            None => group.external_ids.remove(&*draft.source),
        };
        group
    }
}

impl Auditable for Group {
    const CREATED: ChangeKind = ChangeKind::GroupCreated;
    const UPDATED: ChangeKind = ChangeKind::GroupUpdated;
    const DELETED: ChangeKind = ChangeKind::GroupDeleted;

    fn stamp(&self) -> Stamp {
        Stamp { id: self.id, version: self.version, time: self.updated_at }
    }

    /// The attributes that callers write, with the externalIds of all sources in place of one `externalId`.
    /// Membership is recorded in changes of its own, so `memberCount` is not recorded here.
    fn snapshot(&self) -> Map<String, Value> {
        let mut snapshot = to_map(&self.attributes);
        snapshot.insert("externalIds".to_owned(), to_map(&self.external_ids).into());
        snapshot
    }
}

impl Sorted for Group {
    fn id(&self) -> Uuid {
        self.id
    }

    fn key(&self, by: SortBy) -> Option<filter::Value> {
        match by {
            SortBy::Id | SortBy::UserName | SortBy::Other(_) => None,
            SortBy::DisplayName => Some(filter::Value::Text(fold(&self.attributes.display_name))),
            SortBy::CreatedAt => Some(filter::Value::Integer(self.created_at.into())),
            SortBy::UpdatedAt => Some(filter::Value::Integer(self.updated_at.into())),
        }
    }
}

/// A group as JSON, as the native API shows it and as a PATCH is merged into.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Representation<'g> {
    id: Uuid,
    display_name: &'g str,
    external_id: Option<&'g str>,
    external_ids: &'g BTreeMap<String, String>,
    member_count: i64,
    custom: &'g Map<String, Value>,
    extensions: &'g Map<String, Value>,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'g> From<&'g Group> for Representation<'g> {
    fn from(group: &'g Group) -> Self {
        Self {
            id: group.id,
            display_name: &group.attributes.display_name,
            external_id: group.external_id(),
            external_ids: &group.external_ids,
            member_count: group.member_count,
            custom: &group.attributes.custom,
            extensions: &group.attributes.extensions,
            version: group.version,
            created_at: group.created_at,
            updated_at: group.updated_at,
        }
    }
}
