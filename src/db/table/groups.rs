//! `groups`

use super::{ExternalIds, Index, IndexedColumn, Joined, Rank, Table};

/// `groups`
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
    external_ids: ExternalIds { at: EXTERNAL_IDS, source: "group_external_ids.source" },
    joined: Joined { list: "members", own: "members.group_id", other: "members.user_id" },
    indexes: &[
        own("id", "groups.id", Rank::One),
        own("displayName", "groups.display_name_key", Rank::Few),
        own("createdAt", "groups.created_at", Rank::Few),
        own("updatedAt", "groups.updated_at", Rank::Few),
        Index { list: None, attribute: "externalId", at: EXTERNAL_IDS, rank: Rank::One },
        Index { list: Some("members"), attribute: "value", at: MEMBERS, rank: Rank::Few },
    ],
};

const fn own(attribute: &'static str, key: &'static str, rank: Rank) -> Index {
    let at = IndexedColumn { table: "groups", tenant: "groups.tenant_id", id: "groups.id", key };
    Index { list: None, attribute, at, rank }
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
