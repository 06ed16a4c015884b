//! `users`

use super::{ExternalIds, Index, IndexedColumn, Joined, Rank, Table};

/// `users`
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
    external_ids: ExternalIds { at: EXTERNAL_IDS, source: "user_external_ids.source" },
    joined: Joined { list: "groups", own: "members.user_id", other: "members.group_id" },
    indexes: &[
        own("id", "users.id", Rank::One),
        own("userName", "users.user_name_key", Rank::One),
        own("displayName", "users.display_name_key", Rank::Few),
        own("createdAt", "users.created_at", Rank::Few),
        own("updatedAt", "users.updated_at", Rank::Few),
        own("active", "users.active", Rank::Half),
        Index { list: None, attribute: "externalId", at: EXTERNAL_IDS, rank: Rank::One },
        Index { list: Some("emails"), attribute: "value", at: EMAILS, rank: Rank::Few },
        // A group can have many members.
        Index { list: Some("groups"), attribute: "value", at: MEMBERS, rank: Rank::Range },
    ],
};

const fn own(attribute: &'static str, key: &'static str, rank: Rank) -> Index {
    let at = IndexedColumn { table: "users", tenant: "users.tenant_id", id: "users.id", key };
    Index { list: None, attribute, at, rank }
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
