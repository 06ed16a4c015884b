//! Who is in a group, and which groups a user is in: a page at a time, in the order of ids.

use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::db::{Class, Connection, Operation, Tx};
use crate::domain::filter::Value;
use crate::domain::group::Group;
use crate::domain::member::Member;
use crate::domain::sort::Sorted;
use crate::ops::OpError;
use crate::ops::resource::Resource;
use crate::ops::{AT_ONCE, Page};
use crate::schema::{groups, members, users};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use uuid::Uuid;

/// Reads who is in a group.
#[derive(Debug)]
pub struct List {
    /// In this tenant.
    pub tenant: Uuid,
    /// The group's id.
    pub group: Uuid,
    /// Behind this user.
    pub after: Option<Uuid>,
    /// At most so many.
    pub limit: usize,
    /// Whether all are to be counted.
    pub total: bool,
}

impl Operation for List {
    type Output = Page<Member>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Page<Member>, OpError> {
        let group = groups::table.find((Uid(self.tenant), Uid(self.group))).select(groups::member_count);
        let count: i64 = tx.get(group)?;
        let mut statement = of_group(self.tenant, self.group);
        let after = self.after.unwrap_or(Uuid::nil());
        statement.sql(" AND members.user_id > ").value(Value::Id(after)).sql(" ORDER BY members.user_id");
        let rows: Vec<MemberRow> = tx.load_first(Members::of(statement), self.limit + 1)?;
        let members = rows.into_iter().map(member).collect();
        Ok(Page::of(members, self.limit, self.total.then_some(count)))
    }
}

/// Reads one member of a group.
#[derive(Debug)]
pub struct Find {
    /// In this tenant.
    pub tenant: Uuid,
    /// The group's id.
    pub group: Uuid,
    /// The user's id.
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

/// The members of a group. What they are called is looked up for each: a join may be planned so that it reads all users.
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

/// Reads the groups that a user is in.
#[derive(Debug)]
pub struct ListGroups {
    /// In this tenant.
    pub tenant: Uuid,
    /// The user's id.
    pub user: Uuid,
    /// Behind this group.
    pub after: Option<Uuid>,
    /// At most so many.
    pub limit: usize,
    /// Whether all are to be counted.
    pub total: bool,
}

impl Operation for ListGroups {
    type Output = Page<Group>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Page<Group>, OpError> {
        // A group that goes between two statements would leave a page without an end to go on from.
        tx.in_snapshot(|tx| {
            let user = users::table.find((Uid(self.tenant), Uid(self.user))).select(users::id);
            let _: Uid = tx.get(user)?;
            let ids = self.ids(tx)?;
            let mut groups = Vec::with_capacity(ids.len());
            for ids in ids.chunks(AT_ONCE) {
                groups.extend(Group::of_ids(tx, self.tenant, &ids.iter().copied().collect())?);
            }
            groups.sort_unstable_by_key(Group::id);
            let total = self.total.then(|| self.count(tx)).transpose()?;
            Ok(Page::of(groups, self.limit, total))
        })
    }
}

impl ListGroups {
    /// The ids of a page, and one more.
    fn ids(&self, connection: &mut Connection) -> QueryResult<Vec<Uuid>> {
        let mut statement = Fragment::of("SELECT members.group_id FROM members WHERE members.tenant_id = ");
        statement.value(Value::Id(self.tenant)).sql(" AND members.user_id = ").value(Value::Id(self.user));
        let after = self.after.unwrap_or(Uuid::nil());
        statement.sql(" AND members.group_id > ").value(Value::Id(after)).sql(" ORDER BY members.group_id");
        let ids: Vec<Uid> = connection.load_first(Statement::<Id>::of(statement), self.limit + 1)?;
        Ok(ids.into_iter().map(|Uid(id)| id).collect())
    }

    fn count(&self, connection: &mut Connection) -> QueryResult<i64> {
        let of_user = members::tenant_id.eq(Uid(self.tenant)).and(members::user_id.eq(Uid(self.user)));
        let count = members::table.filter(of_user).count();
        connection.get(count)
    }
}
