//! One write as a fact: what the change feed and the audit read.

use super::time::Timestamp;
use super::user::User;
use serde_json::{Map, Value};
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
    /// Which resource.
    pub id: Uuid,
    /// The resource's version after it.
    pub version: i64,
    /// The resource's new `updatedAt`.
    pub time: Timestamp,
    /// Each attribute that changed, whole, as it was; `None` before a creation.
    pub before: Option<Map<String, Value>>,
    /// Each attribute that changed, whole, as it is; `None` after a deletion.
    pub after: Option<Map<String, Value>>,
}

impl Change {
    /// A user came to be.
    #[must_use]
    pub fn user_created(tenant: Uuid, user: &User) -> Self {
        Self::of_user(tenant, "user.created", user, None, Some(user.facts()))
    }

    /// A user was written; only what differs is told.
    #[must_use]
    pub fn user_updated(tenant: Uuid, before: &User, after: &User) -> Self {
        let (mut old, mut new) = (before.facts(), after.facts());
        old.retain(|name, value| new.get(name) != Some(value));
        new.retain(|name, _| old.contains_key(name));
        Self::of_user(tenant, "user.updated", after, Some(old), Some(new))
    }

    /// A user was deleted at `time`: the last version and one more.
    #[must_use]
    pub fn user_deleted(tenant: Uuid, user: &User, time: Timestamp) -> Self {
        let mut change = Self::of_user(tenant, "user.deleted", user, Some(user.facts()), None);
        change.version += 1;
        change.time = time.after(user.updated_at);
        change
    }

    fn of_user(
        tenant: Uuid,
        kind: &'static str,
        user: &User,
        before: Option<Map<String, Value>>,
        after: Option<Map<String, Value>>,
    ) -> Self {
        Self {
            tenant,
            kind,
            resource: "user",
            id: user.id,
            version: user.version,
            time: user.updated_at,
            before,
            after,
        }
    }
}
