//! The rows of one resource in the history of its tenant, in the order of their revisions.

use super::View;
use crate::db::Connection;
use crate::db::Dialect;
use crate::db::budget::{Budget, StoredSize};
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Document, Id, Measured, Uid};
use crate::domain::change::{ChangeKind, ResourceKind};
use crate::domain::filter::Value;
use crate::domain::id;
use crate::domain::time::Timestamp;
use crate::ops::{IDS_PER_STATEMENT, PAGE_BYTES};
use diesel::QueryResult;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A row without its values.
pub(in crate::ops) struct Row {
    pub(in crate::ops) revision: i64,
    pub(in crate::ops) version: i64,
    pub(in crate::ops) time: Timestamp,
    pub(in crate::ops) kind: String,
}

/// A row that contains the values before a change.
pub(super) struct ValuesRow {
    pub(super) revision: i64,
    pub(super) kind: String,
    pub(super) before: Option<Measured<Map<String, Json>>>,
}

impl StoredSize for (i64, String, Option<Measured<Map<String, Json>>>) {
    fn stored_size(&self) -> usize {
        self.2.as_ref().map_or(0, StoredSize::stored_size)
    }
}

/// The rows of a user, or of a group and its members.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Rows {
    pub(in crate::ops) tenant: Uuid,
    pub(in crate::ops) id: Uuid,
    pub(in crate::ops) kind: ResourceKind,
}

/// A range of revisions.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Revisions {
    /// The revision before the first one.
    pub(in crate::ops) after: i64,
    /// The last revision.
    pub(in crate::ops) through: i64,
}

impl Revisions {
    /// All revisions after this one.
    pub(in crate::ops) fn after(after: i64) -> Self {
        Self { after, through: i64::MAX }
    }

    /// The condition that the revision of a change is in the range.
    pub(in crate::ops) fn condition(self) -> Fragment {
        let mut condition = Fragment::of("changes.revision > ");
        condition.value(Value::Integer(self.after));
        condition.sql(" AND changes.revision <= ").value(Value::Integer(self.through));
        condition
    }
}

/// The maximum number of rows with values that are read at once.
const WINDOW: usize = 100;
/// The maximum number of changes of members that are in memory at once.
const MEMBER_WINDOW: usize = 10_000;

/// The kinds of changes that give a resource a new version. A member belongs to its group.
pub(super) fn kinds(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Group => "changes.resource IN ('group', 'member')",
        _ => "changes.resource = 'user'",
    }
}

/// The kind of changes of a resource itself.
pub(in crate::ops) fn own_kind(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Group => "changes.resource = 'group'",
        _ => "changes.resource = 'user'",
    }
}

impl Rows {
    /// The newest row.
    pub(in crate::ops) fn newest(self, connection: &mut Connection) -> QueryResult<Option<Row>> {
        self.first(connection, &Fragment::truth(), "DESC")
    }

    /// The newest row that the view includes.
    pub(super) fn last(self, connection: &mut Connection, view: View) -> QueryResult<Option<Row>> {
        self.first(connection, &view.includes(), "DESC")
    }

    /// The oldest row after a revision.
    pub(super) fn next(self, connection: &mut Connection, after: i64) -> QueryResult<Option<Row>> {
        self.first(connection, &Revisions::after(after).condition(), "ASC")
    }

    fn first(
        self,
        connection: &mut Connection,
        condition: &Fragment,
        order: &'static str,
    ) -> QueryResult<Option<Row>> {
        let mut rows = self.load(connection, condition, order, 1)?;
        Ok(rows.pop())
    }

    /// The rows of creations up to a revision, newest first. There are several if the resource was deleted and created
    /// again.
    pub(in crate::ops) fn creations(
        self,
        connection: &mut Connection,
        created: ChangeKind,
        through: i64,
    ) -> QueryResult<Vec<Row>> {
        let mut condition = Revisions { after: 0, through }.condition();
        condition.sql(" AND changes.type = ").value(Value::Text(created.name().to_owned()));
        self.load(connection, &condition, "DESC", usize::MAX)
    }

