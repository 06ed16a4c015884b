//! The tables whose rows are listed, as SQL names them.

mod groups;
mod users;

pub use groups::GROUPS;
pub use users::USERS;

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
    /// The memberships that it is joined with others by.
    pub joined: Joined,
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

/// One side of the table of members.
#[derive(Debug)]
pub struct Joined {
    /// What filters call the list of those on the other side.
    pub list: &'static str,
    /// The column of the resources' own ids.
    pub own: &'static str,
    /// The column of the others' ids.
    pub other: &'static str,
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
