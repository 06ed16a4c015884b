//! Reads all members of groups.

use super::pages::{MemberRow, Members, load_groups, member, of_group};
use crate::db::{Class, Connection, Operation, Tx};
use crate::domain::group::Group;
use crate::domain::member::Member;
use crate::ops::OpError;
use diesel::QueryResult;
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
