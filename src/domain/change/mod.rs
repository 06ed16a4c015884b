//! Changes: the rows that the change feed and the audit log share.

mod kind;

pub use kind::{ChangeKind, ResourceKind};

use super::absent;
use super::digest::Digest;
use super::json::to_map;
use super::time::Timestamp;
use super::trace::TraceId;
use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A resource whose writes are recorded as changes.
pub trait Auditable {
    /// The types of change that record a creation, an update and a deletion, in this order.
    const KINDS: [ChangeKind; 3];

    /// The top-level attributes that a change records.
    fn snapshot(&self) -> Map<String, Value>;

    /// The resource's id and current version.
    fn stamp(&self) -> Stamp;
}

/// A snapshot with these attributes.
pub(super) fn attributes<const N: usize>(attributes: [(&str, Value); N]) -> Map<String, Value> {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The snapshot of a user or group: the attributes that callers write, with the externalIds of all sources in place of
/// one `externalId`.
pub(super) fn snapshot_of(
    attributes: &impl Serialize,
    external_ids: &BTreeMap<String, String>,
) -> Map<String, Value> {
    let mut snapshot = to_map(attributes);
    snapshot.insert("externalIds".to_owned(), to_map(external_ids).into());
    snapshot
}

/// The attributes and the externalIds in a snapshot, whose absent values may be missing.
pub(super) fn parse_snapshot<A: DeserializeOwned>(
    mut snapshot: Map<String, Value>,
) -> serde_json::Result<(A, BTreeMap<String, String>)> {
    let external_ids = snapshot.remove("externalIds").map(serde_json::from_value).transpose()?;
    Ok((serde_json::from_value(snapshot.into())?, external_ids.unwrap_or_default()))
}

/// Identifies one version of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Stamp {
    pub id: Uuid,
    pub version: i64,
    /// The time at which the resource reached the version: its `updatedAt`.
    pub time: Timestamp,
}

/// A change that has no revision yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The tenant whose history records the change.
    pub tenant: Uuid,
    /// The type.
    pub kind: ChangeKind,
    /// The id of the resource; for a member, of the group.
    pub id: Uuid,
    /// The user that was added to or removed from the group.
    pub member: Option<Uuid>,
    /// The version after the change; for a member, the group's.
    pub version: i64,
    /// The new `updatedAt`; for a member, the group's.
    pub time: Timestamp,
    /// The previous value of each top-level attribute that changed, in stored form; `None` for a creation.
    pub before: Option<Map<String, Value>>,
    /// The new value of each top-level attribute that changed, in stored form; `None` for a deletion.
    pub after: Option<Map<String, Value>>,
    /// Whether an erasure removed the values.
    pub erased: bool,
    /// The digest of the memberships that the deletion of a group removed. Empty for other changes.
    pub memberships: Digest,
    /// The revisions that the change undoes, if it belongs to a revert.
    pub reverts: Vec<i64>,
}

impl Change {
    /// Records a creation.
    #[must_use]
    pub fn created<R: Auditable>(tenant: Uuid, resource: &R) -> Self {
        let [created, ..] = R::KINDS;
        Self::new(tenant, created, resource.stamp(), None, Some(resource.snapshot()))
    }

    /// Records an update, with only the attributes that differ.
    #[must_use]
    pub fn updated<R: Auditable>(tenant: Uuid, before: &R, after: &R) -> Self {
        let (mut old, mut new) = (before.snapshot(), after.snapshot());
        old.retain(|name, value| new.get(name) != Some(value));
        new.retain(|name, _| old.contains_key(name));
        let [_, updated, _] = R::KINDS;
        Self::new(tenant, updated, after.stamp(), Some(old), Some(new))
    }

    /// Records a deletion at `now`, which counts as one more version.
    #[must_use]
    pub fn deleted<R: Auditable>(tenant: Uuid, resource: &R, now: Timestamp) -> Self {
        let [.., deleted] = R::KINDS;
        let Stamp { id, version, time } = resource.stamp();
        let stamp = Stamp { id, version: version + 1, time: now.after(time) };
        Self::new(tenant, deleted, stamp, Some(resource.snapshot()), None)
    }

    /// Records that the values of a user were erased from its history; `user` is the user's last version.
    #[must_use]
    pub fn user_erased(tenant: Uuid, user: Stamp) -> Self {
        Self::new(tenant, ChangeKind::USER_ERASED, user, None, None)
    }

    /// Records that adding a user brought a group to the version in `group`.
    #[must_use]
    pub fn member_added(tenant: Uuid, group: Stamp, user: Uuid) -> Self {
        Self { member: Some(user), ..Self::new(tenant, ChangeKind::MEMBER_ADDED, group, None, None) }
    }

