//! Groups with all_members who is in them, and users with the names of all groups that they are in.

use super::pages::{MemberRow, Members, member, of_group};
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::db::{Class, Connection, Operation, Tx};
use crate::domain::filter::Value;
use crate::domain::group::Group;
use crate::domain::member::Member;
use crate::ops::AT_ONCE;
use crate::ops::OpError;
use crate::ops::resource::Resource;
use diesel::QueryResult;
use diesel::sql_types::Text;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Reads groups with all their members, in one state of the database.
#[derive(Debug)]
pub struct GroupsWithMembers {
    /// In this tenant.
    pub tenant: Uuid,
    /// Their ids, at most as many as a page has.
    pub groups: Vec<Uuid>,
    /// How many members they may have together; [`OpError::Refused`] when they have more.
    pub max_members: i64,
}

impl Operation for GroupsWithMembers {
    /// Those that are there, by their ids; their members in the order of the ids.
    type Output = BTreeMap<Uuid, (Group, Vec<Member>)>;
    type Error = OpError;
    /// A small group must not wait for the scans of others: a large one costs its members and nothing else.
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        tx.in_snapshot(|tx| {
            let mut groups = Vec::with_capacity(self.groups.len());
            for ids in self.groups.chunks(AT_ONCE) {
                groups.extend(Group::of_ids(tx, self.tenant, &ids.iter().copied().collect())?);
            }
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

/// Reads all members of a group; none when the group is not there.
#[derive(Debug)]
pub struct AllMembers {
    /// In this tenant.
    pub tenant: Uuid,
    /// The group's id.
    pub group: Uuid,
}

impl Operation for AllMembers {
    /// In the order of the ids.
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

/// Reads what the groups that users are in are called.
#[derive(Debug)]
pub struct GroupNames {
    /// In this tenant.
    pub tenant: Uuid,
    /// The users' ids, at most as many as a page has.
    pub users: Vec<Uuid>,
    /// In how many groups they may be together; [`OpError::Refused`] when they are in more.
    pub max_groups: usize,
}

impl Operation for GroupNames {
    /// Of each user that is in any group, the groups' ids and displayNames in the order of the ids.
    type Output = BTreeMap<Uuid, Vec<(Uuid, String)>>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        let mut names: Self::Output = BTreeMap::new();
        let mut left = self.max_groups;
        for users in self.users.chunks(AT_ONCE) {
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
