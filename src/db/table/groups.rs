//! The table of groups.

use super::{ExternalIds, Index, IndexedColumn, JoinTable, Selectivity, Serves, Table};

/// The table of groups.
pub static GROUPS: Table = Table {
    name: "groups",
    row: "groups.id, groups.display_name, groups.document, groups.member_count, groups.version, groups.created_at, \
          groups.updated_at",
    tenant: "groups.tenant_id",
    id: "groups.id",
    document: "groups.document",
    folded: "groups.folded",
    columns: &[
        ("id", "groups.id"),
        ("displayName", "groups.display_name_key"),
        ("memberCount", "groups.member_count"),
        ("version", "groups.version"),
        ("createdAt", "groups.created_at"),
        ("updatedAt", "groups.updated_at"),
    ],
    unique: None,
    external_ids: ExternalIds { column: EXTERNAL_IDS, source: "group_external_ids.source" },
    join: JoinTable { list: "members", own: "members.group_id", other: "members.user_id" },
    indexes: &[
        own_column("id", "groups.id", Selectivity::Unique),
        own_column("displayName", "groups.display_name_key", Selectivity::Few),
        Index { serves: Serves::CreationTimes, ..own_column("createdAt", "groups.id", Selectivity::Few) },
        own_column("updatedAt", "groups.updated_at", Selectivity::Few),
        index(None, "externalId", EXTERNAL_IDS, Selectivity::Unique),
        index(Some("members"), "value", MEMBERS, Selectivity::Few),
    ],
};

const fn own_column(attribute: &'static str, key: &'static str, selectivity: Selectivity) -> Index {
    let column = IndexedColumn { table: "groups", tenant: "groups.tenant_id", id: "groups.id", key };
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
    table: "group_external_ids",
    tenant: "group_external_ids.tenant_id",
    id: "group_external_ids.group_id",
    key: "group_external_ids.external_id",
};

const MEMBERS: IndexedColumn = IndexedColumn {
    table: "members",
    tenant: "members.tenant_id",
    id: "members.group_id",
    key: "members.user_id",
};
