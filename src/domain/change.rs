//! Changes: the rows that the change feed and the audit log share.

use super::time::Timestamp;
use derive_more::Display;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The types of changes, with the stable names that clients see and that are stored.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
#[display("{}", self.name())]
#[expect(missing_docs, reason = "the names say it")]
pub enum ChangeKind {
    UserCreated,
    UserUpdated,
    UserDeleted,
    UserErased,
    GroupCreated,
    GroupUpdated,
    GroupDeleted,
    MemberAdded,
    MemberRemoved,
    KeyCreated,
    KeyUpdated,
    KeyDeleted,
    ConnectionCreated,
    ConnectionUpdated,
    ConnectionDeleted,
    ConnectionTokenCreated,
    ConnectionTokenDeleted,
    TenantCreated,
    TenantUpdated,
    TenantDeleted,
}

impl ChangeKind {
    /// Every type, in the order in which the documentation lists them.
    pub const ALL: [Self; 20] = [
        Self::UserCreated,
        Self::UserUpdated,
        Self::UserDeleted,
        Self::UserErased,
        Self::GroupCreated,
        Self::GroupUpdated,
        Self::GroupDeleted,
        Self::MemberAdded,
        Self::MemberRemoved,
        Self::KeyCreated,
        Self::KeyUpdated,
        Self::KeyDeleted,
        Self::ConnectionCreated,
        Self::ConnectionUpdated,
        Self::ConnectionDeleted,
        Self::ConnectionTokenCreated,
        Self::ConnectionTokenDeleted,
        Self::TenantCreated,
        Self::TenantUpdated,
        Self::TenantDeleted,
    ];

    /// The stable name, for example `user.updated`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserCreated => "user.created",
            Self::UserUpdated => "user.updated",
            Self::UserDeleted => "user.deleted",
            Self::UserErased => "user.erased",
            Self::GroupCreated => "group.created",
            Self::GroupUpdated => "group.updated",
            Self::GroupDeleted => "group.deleted",
            Self::MemberAdded => "member.added",
            Self::MemberRemoved => "member.removed",
            Self::KeyCreated => "key.created",
            Self::KeyUpdated => "key.updated",
            Self::KeyDeleted => "key.deleted",
            Self::ConnectionCreated => "connection.created",
            Self::ConnectionUpdated => "connection.updated",
            Self::ConnectionDeleted => "connection.deleted",
            Self::ConnectionTokenCreated => "connection.tokenCreated",
            Self::ConnectionTokenDeleted => "connection.tokenDeleted",
            Self::TenantCreated => "tenant.created",
            Self::TenantUpdated => "tenant.updated",
            Self::TenantDeleted => "tenant.deleted",
        }
    }

    /// The type of this name, which is case-sensitive.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind of resource that changed.
    #[must_use]
    pub const fn resource(self) -> ResourceKind {
        match self {
            Self::UserCreated | Self::UserUpdated | Self::UserDeleted | Self::UserErased => {
                ResourceKind::User
            }
            Self::GroupCreated | Self::GroupUpdated | Self::GroupDeleted => ResourceKind::Group,
            Self::MemberAdded | Self::MemberRemoved => ResourceKind::Member,
            Self::KeyCreated | Self::KeyUpdated | Self::KeyDeleted => ResourceKind::Key,
            Self::ConnectionCreated
            | Self::ConnectionUpdated
            | Self::ConnectionDeleted
            | Self::ConnectionTokenCreated
            | Self::ConnectionTokenDeleted => ResourceKind::Connection,
            Self::TenantCreated | Self::TenantUpdated | Self::TenantDeleted => ResourceKind::Tenant,
        }
    }
}

/// The kinds of resources whose changes are recorded.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
#[display("{}", self.name())]
#[expect(missing_docs, reason = "the names say it")]
pub enum ResourceKind {
    User,
    Group,
    Member,
    Key,
    Connection,
    Tenant,
}

impl ResourceKind {
    /// Every kind, in the order in which the documentation lists them.
    pub const ALL: [Self; 6] =
        [Self::User, Self::Group, Self::Member, Self::Key, Self::Connection, Self::Tenant];

    /// The stable name, for example `user`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Member => "member",
            Self::Key => "key",
            Self::Connection => "connection",
            Self::Tenant => "tenant",
        }
    }

    /// The kind of this name, which is case-sensitive.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether only admins may read changes of this kind.
    #[must_use]
    pub const fn is_admin_only(self) -> bool {
        matches!(self, Self::Key | Self::Connection | Self::Tenant)
    }
}

