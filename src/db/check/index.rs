//! The tables that index values of users and groups. The values themselves are in the documents.

use super::Check;
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::domain::filter::Value;
use diesel::QueryResult;
use diesel::sql_types::{BigInt, Text};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A table of index rows.
pub(super) struct IndexTable {
    pub(super) name: &'static str,
    /// The kind of the indexed resource.
    resource: &'static str,
    /// The column with the id of the resource.
    id: &'static str,
    /// The columns that distinguish the rows of a resource, and the indexed value.
    columns: [&'static str; 2],
}

pub(super) const EMAILS: IndexTable =
    IndexTable { name: "user_emails", resource: "user", id: "user_id", columns: ["position", "value_key"] };

pub(super) const USER_EXTERNAL_IDS: IndexTable = IndexTable {
    name: "user_external_ids",
    resource: "user",
    id: "user_id",
    columns: ["source", "external_id"],
};

pub(super) const GROUP_EXTERNAL_IDS: IndexTable = IndexTable {
    name: "group_external_ids",
    resource: "group",
    id: "group_id",
    columns: ["source", "external_id"],
};

/// The index rows of one resource.
pub(super) type IndexRows = Vec<(String, String)>;

/// Ids after the first one, up to and including the second.
pub(super) type IdRange = (Uuid, Uuid);

impl Check<'_> {
    /// The index rows of a range of resources.
    pub(super) fn index_rows(
        &mut self,
        table: &IndexTable,
        range: IdRange,
    ) -> QueryResult<BTreeMap<Uuid, IndexRows>> {
        let IndexTable { name, id, columns: [part, value], .. } = table;
        let mut statement = Fragment::default();
        statement.sql(format!("SELECT {id}, CAST({part} AS text), {value} FROM {name} WHERE tenant_id = "));
        // PostgreSQL would take a name without a table for that of the text in the output.
        self.restrict(&mut statement, id, range).sql(format!(" ORDER BY {name}.{id}, {name}.{part}"));
        let rows: Vec<(Uid, String, String)> =
            self.connection.load(Statement::<(Id, Text, Text)>::of(statement))?;
        let mut by_id: BTreeMap<Uuid, IndexRows> = BTreeMap::new();
        for (Uid(id), part, value) in rows {
            by_id.entry(id).or_default().push((part, value));
        }
        Ok(by_id)
    }

    /// The numbers of members of a range of groups.
    pub(super) fn member_counts(&mut self, range: IdRange) -> QueryResult<BTreeMap<Uuid, i64>> {
        let mut statement = Fragment::of("SELECT group_id, count(*) FROM members WHERE tenant_id = ");
        self.restrict(&mut statement, "group_id", range).sql(" GROUP BY group_id");
        let rows: Vec<(Uid, i64)> = self.connection.load(Statement::<(Id, BigInt)>::of(statement))?;
        Ok(rows.into_iter().map(|(Uid(id), count)| (id, count)).collect())
    }

    fn restrict<'s>(
        &self,
        statement: &'s mut Fragment,
        id: &'static str,
        (after, last): IdRange,
    ) -> &'s mut Fragment {
        statement.value(Value::Id(self.tenant)).sql(" AND ").sql(id).sql(" > ").value(Value::Id(after));
        statement.sql(" AND ").sql(id).sql(" <= ").value(Value::Id(last))
    }

    /// Compares the index rows of a resource with those that its document requires.
    pub(super) fn compare_index(
        &mut self,
        table: &IndexTable,
        id: Uuid,
        found: Option<IndexRows>,
        expected: &IndexRows,
    ) {
        if found.unwrap_or_default() != *expected {
            let IndexTable { name, resource, .. } = table;
            self.report(format!("{resource} {id}: {name} differs from the document"));
        }
    }

    /// Reports index rows of resources that do not exist.
    pub(super) fn report_orphans<T>(&mut self, table: &str, resource: &str, left: BTreeMap<Uuid, T>) {
        for id in left.into_keys() {
            self.report(format!("{table} has rows of {resource} {id}, which does not exist"));
        }
    }
}
