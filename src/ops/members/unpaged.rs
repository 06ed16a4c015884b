//! Reads all members of groups, and the names of all groups of users.

use super::pages::{MemberRow, Members, load_groups, member, of_group};
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::db::{Class, Connection, Operation, Tx};
use crate::domain::filter::Value;
use crate::domain::group::Group;
use crate::domain::member::Member;
use crate::ops::{IDS_PER_STATEMENT, OpError};
use diesel::QueryResult;
use diesel::sql_types::Text;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Reads groups with all their members, in one snapshot.
#[derive(Debug)]
pub struct GroupsWithMembers {
    /// The tenant of the groups.
    pub tenant: Uuid,
    /// The ids of the groups, at most a page.
    pub groups: Vec<Uuid>,
    /// The maximum total number of members, above which the operation returns [`OpError::Refused`].
    pub max_members: i64,
}

impl Operation for GroupsWithMembers {
    /// The groups that exist, by id, with their members in id order.
    type Output = BTreeMap<Uuid, (Group, Vec<Member>)>;
    type Error = OpError;
    /// This is not a scan, because the cost is proportional to the number of members.
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        tx.in_snapshot(|tx| {
            let groups = load_groups(tx, self.tenant, &self.groups)?;
            if groups.iter().map(|group| group.member_count).sum::<i64>() > self.max_members {
                return Err(OpError::Refused("the groups have too many members"));
            }
            let with_members = |group: Group| {
                let members = all_members(tx, self.tenant, group.id)?;
                Ok((group.id, (group, members)))
            };
            groups.into_iter().map(with_members).collect()
        })
    }
}

/// Reads all members of a group. The list is empty if the group does not exist.
#[derive(Debug)]
pub struct AllMembers {
    /// The tenant of the group.
    pub tenant: Uuid,
    /// The id of the group.
    pub group: Uuid,
}

impl Operation for AllMembers {
    /// The members in id order.
    type Output = Vec<Member>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Member>, OpError> {
        Ok(all_members(tx, self.tenant, self.group)?)
    }
}

fn all_members(connection: &mut Connection, tenant: Uuid, group: Uuid) -> QueryResult<Vec<Member>> {
    let mut statement = of_group(tenant, group);
    statement.sql(" ORDER BY members.user_id");
    let rows: Vec<MemberRow> = connection.load(Members::of(statement))?;
    Ok(rows.into_iter().map(member).collect())
}

/// Reads the names of all groups of users.
#[derive(Debug)]
pub struct GroupNames {
    /// The tenant of the users.
    pub tenant: Uuid,
    /// The ids of the users, at most a page.
    pub users: Vec<Uuid>,
    /// The maximum total number of memberships, above which the operation returns [`OpError::Refused`].
    pub max_groups: usize,
}

impl Operation for GroupNames {
    /// For each user with groups, their ids and displayNames in id order.
    type Output = BTreeMap<Uuid, Vec<(Uuid, String)>>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        let mut names: Self::Output = BTreeMap::new();
        let mut left = self.max_groups;
        for users in self.users.chunks(IDS_PER_STATEMENT) {
            let mut statement = Fragment::of(
                "SELECT members.user_id, members.group_id, (SELECT groups.display_name FROM groups \
                 WHERE groups.tenant_id = members.tenant_id AND groups.id = members.group_id) FROM members \
                 WHERE members.tenant_id = ",
            );
            statement.value(Value::Id(self.tenant)).sql(" AND members.user_id").is_one_of(users);
            statement.sql(" ORDER BY members.user_id, members.group_id");
            let rows: Vec<(Uid, Uid, String)> =
                tx.load_first(Statement::<(Id, Id, Text)>::of(statement), left.saturating_add(1))?;
            left =
                left.checked_sub(rows.len()).ok_or(OpError::Refused("the users are in too many groups"))?;
            for (Uid(user), Uid(group), name) in rows {
                names.entry(user).or_default().push((group, name));
            }
        }
        Ok(names)
    }
}
