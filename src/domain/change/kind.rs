//! The types of changes and of the resources that change.

use derive_more::Display;

/// The type of a change. Each type has a stable name, which clients see and the database stores.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
#[display("{name}")]
pub struct ChangeKind {
    resource: ResourceKind,
    name: &'static str,
}

#[expect(missing_docs, reason = "the names are self-explanatory")]
impl ChangeKind {
    pub const USER_CREATED: Self = Self::of(ResourceKind::User, "user.created");
    pub const USER_UPDATED: Self = Self::of(ResourceKind::User, "user.updated");
    pub const USER_DELETED: Self = Self::of(ResourceKind::User, "user.deleted");
    pub const USER_ERASED: Self = Self::of(ResourceKind::User, "user.erased");
    pub const GROUP_CREATED: Self = Self::of(ResourceKind::Group, "group.created");
    pub const GROUP_UPDATED: Self = Self::of(ResourceKind::Group, "group.updated");
    pub const GROUP_DELETED: Self = Self::of(ResourceKind::Group, "group.deleted");
    pub const MEMBER_ADDED: Self = Self::of(ResourceKind::Member, "member.added");
    pub const MEMBER_REMOVED: Self = Self::of(ResourceKind::Member, "member.removed");
    pub const KEY_CREATED: Self = Self::of(ResourceKind::Key, "key.created");
    pub const KEY_UPDATED: Self = Self::of(ResourceKind::Key, "key.updated");
    pub const KEY_DELETED: Self = Self::of(ResourceKind::Key, "key.deleted");
    pub const CONNECTION_CREATED: Self = Self::of(ResourceKind::Connection, "connection.created");
    pub const CONNECTION_UPDATED: Self = Self::of(ResourceKind::Connection, "connection.updated");
    pub const CONNECTION_DELETED: Self = Self::of(ResourceKind::Connection, "connection.deleted");
    pub const CONNECTION_HELD: Self = Self::of(ResourceKind::Connection, "connection.held");
    pub const CONNECTION_RELEASED: Self = Self::of(ResourceKind::Connection, "connection.released");
    pub const CONNECTION_TOKEN_CREATED: Self = Self::of(ResourceKind::Connection, "connection.tokenCreated");
    pub const CONNECTION_TOKEN_UPDATED: Self = Self::of(ResourceKind::Connection, "connection.tokenUpdated");
    pub const CONNECTION_TOKEN_DELETED: Self = Self::of(ResourceKind::Connection, "connection.tokenDeleted");
    pub const TENANT_CREATED: Self = Self::of(ResourceKind::Tenant, "tenant.created");
    pub const TENANT_UPDATED: Self = Self::of(ResourceKind::Tenant, "tenant.updated");
    pub const TENANT_DELETED: Self = Self::of(ResourceKind::Tenant, "tenant.deleted");

    /// Every type, in the order in which the documentation lists them.
    pub const ALL: [Self; 23] = [
        Self::USER_CREATED,
        Self::USER_UPDATED,
        Self::USER_DELETED,
        Self::USER_ERASED,
        Self::GROUP_CREATED,
        Self::GROUP_UPDATED,
        Self::GROUP_DELETED,
        Self::MEMBER_ADDED,
        Self::MEMBER_REMOVED,
        Self::KEY_CREATED,
        Self::KEY_UPDATED,
        Self::KEY_DELETED,
        Self::CONNECTION_CREATED,
        Self::CONNECTION_UPDATED,
        Self::CONNECTION_DELETED,
        Self::CONNECTION_HELD,
        Self::CONNECTION_RELEASED,
        Self::CONNECTION_TOKEN_CREATED,
        Self::CONNECTION_TOKEN_UPDATED,
        Self::CONNECTION_TOKEN_DELETED,
        Self::TENANT_CREATED,
        Self::TENANT_UPDATED,
        Self::TENANT_DELETED,
    ];

    const fn of(resource: ResourceKind, name: &'static str) -> Self {
        Self { resource, name }
    }

    /// The stable name, for example `user.updated`.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The type with this name, which is case-sensitive.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name == name)
    }

    /// The kind of resource that changed.
    pub const fn resource(self) -> ResourceKind {
        self.resource
    }
}

/// The kind of a resource whose changes are recorded.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
#[display("{}", self.name())]
#[expect(missing_docs, reason = "the names are self-explanatory")]
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

    /// The kind with this name, which is case-sensitive.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether only admins may read changes of this kind.
    pub const fn is_admin_only(self) -> bool {
        matches!(self, Self::Key | Self::Connection | Self::Tenant)
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
