//! One write as a fact: what the change feed and the audit read.

use super::DEFAULT_TENANT;
use super::connection::{Connection, Token};
use super::group::Group;
use super::key::Key;
use super::tenant::Tenant;
use super::time::Timestamp;
use super::user::User;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// On whose behalf an operation runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who asked.
    pub actor: Actor,
    /// The request's `X-Request-Id`: at most 128 visible ASCII characters.
    pub request_id: Arc<str>,
}

/// Who asked for an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// What kind of caller.
    pub kind: ActorKind,
    /// Its id within its kind: `admin` for the key of the settings.
    pub id: Arc<str>,
}

/// The kinds of callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, derive_more::Display)]
pub enum ActorKind {
    /// The key of the settings.
    #[display("admin")]
    Admin,
    /// A key in the database.
    #[display("key")]
    Key,
    /// A connection, by one of its tokens.
    #[display("connection")]
    Connection,
    /// The command.
    #[display("cli")]
    Cli,
    /// The server itself, which changes nothing.
    #[display("server")]
    Server,
}

impl Origin {
    /// The server acting for itself: probes and start-up.
    #[must_use]
    pub fn server() -> Self {
        Self { actor: Actor { kind: ActorKind::Server, id: "roster".into() }, request_id: "-".into() }
    }
}

/// A change of one resource, not yet numbered.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Whose history it belongs to.
    pub tenant: Uuid,
    /// For example `user.updated`.
    pub kind: &'static str,
    /// For example `user`.
    pub resource: &'static str,
    /// Which resource; of a member the group.
    pub id: Uuid,
    /// Of a member the user.
    pub member: Option<Uuid>,
    /// The resource's version after it; of a member the group's.
    pub version: i64,
    /// The resource's new `updatedAt`; of a member the group's.
    pub time: Timestamp,
    /// Each attribute that changed, whole, as it was; `None` before a creation.
    pub before: Option<Map<String, Value>>,
    /// Each attribute that changed, whole, as it is; `None` after a deletion.
    pub after: Option<Map<String, Value>>,
    /// Whether values were taken out for good.
    pub erased: bool,
}

/// What only admins may know of.
pub const ADMIN_RESOURCES: [&str; 3] = ["key", "connection", "tenant"];

/// The kinds of changes.
pub const KINDS: [&str; 20] = [
    "user.created",
    "user.updated",
    "user.deleted",
    "user.erased",
    "group.created",
    "group.updated",
    "group.deleted",
    "member.added",
    "member.removed",
    "key.created",
    "key.updated",
    "key.deleted",
    "connection.created",
    "connection.updated",
    "connection.deleted",
    "connection.tokenCreated",
    "connection.tokenDeleted",
    "tenant.created",
    "tenant.updated",
    "tenant.deleted",
];

/// A change as it is kept and told.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "they are a change's, and its origin's")]
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

/// What a change is about.
struct Subject {
    tenant: Uuid,
    resource: &'static str,
    id: Uuid,
    version: i64,
    time: Timestamp,
}

impl Subject {
    /// What was deleted at `time`: the last version and one more.
    fn deleted(self, time: Timestamp) -> Self {
        Self { version: self.version + 1, time: time.after(self.time), ..self }
    }
}

fn of_user(tenant: Uuid, user: &User) -> Subject {
    Subject { tenant, resource: "user", id: user.id, version: user.version, time: user.updated_at }
}

fn of_group(tenant: Uuid, group: &Group) -> Subject {
    Subject { tenant, resource: "group", id: group.id, version: group.version, time: group.updated_at }
}

fn of_key(key: &Key) -> Subject {
    Subject { tenant: key.tenant, resource: "key", id: key.id, version: key.version, time: key.updated_at }
}

fn of_connection(connection: &Connection) -> Subject {
    let Connection { id, tenant, version, updated_at, .. } = *connection;
    Subject { tenant, resource: "connection", id, version, time: updated_at }
}

/// Tenants have their history in that of the one that always exists.
fn of_tenant(tenant: &Tenant) -> Subject {
    let Tenant { id, version, updated_at, .. } = *tenant;
    Subject { tenant: DEFAULT_TENANT, resource: "tenant", id, version, time: updated_at }
}

type Facts = Map<String, Value>;

impl Change {
    /// A user came to be.
    #[must_use]
    pub fn user_created(tenant: Uuid, user: &User) -> Self {
        Self::new(of_user(tenant, user), "user.created", None, Some(user.facts()))
    }

    /// A user was written; only what differs is told.
    #[must_use]
    pub fn user_updated(tenant: Uuid, before: &User, after: &User) -> Self {
        Self::difference(of_user(tenant, after), "user.updated", before.facts(), after.facts())
    }

    /// A user was deleted at `time`.
    #[must_use]
    pub fn user_deleted(tenant: Uuid, user: &User, time: Timestamp) -> Self {
        Self::new(of_user(tenant, user).deleted(time), "user.deleted", Some(user.facts()), None)
    }