/// A resource whose writes are recorded as changes.
pub trait Auditable {
    /// The type of change that records a creation.
    const CREATED: ChangeKind;
    /// The type of change that records an update.
    const UPDATED: ChangeKind;
    /// The type of change that records a deletion.
    const DELETED: ChangeKind;

    /// The resource's id and current version.
    fn stamp(&self) -> Stamp;

    /// The top-level attributes that a change records.
    fn snapshot(&self) -> Map<String, Value>;
}

/// A snapshot with these attributes.
pub(super) fn attributes<const N: usize>(attributes: [(&str, Value); N]) -> Map<String, Value> {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Identifies one version of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The resource's id.
    pub id: Uuid,
    /// The version.
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
    /// The previous value of each top-level attribute that changed; `None` for a creation.
    pub before: Option<Map<String, Value>>,
    /// The new value of each top-level attribute that changed; `None` for a deletion.
    pub after: Option<Map<String, Value>>,
    /// Whether an erasure removed the values.
    pub erased: bool,
}

impl Change {
    /// Records a creation.
    #[must_use]
    pub fn created<R: Auditable>(tenant: Uuid, resource: &R) -> Self {
        Self::new(tenant, R::CREATED, resource.stamp(), None, Some(resource.snapshot()))
    }

    /// Records an update, with only the attributes that differ.
    #[must_use]
    pub fn updated<R: Auditable>(tenant: Uuid, before: &R, after: &R) -> Self {
        let (mut old, mut new) = (before.snapshot(), after.snapshot());
        old.retain(|name, value| new.get(name) != Some(value));
        new.retain(|name, _| old.contains_key(name));
        Self::new(tenant, R::UPDATED, after.stamp(), Some(old), Some(new))
    }

    /// Records a deletion at `now`, which counts as one more version.
    #[must_use]
    pub fn deleted<R: Auditable>(tenant: Uuid, resource: &R, now: Timestamp) -> Self {
        let Stamp { id, version, time } = resource.stamp();
        let stamp = Stamp { id, version: version + 1, time: now.after(time) };
        Self::new(tenant, R::DELETED, stamp, Some(resource.snapshot()), None)
    }

    /// Records that the values of a user were erased from its history; `user` is the user's last version.
    #[must_use]
    pub fn user_erased(tenant: Uuid, user: Stamp) -> Self {
        Self::new(tenant, ChangeKind::UserErased, user, None, None)
    }

    /// Records that a user was added to the group that `group` identifies.
    #[must_use]
    pub fn member_added(tenant: Uuid, group: Stamp, user: Uuid) -> Self {
        Self { member: Some(user), ..Self::new(tenant, ChangeKind::MemberAdded, group, None, None) }
    }

    /// Records that a user was removed from the group that `group` identifies.
    #[must_use]
    pub fn member_removed(tenant: Uuid, group: Stamp, user: Uuid) -> Self {
        Self { member: Some(user), ..Self::new(tenant, ChangeKind::MemberRemoved, group, None, None) }
    }

    pub(super) fn new(
        tenant: Uuid,
        kind: ChangeKind,
        stamp: Stamp,
        before: Option<Map<String, Value>>,
        after: Option<Map<String, Value>>,
    ) -> Self {
        let Stamp { id, version, time } = stamp;
        Self { tenant, kind, id, member: None, version, time, before, after, erased: false }
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
    pub kind: String,
    pub resource: String,
    pub id: Uuid,
    pub member: Option<Uuid>,
    pub version: i64,
    pub before: Option<Map<String, Value>>,
    pub after: Option<Map<String, Value>>,
    pub erased: bool,
}

impl Serialize for ChangeRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("revision", &self.revision)?;
        map.serialize_entry("time", &self.time)?;
        map.serialize_entry("actor", &json!({ "type": self.actor_type, "id": self.actor_id }))?;
        map.serialize_entry("requestId", &self.request_id)?;
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
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_start_with_their_resource() {
        for kind in ChangeKind::ALL {
            assert_eq!(ChangeKind::from_name(kind.name()), Some(kind));
            assert_eq!(kind.name().split('.').next(), Some(kind.resource().name()));
        }
        for kind in ResourceKind::ALL {
            assert_eq!(ResourceKind::from_name(kind.name()), Some(kind));
        }
        for unknown in ["", "user", "user.", "User.created", "user.renamed"] {
            assert_eq!(ChangeKind::from_name(unknown), None, "{unknown}");
        }
    }
}
