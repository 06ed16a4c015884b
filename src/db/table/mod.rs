//! The tables of resources: their columns and indexes, as needed to generate SQL.

mod groups;
mod users;

pub use groups::GROUPS;
pub use users::USERS;

/// A table of resources.
#[derive(Debug)]
pub struct Table {
    /// The name, which is also that of the counter in the head row.
    pub name: &'static str,
    /// The columns of the row type, in the order of its fields.
    pub row: &'static str,
    /// The tenant column.
    pub tenant: &'static str,
    /// The id column.
    pub id: &'static str,
    /// The column of documents as they were sent.
    pub document: &'static str,
    /// The column of documents with folded strings.
    pub folded: &'static str,
    /// Attributes with a column of comparable values: `(attribute, column)`.
    pub columns: &'static [(&'static str, &'static str)],
    /// The column whose values are unique within a tenant, if there is one.
    pub unique: Option<&'static str>,
    /// The table of externalIds.
    pub external_ids: ExternalIds,
    /// The join table of users and groups.
    pub join: JoinTable,
    /// The indexed attributes.
    pub indexes: &'static [Index],
}

/// A table of externalIds.
#[derive(Debug)]
pub struct ExternalIds {
    /// The column of externalIds.
    pub column: IndexedColumn,
    /// The column of their sources.
    pub source: &'static str,
}

/// The table of members, as seen from users or from groups.
#[derive(Debug)]
pub struct JoinTable {
    /// The attribute that lists the resources on the other side.
    pub list: &'static str,
    /// The column of ids on this side.
    pub own: &'static str,
    /// The column of ids on the other side.
    pub other: &'static str,
}

/// An attribute with an index.
#[derive(Debug)]
pub struct Index {
    /// The list whose elements have the attribute.
    pub list: Option<&'static str>,
    /// The name of the attribute.
    pub attribute: &'static str,
    /// The indexed column.
    pub column: IndexedColumn,
    /// The selectivity of a comparison with one value.
    pub selectivity: Selectivity,
    /// The tests that the index can serve.
    pub serves: Serves,
}

/// The tests that an index can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// Comparisons with the values in the indexed column.
    Values,
    /// Comparisons with a time of creation. The indexed column contains ids, which contain that time.
    CreationTimes,
    /// A comparison of a Boolean column with false. A partial index contains the ids of such rows.
    False(&'static str),
}

/// A column with an index on (tenant, column). It is in the resources' table or in a table that refers to them.
#[derive(Clone, Copy, Debug)]
pub struct IndexedColumn {
    /// The table.
    pub table: &'static str,
    /// The tenant column.
    pub tenant: &'static str,
    /// The column of the resources' ids.
    pub id: &'static str,
    /// The indexed column.
    pub key: &'static str,
}

/// The expected number of matching resources, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selectivity {
    /// At most one.
    Unique,
    /// A few.
    Few,
    /// Possibly many: a range of values, or a value that many resources share.
    Range,
    /// Up to half of all resources.
    Half,
}

impl Table {
    /// The column of an attribute, if it has one.
    #[must_use]
    pub fn column(&self, attribute: &str) -> Option<&'static str> {
        self.columns.iter().find(|(name, _)| *name == attribute).map(|(_, column)| *column)
    }
}
