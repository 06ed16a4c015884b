//! Exports: all users, groups and members of a tenant, read in many short operations. Between two of them, an export holds
//! only its position.

use crate::db::budget::Budget;
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::db::{Class, Connection, Database, Operation, Tx};
use crate::domain::filter::Value;
use crate::domain::group::Group;
use crate::domain::origin::Origin;
use crate::domain::snapshot_line::{
    MemberEntry, SnapshotEnd, SnapshotEntry, SnapshotHead, SnapshotLine, write_line, write_user,
};
use crate::domain::snapshot_position::SnapshotPosition;
use crate::domain::user::StoredUser;
use crate::ops::resource::{Form, Resource as _};
use crate::ops::{OpError, PAGE_BYTES};
use crate::schema::heads;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use uuid::Uuid;

/// The maximum number of resources in a page.
const PAGE: usize = 500;
/// The size, in bytes, of the documents after which a page ends. It is smaller than that of a list, because a client that
/// reads slowly keeps the page in memory.
const BYTES: usize = PAGE_BYTES / 4;

/// A running export.
#[derive(Debug)]
pub struct Export {
    tenant: Uuid,
    /// The position after which the next page starts; `None` at the end.
    next: Option<SnapshotPosition>,
    /// The head until it is written.
    head: Option<SnapshotHead>,
    counts: SnapshotEnd,
    /// The number of users and groups of the tenant when the export started.
    pub expected: i64,
}

impl Export {
    /// Starts an export after a position.
    ///
    /// # Errors
    /// [`OpError::NotFound`] if the tenant does not exist.
    pub async fn start(
        database: &Database,
        origin: &Origin,
        tenant: Uuid,
        after: SnapshotPosition,
    ) -> Result<Self, OpError> {
        let (head, expected) = database.call(origin, ReadHead { tenant }).await?;
        let counts = SnapshotEnd::default();
        Ok(Self { tenant, next: Some(after), head: Some(head), counts, expected })
    }

    /// The next lines, or `None` at the end. They have at most about [`PAGE_BYTES`] bytes and can be empty.
    ///
    /// # Errors
    /// [`OpError::Database`]. The call can be repeated.
    pub async fn next(&mut self, database: &Database, origin: &Origin) -> Result<Option<Vec<u8>>, OpError> {
        let Some(after) = self.next else { return Ok(None) };
        let _permit = database.permit(origin, Class::Export, None).await?;
        let page = database.call(origin, ReadPage { tenant: self.tenant, after }).await?;
        let mut lines = Vec::new();
        self.write(page, &mut lines).map_err(OpError::internal)?;
        Ok(Some(lines))
    }

    fn write(&mut self, page: ExportPage, out: &mut Vec<u8>) -> serde_json::Result<()> {
        if let Some(head) = self.head.take() {
            write_line(&SnapshotLine::Head(head), out)?;
        }
        let Self { counts, .. } = self;
        match &page.resources {
            Resources::Users(users) => {
                counts.users += count(users);
                users.iter().try_for_each(|user| write_user(user, out))?;
            }
            Resources::Groups(groups) => {
                counts.groups += count(groups);
                groups.iter().try_for_each(|group| write_line(&SnapshotLine::Entry(group.into()), out))?;
            }
            Resources::Members(members) => {
                counts.members += count(members);
                let entry = |member: &MemberEntry| SnapshotLine::Entry(SnapshotEntry::Member(*member));
                members.iter().try_for_each(|member| write_line(&entry(member), out))?;
            }
        }
        self.next = page.next;
        if self.next.is_none() {
            write_line(&SnapshotLine::End(self.counts), out)?;
        }
        Ok(())
    }

    /// The position up to which lines have been returned; `None` if all have.
    #[must_use]
    pub fn position(&self) -> Option<SnapshotPosition> {
        self.next
    }

    /// The number of resources in the lines that have been returned.
    #[must_use]
    pub fn counts(&self) -> SnapshotEnd {
        self.counts
    }
}

fn count<T>(items: &[T]) -> i64 {
    i64::try_from(items.len()).unwrap_or(i64::MAX)
}

/// Reads the head of a tenant's history, and the number of its users and groups.
#[derive(Debug)]
struct ReadHead {
    tenant: Uuid,
}