    /// The values of a user, whose last version this is, were taken out of its history.
    #[must_use]
    pub fn user_erased(tenant: Uuid, id: Uuid, version: i64, time: Timestamp) -> Self {
        Self::new(Subject { tenant, resource: "user", id, version, time }, "user.erased", None, None)
    }

    /// A group came to be.
    #[must_use]
    pub fn group_created(tenant: Uuid, group: &Group) -> Self {
        Self::new(of_group(tenant, group), "group.created", None, Some(group.facts()))
    }

    /// A group's attributes were written; only what differs is told.
    #[must_use]
    pub fn group_updated(tenant: Uuid, before: &Group, after: &Group) -> Self {
        Self::difference(of_group(tenant, after), "group.updated", before.facts(), after.facts())
    }

    /// A group was deleted at `time`, with its memberships.
    #[must_use]
    pub fn group_deleted(tenant: Uuid, group: &Group, time: Timestamp) -> Self {
        Self::new(of_group(tenant, group).deleted(time), "group.deleted", Some(group.facts()), None)
    }

    /// A user was added to a group, which came to this version then.
    #[must_use]
    pub fn member_added(tenant: Uuid, group: Uuid, user: Uuid, version: i64, time: Timestamp) -> Self {
        let subject = Subject { tenant, resource: "member", id: group, version, time };
        Self { member: Some(user), ..Self::new(subject, "member.added", None, None) }
    }

    /// A user was removed from a group, which came to this version then.
    #[must_use]
    pub fn member_removed(tenant: Uuid, group: Uuid, user: Uuid, version: i64, time: Timestamp) -> Self {
        let subject = Subject { tenant, resource: "member", id: group, version, time };
        Self { member: Some(user), ..Self::new(subject, "member.removed", None, None) }
    }

    /// A key was made.
    #[must_use]
    pub fn key_created(key: &Key) -> Self {
        Self::new(of_key(key), "key.created", None, Some(key.facts()))
    }

    /// A key was written.
    #[must_use]
    pub fn key_updated(before: &Key, after: &Key) -> Self {
        Self::difference(of_key(after), "key.updated", before.facts(), after.facts())
    }

    /// A key was revoked at `time`.
    #[must_use]
    pub fn key_deleted(key: &Key, time: Timestamp) -> Self {
        Self::new(of_key(key).deleted(time), "key.deleted", Some(key.facts()), None)
    }

    /// A connection was made.
    #[must_use]
    pub fn connection_created(connection: &Connection) -> Self {
        Self::new(of_connection(connection), "connection.created", None, Some(connection.facts()))
    }

    /// A connection was written.
    #[must_use]
    pub fn connection_updated(before: &Connection, after: &Connection) -> Self {
        Self::difference(of_connection(after), "connection.updated", before.facts(), after.facts())
    }

    /// A connection was deleted at `time`, and its tokens with it.
    #[must_use]
    pub fn connection_deleted(connection: &Connection, time: Timestamp) -> Self {
        let subject = of_connection(connection).deleted(time);
        Self::new(subject, "connection.deleted", Some(connection.facts()), None)
    }

    /// A connection got a token, which leaves its version as it is.
    #[must_use]
    pub fn token_created(connection: &Connection, token: &Token) -> Self {
        let subject = Subject { time: token.created_at, ..of_connection(connection) };
        Self::new(subject, "connection.tokenCreated", None, Some(token.facts()))
    }

    /// A token of a connection was revoked at `time`.
    #[must_use]
    pub fn token_deleted(connection: &Connection, token: &Token, time: Timestamp) -> Self {
        let subject = Subject { time, ..of_connection(connection) };
        Self::new(subject, "connection.tokenDeleted", Some(token.facts()), None)
    }

    /// A tenant was made.
    #[must_use]
    pub fn tenant_created(tenant: &Tenant) -> Self {
        Self::new(of_tenant(tenant), "tenant.created", None, Some(tenant.facts()))
    }

    /// A tenant was written.
    #[must_use]
    pub fn tenant_updated(before: &Tenant, after: &Tenant) -> Self {
        Self::difference(of_tenant(after), "tenant.updated", before.facts(), after.facts())
    }

    /// A tenant was deleted at `time`.
    #[must_use]
    pub fn tenant_deleted(tenant: &Tenant, time: Timestamp) -> Self {
        Self::new(of_tenant(tenant).deleted(time), "tenant.deleted", Some(tenant.facts()), None)
    }

    fn new(subject: Subject, kind: &'static str, before: Option<Facts>, after: Option<Facts>) -> Self {
        let Subject { tenant, resource, id, version, time } = subject;
        Self { tenant, kind, resource, id, member: None, version, time, before, after, erased: false }
    }

    /// What is the same before and after is not told.
    fn difference(subject: Subject, kind: &'static str, mut before: Facts, mut after: Facts) -> Self {
        before.retain(|name, value| after.get(name) != Some(value));
        after.retain(|name, _| before.contains_key(name));
        Self::new(subject, kind, Some(before), Some(after))
    }
}
