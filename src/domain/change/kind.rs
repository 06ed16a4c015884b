//! The types of changes and of the resources that change.

use derive_more::Display;

/// The type of a change. Each type has a stable name, which clients see and the database stores.
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

/// The kind of a resource whose changes are recorded.
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
