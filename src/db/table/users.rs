//! The table of users.

use super::{ExternalIds, Index, IndexedColumn, JoinTable, Selectivity, Serves, Table};

/// The table of users.
pub static USERS: Table = Table {
    name: "users",
    row: "users.id, users.user_name, users.display_name, users.active, users.document, users.version, \
          users.created_at, users.updated_at",
    tenant: "users.tenant_id",
    id: "users.id",
    document: "users.document",
    folded: "users.folded",
    columns: &[
        ("id", "users.id"),
        ("userName", "users.user_name_key"),
        ("displayName", "users.display_name_key"),
        ("active", "users.active"),
        ("version", "users.version"),
        ("createdAt", "users.created_at"),
        ("updatedAt", "users.updated_at"),
    ],
    unique: Some("users.user_name_key"),
    external_ids: ExternalIds { column: EXTERNAL_IDS, source: "user_external_ids.source" },
    join: JoinTable { list: "groups", own: "members.user_id", other: "members.group_id" },
    indexes: &[
        own_column("id", "users.id", Selectivity::Unique),
        own_column("userName", "users.user_name_key", Selectivity::Unique),
        own_column("displayName", "users.display_name_key", Selectivity::Few),
        Index { serves: Serves::CreationTimes, ..own_column("createdAt", "users.id", Selectivity::Few) },
        own_column("updatedAt", "users.updated_at", Selectivity::Few),
        Index {
            serves: Serves::False("users.active"),
            ..own_column("active", "users.id", Selectivity::Half)
        },
        index(None, "externalId", EXTERNAL_IDS, Selectivity::Unique),
        index(Some("emails"), "value", EMAILS, Selectivity::Few),
        // A group can have many members.
        index(Some("groups"), "value", MEMBERS, Selectivity::Range),
    ],
};

const fn own_column(attribute: &'static str, key: &'static str, selectivity: Selectivity) -> Index {
    let column = IndexedColumn { table: "users", tenant: "users.tenant_id", id: "users.id", key };
    index(None, attribute, column, selectivity)
}

const fn index(
    list: Option<&'static str>,
    attribute: &'static str,
    column: IndexedColumn,
    selectivity: Selectivity,
) -> Index {
    Index { list, attribute, column, selectivity, serves: Serves::Values }
}

const EXTERNAL_IDS: IndexedColumn = IndexedColumn {
    table: "user_external_ids",
    tenant: "user_external_ids.tenant_id",
    id: "user_external_ids.user_id",
    key: "user_external_ids.external_id",
};

const EMAILS: IndexedColumn = IndexedColumn {
    table: "user_emails",
    tenant: "user_emails.tenant_id",
    id: "user_emails.user_id",
    key: "user_emails.value_key",
};

const MEMBERS: IndexedColumn = IndexedColumn {
    table: "members",
    tenant: "members.tenant_id",
    id: "members.user_id",
    key: "members.group_id",
};