    fn load(
        self,
        connection: &mut Connection,
        condition: &Fragment,
        order: &'static str,
        limit: usize,
    ) -> QueryResult<Vec<Row>> {
        let mut statement =
            Fragment::of("SELECT changes.revision, changes.version, changes.time, changes.type");
        statement.append(&self.from(kinds(self.kind), condition));
        statement.sql(" ORDER BY changes.revision ").sql(order);
        let rows: Vec<(i64, i64, i64, String)> =
            connection.load_first(Statement::<(BigInt, BigInt, BigInt, Text)>::of(statement), limit)?;
        let row = |(revision, version, time, kind): (_, _, i64, _)| Row {
            revision,
            version,
            time: time.into(),
            kind,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// The next rows of the resource itself after a revision, and whether there may be more.
    pub(super) fn values(
        self,
        connection: &mut Connection,
        after: i64,
    ) -> QueryResult<(Vec<ValuesRow>, bool)> {
        let mut statement = Fragment::of("SELECT changes.revision, changes.type, changes.before");
        statement
            .append(&self.from(own_kind(self.kind), &Revisions::after(after).condition()))
            .sql(" ORDER BY changes.revision");
        let statement = Statement::<(BigInt, Text, Nullable<Document>)>::of(statement);
        let statement = match connection.dialect() {
            Dialect::Postgres => statement.limited(WINDOW),
            Dialect::Sqlite => statement,
        };
        let mut budget = Budget::of(PAGE_BYTES);
        let rows = connection.load_within(statement, WINDOW, &mut budget)?;
        let more = rows.len() == WINDOW || budget.is_spent();
        let row = |(revision, kind, before)| ValuesRow { revision, kind, before };
        Ok((rows.into_iter().map(row).collect(), more))
    }

    /// The members of a group that was created just before these revisions, after a user id, with the times at which they were
    /// added.
    pub(in crate::ops) fn members(
        self,
        connection: &mut Connection,
        revisions: Revisions,
        after: Uuid,
    ) -> QueryResult<BTreeMap<Uuid, Option<Timestamp>>> {
        let mut members = BTreeMap::new();
        self.for_each_member(connection, revisions, after, |user, added| {
            match added {
                Some(time) => members.insert(user, Some(time)),
                None => members.remove(&user),
            };
        })?;
        Ok(members)
    }

    /// Visits the changes of members after a user id, in order: the user, and the time if the user was added.
    pub(super) fn for_each_member(
        self,
        connection: &mut Connection,
        mut revisions: Revisions,
        after: Uuid,
        mut visit: impl FnMut(Uuid, Option<Timestamp>),
    ) -> QueryResult<()> {
        loop {
            let mut statement = Fragment::of(
                "SELECT changes.revision, changes.member_id, changes.type = 'member.added', changes.time",
            );
            statement.append(&self.from("changes.resource = 'member'", &revisions.condition()));
            statement.sql(" AND changes.member_id > ").value(Value::Id(after));
            statement.sql(" ORDER BY changes.revision");
            let statement = Statement::<(BigInt, Id, Bool, BigInt)>::of(statement);
            let window: Vec<(i64, Uid, bool, i64)> = connection.load_first(statement, MEMBER_WINDOW)?;
            let last =
                window.last().map(|(revision, ..)| *revision).filter(|_| window.len() == MEMBER_WINDOW);
            for (_, Uid(user), added, time) in window {
                visit(user, added.then(|| time.into()));
            }
            let Some(last) = last else { return Ok(()) };
            revisions.after = last;
        }
    }

    /// The number of members added minus the number of members removed.
    pub(in crate::ops) fn growth(
        self,
        connection: &mut Connection,
        revisions: Revisions,
    ) -> QueryResult<i64> {
        let mut statement = Fragment::of(
            "SELECT coalesce(sum(CASE WHEN changes.type = 'member.added' THEN 1 ELSE -1 END), 0)",
        );
        statement.append(&self.from("changes.resource = 'member'", &revisions.condition()));
        let mut sums: Vec<i64> = connection.load(Statement::<BigInt>::of(statement))?;
        Ok(sums.pop().unwrap_or_default())
    }

    /// The rest of a statement from FROM on, without an order.
    pub(in crate::ops) fn from(self, kinds: &'static str, condition: &Fragment) -> Fragment {
        let mut statement = Fragment::of(" FROM changes WHERE changes.tenant_id = ");
        statement.value(Value::Id(self.tenant)).sql(" AND changes.resource_id = ").value(Value::Id(self.id));
        statement.sql(" AND ").sql(kinds).and_condition(condition);
        statement
    }
}

/// The time of the first creation, which a restored resource keeps, according to the creations, newest first. If that
/// change is no longer retained, the time that the id contains.
pub(in crate::ops) fn created_at(creations: &[Row], id: Uuid) -> Option<Timestamp> {
    let first = creations.iter().find(|row| row.version == 1);
    first.map(|row| row.time).or_else(|| id::time_of(id))
}

/// Which of these users or groups have changed since the point. Changes of the members of a group are changes of the group.
pub(super) fn changed_since(
    connection: &mut Connection,
    view: View,
    kind: ResourceKind,
    ids: &[Uuid],
) -> QueryResult<BTreeSet<Uuid>> {
    let mut changed = BTreeSet::new();
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        let mut statement =
            Fragment::of("SELECT DISTINCT changes.resource_id FROM changes WHERE changes.tenant_id = ");
        statement.value(Value::Id(view.tenant)).sql(" AND changes.resource_id").is_one_of(ids);
        statement.sql(" AND ").sql(kinds(kind)).and_condition(&view.excludes());
        let found: Vec<Uid> = connection.load(Statement::<Id>::of(statement))?;
        changed.extend(found.into_iter().map(|Uid(id)| id));
    }
    Ok(changed)
}
