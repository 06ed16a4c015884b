//! The tables whose rows are listed, as SQL names them.

/// A table of resources.
#[derive(Debug)]
pub struct Table {
    /// Its name, which is also that of its counter in the head row.
    pub name: &'static str,
    /// What is read of a row, in the order of its row type's fields.
    pub row: &'static str,
    /// The column of tenants.
    pub tenant: &'static str,
    /// The column of ids.
    pub id: &'static str,
    /// The column of whole documents.
    pub document: &'static str,
    /// The column of folded documents.
    pub folded: &'static str,
    /// Attributes with a column that holds them as they are compared.
    pub columns: &'static [(&'static str, &'static str)],
    /// The column, if there is one, of which no two resources of a tenant have the same.
    pub unique: Option<&'static str>,
    /// Where externalIds are looked up.
    pub external_ids: ExternalIds,
    /// What is looked up in an index.
    pub indexes: &'static [Index],
}

/// A table of externalIds.
#[derive(Debug)]
pub struct ExternalIds {
    /// Where they are.
    pub at: IndexedColumn,
    /// The column of sources.
    pub source: &'static str,
}

/// An attribute with an index.
#[derive(Debug)]
pub struct Index {
    /// The list that it is a part of the elements of.
    pub list: Option<&'static str>,
    /// Its name.
    pub attribute: &'static str,
    /// Where it is.
    pub at: IndexedColumn,
    /// How few resources of one value there are.
    pub rank: Rank,
}

/// A column with an index that begins with tenant and column, in a table of its own or the resources' own.
#[derive(Clone, Copy, Debug)]
pub struct IndexedColumn {
    /// The table.
    pub table: &'static str,
    /// Its column of tenants.
    pub tenant: &'static str,
    /// Its column of the resources' ids.
    pub id: &'static str,
    /// The column with the index.
    pub key: &'static str,
}

/// How few resources a look-up is likely to find, the fewest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// At most one.
    One,
    /// Few.
    Few,
    /// A range of values, or a crowd that has one value.
    Range,
    /// Half of all.
    Half,
}

impl Table {
    /// The column of an attribute that has one.
    #[must_use]
    pub fn column(&self, attribute: &str) -> Option<&'static str> {
        self.columns.iter().find(|(name, _)| *name == attribute).map(|(_, column)| *column)
    }
}

const fn own(attribute: &'static str, key: &'static str, rank: Rank) -> Index {
    let at = IndexedColumn { table: "users", tenant: "users.tenant_id", id: "users.id", key };
    Index { list: None, attribute, at, rank }
}

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
    external_ids: ExternalIds { at: USER_EXTERNAL_IDS, source: "user_external_ids.source" },
    indexes: &[
        own("id", "users.id", Rank::One),
        own("userName", "users.user_name_key", Rank::One),
        own("displayName", "users.display_name_key", Rank::Few),
        own("createdAt", "users.created_at", Rank::Few),
        own("updatedAt", "users.updated_at", Rank::Few),
        own("active", "users.active", Rank::Half),
        Index {
            list: Some("emails"),
            attribute: "value",
            at: IndexedColumn {
                table: "user_emails",
                tenant: "user_emails.tenant_id",
                id: "user_emails.user_id",
                key: "user_emails.value_key",
            },
            rank: Rank::Few,
        },
        Index { list: None, attribute: "externalId", at: USER_EXTERNAL_IDS, rank: Rank::One },
    ],
};

const USER_EXTERNAL_IDS: IndexedColumn = IndexedColumn {
    table: "user_external_ids",
    tenant: "user_external_ids.tenant_id",
    id: "user_external_ids.user_id",
    key: "user_external_ids.external_id",
};