    /// Records that removing a user brought a group to the version in `group`.
    #[must_use]
    pub fn member_removed(tenant: Uuid, group: Stamp, user: Uuid) -> Self {
        Self { member: Some(user), ..Self::new(tenant, ChangeKind::MEMBER_REMOVED, group, None, None) }
    }

    pub(super) fn new(
        tenant: Uuid,
        kind: ChangeKind,
        stamp: Stamp,
        before: Option<Map<String, Value>>,
        after: Option<Map<String, Value>>,
    ) -> Self {
        let Stamp { id, version, time } = stamp;
        let stored = |values: Option<Map<String, Value>>| values.map(|values| kind.stored(values));
        let (before, after) = (stored(before), stored(after));
        Self {
            tenant,
            kind,
            id,
            member: None,
            version,
            time,
            before,
            after,
            erased: false,
            memberships: Digest::default(),
            reverts: Vec::new(),
        }
    }
}

impl ChangeKind {
    /// The attributes of a user or group without absent values. An update keeps each attribute that changed, because
    /// null or an empty value shows that the attribute was removed or added.
    #[must_use]
    pub fn stored(self, mut attributes: Map<String, Value>) -> Map<String, Value> {
        match self {
            Self::USER_CREATED | Self::USER_DELETED => absent::remove(&mut attributes, &absent::USER),
            Self::USER_UPDATED => absent::remove_inside(&mut attributes, &absent::USER),
            Self::GROUP_CREATED | Self::GROUP_DELETED => absent::remove(&mut attributes, &absent::GROUP),
            Self::GROUP_UPDATED => absent::remove_inside(&mut attributes, &absent::GROUP),
            _ => {}
        }
        attributes
    }

    /// The attributes as the feed shows them: with the absent values that [`stored`](Self::stored) has removed. Attributes
    /// that an earlier release has stored with absent values remain unchanged.
    #[must_use]
    pub fn shown(self, mut attributes: Map<String, Value>) -> Map<String, Value> {
        match self {
            Self::USER_CREATED | Self::USER_DELETED => absent::restore(&mut attributes, &absent::USER),
            Self::USER_UPDATED => absent::restore_inside(&mut attributes, &absent::USER),
            Self::GROUP_CREATED | Self::GROUP_DELETED => absent::restore(&mut attributes, &absent::GROUP),
            Self::GROUP_UPDATED => absent::restore_inside(&mut attributes, &absent::GROUP),
            _ => {}
        }
        attributes
    }
}

/// A stored change with its revision and origin, as the feed serves it. The types are text because a newer release may
/// have stored a type that this one does not know; followers ignore types that they do not know.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of `Change`, `Origin` and `Actor`")]
pub struct ChangeRecord {
    pub revision: i64,
    pub time: Timestamp,
    pub actor_type: String,
    pub actor_id: String,
    pub request_id: String,
    pub trace_id: Option<TraceId>,
    pub kind: String,
    pub resource: String,
    pub id: Uuid,
    pub member: Option<Uuid>,
    pub version: i64,
    pub before: Option<Map<String, Value>>,
    pub after: Option<Map<String, Value>>,
    pub erased: bool,
    pub reverts: Vec<i64>,
    /// The digest of the tenant after the change; `None` if it was unknown.
    pub digest: Option<Digest>,
}

impl Serialize for ChangeRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("revision", &self.revision)?;
        map.serialize_entry("time", &self.time)?;
        map.serialize_entry("actor", &json!({ "type": self.actor_type, "id": self.actor_id }))?;
        map.serialize_entry("requestId", &self.request_id)?;
        if let Some(trace) = &self.trace_id {
            map.serialize_entry("traceId", trace)?;
        }
        map.serialize_entry("type", &self.kind)?;
        map.serialize_entry("resource", &self.resource)?;
        match &self.member {
            None => map.serialize_entry("id", &self.id)?,
            Some(user) => {
                map.serialize_entry("groupId", &self.id)?;
                map.serialize_entry("userId", user)?;
            }
        }
        map.serialize_entry("version", &self.version)?;
        map.serialize_entry("before", &self.before)?;
        map.serialize_entry("after", &self.after)?;
        if self.erased {
            map.serialize_entry("erased", &true)?;
        }
        if !self.reverts.is_empty() {
            map.serialize_entry("reverts", &self.reverts)?;
        }
        map.serialize_entry("digest", &self.digest)?;
        map.end()
    }
}
