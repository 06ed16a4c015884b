//! Groups (RFC 7643, section 4.2), with the native API's names. Members are separate: see [`super::member`].

mod read;
#[cfg(test)]
mod tests;

pub use super::body::WriteMode;
pub use read::Draft;

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

/// A stored group.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Group {
    /// A version 7 UUID, so the order of ids is the order of creation.
    pub id: Uuid,
    pub attributes: Attributes,
    /// The externalIds by source.
    pub external_ids: BTreeMap<String, String>,
    pub member_count: i64,
    /// The number of changes of the group and its members; also the ETag.
    pub version: i64,
    pub created_at: Timestamp,
    /// The time of the last change of the group or its members.
    pub updated_at: Timestamp,
}

/// The writable attributes of a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Attributes {
    /// The name (RFC 7643, section 4.2).
    pub display_name: String,
    /// Free-form JSON.
    pub custom: Map<String, Value>,
    /// SCIM extensions, by URN.
    pub extensions: Map<String, Value>,
}

impl Group {
    /// The externalId of the native source.
    pub fn external_id(&self) -> Option<&str> {
        self.external_ids.get(NATIVE_SOURCE).map(String::as_str)
    }

    /// A new group with this number of members.
    pub fn new(id: Uuid, draft: Draft, member_count: i64, now: Timestamp) -> Self {
        let Draft { attributes, external_id, source, external_ids } = draft;
        let external_ids = written_external_ids(BTreeMap::new(), external_ids, source, external_id);
        Self { id, attributes, external_ids, member_count, version: 1, created_at: now, updated_at: now }
    }

    /// The group whose changes recorded this snapshot. A snapshot does not contain the number of members.
    ///
    /// # Errors
    /// The snapshot is not that of a group.
    pub fn from_snapshot(
        stamp: Stamp,
        created_at: Timestamp,
        snapshot: Map<String, Value>,
        member_count: i64,
    ) -> serde_json::Result<Self> {
        let Stamp { id, version, time: updated_at } = stamp;
        let (attributes, external_ids) = parse_snapshot(snapshot)?;
        Ok(Self { id, attributes, external_ids, member_count, version, created_at, updated_at })
    }

    /// The group with the values of a draft.
    #[must_use]
    pub fn with(&self, draft: Draft) -> Self {
        let mut group = self.clone();
        let Draft { attributes, external_id, source, external_ids } = draft;
        group.attributes = attributes;
        group.external_ids = written_external_ids(group.external_ids, external_ids, source, external_id);
        group
    }
}

impl Auditable for Group {
    const KINDS: [ChangeKind; 3] =
        [ChangeKind::GROUP_CREATED, ChangeKind::GROUP_UPDATED, ChangeKind::GROUP_DELETED];

    /// `memberCount` is omitted, because each membership has its own change.
    fn snapshot(&self) -> Map<String, Value> {
        snapshot_of(&self.attributes, &self.external_ids)
    }

    fn stamp(&self) -> Stamp {
        Stamp { id: self.id, version: self.version, time: self.updated_at }
    }
}

impl Sorted for Group {
    fn id(&self) -> Uuid {
        self.id
    }

    fn key(&self, by: SortBy) -> Option<filter::Value> {
        match by {
            SortBy::Id | SortBy::UserName | SortBy::Other(_) | SortBy::Element(_) => None,
            SortBy::DisplayName => Some(filter::Value::Text(casefold(&self.attributes.display_name))),
            SortBy::CreatedAt => Some(filter::Value::Integer(self.created_at.into())),
            SortBy::UpdatedAt => Some(filter::Value::Integer(self.updated_at.into())),
        }
    }
}

/// The JSON representation of a group in the native API, to which merge patches apply.
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