impl Operation for ReadHead {
    type Output = (SnapshotHead, i64);
    type Error = OpError;
    const CLASS: Class = Class::Export;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        let columns = (heads::revision, heads::epoch, heads::users, heads::groups);
        let (revision, Uid(epoch), users, groups): (i64, Uid, i64, i64) =
            tx.get(heads::table.find(Uid(self.tenant)).select(columns))?;
        Ok((SnapshotHead { revision, epoch }, users + groups))
    }
}

/// Reads the resources of one kind after a position.
#[derive(Debug)]
struct ReadPage {
    tenant: Uuid,
    after: SnapshotPosition,
}

#[derive(Debug)]
struct ExportPage {
    resources: Resources,
    /// The position after which the next page starts; `None` on the last page.
    next: Option<SnapshotPosition>,
}

#[derive(Debug)]
enum Resources {
    Users(Vec<StoredUser>),
    Groups(Vec<Group>),
    Members(Vec<MemberEntry>),
}

impl Operation for ReadPage {
    type Output = ExportPage;
    type Error = OpError;
    const CLASS: Class = Class::Export;

    fn run(&self, tx: &mut Tx<'_>) -> Result<ExportPage, OpError> {
        Ok(match self.after {
            SnapshotPosition::User(after) => {
                let (users, is_last) = self.resources::<StoredUser>(tx, after)?;
                let last = users.last().filter(|_| !is_last).map(|user| SnapshotPosition::User(user.id));
                ExportPage {
                    resources: Resources::Users(users),
                    next: last.or(Some(SnapshotPosition::GROUPS)),
                }
            }
            SnapshotPosition::Group(after) => {
                let (groups, is_last) = self.resources::<Group>(tx, after)?;
                let last = groups.last().filter(|_| !is_last).map(|group| SnapshotPosition::Group(group.id));
                ExportPage {
                    resources: Resources::Groups(groups),
                    next: last.or(Some(SnapshotPosition::MEMBERS)),
                }
            }
            SnapshotPosition::Member(group, user) => {
                let members = self.members(tx, group, user)?;
                let last = members.last().filter(|_| members.len() == PAGE);
                let next = last.map(|member| SnapshotPosition::Member(member.group_id, member.user_id));
                ExportPage { resources: Resources::Members(members), next }
            }
        })
    }
}

impl ReadPage {
    /// The resources after an id, and whether they are the last ones.
    fn resources<F: Form>(&self, connection: &mut Connection, after: Uuid) -> QueryResult<(Vec<F>, bool)> {
        let (table, mut budget) = (F::Resource::TABLE, Budget::of(BYTES));
        let mut statement = Fragment::of("SELECT ");
        statement.sql(table.row).sql(" FROM ").sql(table.name);
        statement.sql(" WHERE ").sql(table.tenant).sql(" = ").value(Value::Id(self.tenant));
        statement.sql(" AND ").sql(table.id).sql(" > ").value(Value::Id(after));
        statement.sql(" ORDER BY ").sql(table.id);
        let resources = F::Resource::load(connection, statement, Some(PAGE), &mut budget)?;
        let is_last = resources.len() < PAGE && !budget.is_spent();
        Ok((resources, is_last))
    }

    /// The members after a position. A subquery looks up the version of the group, because an engine could execute a join
    /// by sorting all members.
    fn members(&self, connection: &mut Connection, group: Uuid, user: Uuid) -> QueryResult<Vec<MemberEntry>> {
        let mut statement = Fragment::of(
            "SELECT members.group_id, members.user_id, (SELECT groups.version FROM groups \
             WHERE groups.tenant_id = members.tenant_id AND groups.id = members.group_id), members.added_at \
             FROM members WHERE members.tenant_id = ",
        );
        statement.value(Value::Id(self.tenant)).sql(" AND (members.group_id, members.user_id) > (");
        statement.value(Value::Id(group)).sql(", ").value(Value::Id(user));
        statement.sql(") ORDER BY members.group_id, members.user_id");
        let rows: Vec<(Uid, Uid, i64, i64)> =
            connection.load_first(Statement::<(Id, Id, BigInt, BigInt)>::of(statement), PAGE)?;
        let member = |(Uid(group_id), Uid(user_id), version, added_at): (_, _, _, i64)| MemberEntry {
            group_id,
            user_id,
            version,
            added_at: added_at.into(),
        };
        Ok(rows.into_iter().map(member).collect())
    }
}
