//! Reads the members of a group and the groups of a user, in pages in id order.

use crate::db::budget::Budget;
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::db::{Class, Connection, Operation, Tx};
use crate::domain::filter::Value;
use crate::domain::group::Group;
use crate::domain::member::Member;
use crate::ops::resource::Resource;
use crate::ops::{IDS_PER_STATEMENT, OpError, PAGE_BYTES, Page, PageQuery};
use crate::schema::{groups, members, users};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use uuid::Uuid;

/// Reads a page of the members of a group.
#[derive(Debug)]
pub struct List {
    /// The tenant of the group.
    pub tenant: Uuid,
    /// The id of the group.
    pub group: Uuid,
    /// The page to read.
    pub page: PageQuery,
}

impl Operation for List {
    type Output = Page<Member>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Page<Member>, OpError> {
        let group = groups::table.find((Uid(self.tenant), Uid(self.group))).select(groups::member_count);
        let count: i64 = tx.get(group)?;
        let mut statement = of_group(self.tenant, self.group);
        statement
            .sql(" AND members.user_id > ")
            .value(Value::Id(self.page.start()))
            .sql(" ORDER BY members.user_id");
        let rows: Vec<MemberRow> = tx.load_first(Members::of(statement), self.page.read_limit())?;
        let members = rows.into_iter().map(member).collect();
        Ok(self.page.page(members, self.page.total.then_some(count)))
    }
}

/// Reads one member of a group.
#[derive(Debug)]
pub struct Find {
    /// The tenant of the group.
    pub tenant: Uuid,
    /// The id of the group.
    pub group: Uuid,
    /// The id of the user.
    pub user: Uuid,
}

impl Operation for Find {
    type Output = Member;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Member, OpError> {
        let mut statement = of_group(self.tenant, self.group);
        statement.sql(" AND members.user_id = ").value(Value::Id(self.user));
        let row = tx.load(Members::of(statement))?.pop();
        row.map(member).ok_or(OpError::NotFound)
    }
}

pub(super) type MemberRow = (Uid, String, Option<String>, i64);

pub(super) type Members = Statement<(Id, Text, Nullable<Text>, BigInt)>;

/// Selects the members of a group. Subqueries look up their names, because an engine could execute a join by scanning all
/// users.
pub(super) fn of_group(tenant: Uuid, group: Uuid) -> Fragment {
    let mut statement = Fragment::of(
        "SELECT members.user_id, (SELECT users.user_name FROM users WHERE users.tenant_id = members.tenant_id \
         AND users.id = members.user_id), (SELECT users.display_name FROM users \
         WHERE users.tenant_id = members.tenant_id AND users.id = members.user_id), members.added_at FROM members \
         WHERE members.tenant_id = ",
    );
    statement.value(Value::Id(tenant)).sql(" AND members.group_id = ").value(Value::Id(group));
    statement
}

pub(super) fn member((Uid(user_id), user_name, display_name, added_at): MemberRow) -> Member {
    Member { user_id, user_name, display_name, added_at: added_at.into() }
}

/// Reads a page of the groups of a user.
#[derive(Debug)]
pub struct ListGroups {
    /// The tenant of the user.
    pub tenant: Uuid,
    /// The id of the user.
    pub user: Uuid,
    /// The page to read.
    pub page: PageQuery,
}

impl Operation for ListGroups {
    type Output = Page<Group>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Page<Group>, OpError> {
        // If a group disappeared between two statements, the page could lack the item after which the next page starts.
        tx.in_snapshot(|tx| {
            let user = users::table.find((Uid(self.tenant), Uid(self.user))).select(users::id);
            let _: Uid = tx.get(user)?;
            let ids = self.ids(tx)?;
            let groups = self.groups(tx, &ids)?;
            let total = self.page.total.then(|| self.count(tx)).transpose()?;
            let is_short = groups.len() < ids.len();
            let page = self.page.page(groups, total);
            Ok(Page { more: page.more || is_short, ..page })
        })
    }
}

impl ListGroups {
    /// The ids of the groups on the page, and one more.
    fn ids(&self, connection: &mut Connection) -> QueryResult<Vec<Uuid>> {
        let mut statement = Fragment::of("SELECT members.group_id FROM members WHERE members.tenant_id = ");
        statement.value(Value::Id(self.tenant)).sql(" AND members.user_id = ").value(Value::Id(self.user));
        statement
            .sql(" AND members.group_id > ")
            .value(Value::Id(self.page.start()))
            .sql(" ORDER BY members.group_id");
        let ids: Vec<Uid> = connection.load_first(Statement::<Id>::of(statement), self.page.read_limit())?;
        Ok(ids.into_iter().map(|Uid(id)| id).collect())
    }

    /// The groups with these sorted ids. Ends early if the groups fill a page.
    fn groups(&self, connection: &mut Connection, ids: &[Uuid]) -> QueryResult<Vec<Group>> {
        let (mut groups, mut budget) = (Vec::with_capacity(ids.len()), Budget::of(PAGE_BYTES));
        for ids in ids.chunks(IDS_PER_STATEMENT) {
            if budget.is_spent() {
                break;
            }
            let mut statement = Fragment::of("SELECT ");
            statement.sql(Group::TABLE.row).sql(" FROM groups WHERE groups.tenant_id = ");
            statement.value(Value::Id(self.tenant)).sql(" AND groups.id").is_one_of(ids);
            statement.sql(" ORDER BY groups.id");
            groups.extend(Group::load(connection, statement, Some(ids.len()), &mut budget)?);
        }
        Ok(groups)
    }

    fn count(&self, connection: &mut Connection) -> QueryResult<i64> {
        let of_user = members::tenant_id.eq(Uid(self.tenant)).and(members::user_id.eq(Uid(self.user)));
        let count = members::table.filter(of_user).count();
        connection.get(count)
    }
}

/// Loads the groups with these ids that exist, in any order.
pub(super) fn load_groups(
    connection: &mut Connection,
    tenant: Uuid,
    ids: &[Uuid],
) -> QueryResult<Vec<Group>> {
    let mut groups = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        groups.extend(Group::load_by_ids(connection, tenant, &ids.iter().copied().collect())?);
    }
    Ok(groups)
}
