//! The members of a group at a point.

use super::past::{self, Past, Since, member_changes};
use super::rows::{Revisions, Rows, changed_since};
use super::{Historic as _, Moment, View};
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::db::{Class, Connection, Operation, Tx};
use crate::domain::change::ResourceKind;
use crate::domain::filter::Value;
use crate::domain::group::Group;
use crate::domain::member::Member;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::ops::{IDS_PER_STATEMENT, OpError, Page, PageQuery};
use crate::schema::users;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Reads a page of the members of a group at a point.
#[derive(Debug)]
pub struct ListMembers {
    /// The point.
    pub moment: Moment,
    /// The id of the group.
    pub group: Uuid,
    /// The page to read.
    pub page: PageQuery,
}

impl Operation for ListMembers {
    type Output = Page<Member>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Page<Member>, OpError> {
        self.moment.read(tx, |tx, view| {
            let past = past::find::<Group>(tx, view, self.group)?.ok_or(OpError::NotFound)?;
            let mut times = self.members(tx, view, &past)?;
            if let Some(first_of_next_page) = times.keys().nth(self.page.read_limit()).copied() {
                times.split_off(&first_of_next_page);
            }
            self.add_times(tx, view, &mut times)?;
            let ids: Vec<_> = times.keys().copied().collect();
            let created_at = past.resource.created_at;
            let members = names(tx, view, &ids)?.into_iter().map(|(user_id, name)| Member {
                user_id,
                user_name: name.user_name,
                display_name: name.display_name,
                added_at: times.get(&user_id).copied().flatten().unwrap_or(created_at),
            });
            let members: Vec<_> = members.collect();
            let is_short = members.len() < ids.len();
            let total = self.page.total.then(|| Group::complete(past, tx, view)).transpose()?;
            let page = self.page.page(members, total.map(|group| group.member_count));
            Ok(Page { more: page.more || is_short, ..page })
        })
    }
}

impl ListMembers {
    /// The members after the start of the page, with the times at which they were added, as far as these are known. There
    /// are at least as many as the page needs, if there are so many.
    fn members(
        &self,
        connection: &mut Connection,
        view: View,
        past: &Past<Group>,
    ) -> Result<BTreeMap<Uuid, Option<Timestamp>>, OpError> {
        let changes = member_changes(past, view)?;
        match past.since {
            Since::Present(_) => Ok(self.undo(connection, view, changes)?),
            Since::Deleted(_) => Ok(self.rows(view).members(connection, changes, self.page.start())?),
        }
    }

    fn rows(&self, view: View) -> Rows {
        Rows { tenant: view.tenant, id: self.group, kind: ResourceKind::Group }
    }

    /// The present members, with changes undone.
    fn undo(
        &self,
        connection: &mut Connection,
        view: View,
        changes: Revisions,
    ) -> QueryResult<BTreeMap<Uuid, Option<Timestamp>>> {
        // The first change of a member decides.
        let mut was_member = BTreeMap::new();
        self.rows(view).for_each_member(connection, changes, self.page.start(), |user, added| {
            was_member.entry(user).or_insert(added.is_none());
        })?;
        let mut statement =
            Fragment::of("SELECT members.user_id, members.added_at FROM members WHERE members.tenant_id = ");
        statement.value(Value::Id(view.tenant)).sql(" AND members.group_id = ").value(Value::Id(self.group));
        statement.sql(" AND members.user_id > ").value(Value::Id(self.page.start()));
        statement.sql(" ORDER BY members.user_id");
        let statement = Statement::<(Id, BigInt)>::of(statement);
        // At most this many of them were not members.
        let limit = self.page.read_limit().saturating_add(was_member.len());
        let present: Vec<(Uid, i64)> = connection.load_first(statement, limit)?;
        let present = present.into_iter().map(|(Uid(user), time)| (user, Some(time.into())));
        let unchanged = present.filter(|(user, _)| !was_member.contains_key(user));
        let removed = was_member.iter().filter(|(_, was_member)| **was_member).map(|(user, _)| (*user, None));
        Ok(unchanged.chain(removed).collect())
    }

    /// Adds the times that only the changes of the users' memberships contain.
    fn add_times(
        &self,
        connection: &mut Connection,
        view: View,
        members: &mut BTreeMap<Uuid, Option<Timestamp>>,
    ) -> QueryResult<()> {
        let unknown: Vec<_> =
            members.iter().filter(|(_, time)| time.is_none()).map(|(user, _)| *user).collect();
        for users in unknown.chunks(IDS_PER_STATEMENT) {
            let mut statement = Fragment::of(
                "SELECT changes.member_id, changes.resource_id, changes.time FROM changes WHERE changes.tenant_id = ",
            );
            statement.value(Value::Id(view.tenant)).sql(" AND changes.member_id").is_one_of(users);
            statement.sql(" AND changes.type = 'member.added'").and_condition(&view.includes());
            statement.sql(" ORDER BY changes.revision");
            // A condition on the group could make an engine read all changes of the group.
            let added: Vec<(Uid, Uid, i64)> =
                connection.load(Statement::<(Id, Id, BigInt)>::of(statement))?;
            for (Uid(user), _, time) in added.into_iter().filter(|(_, Uid(group), _)| *group == self.group) {
                members.insert(user, Some(time.into()));
            }
        }
        Ok(())
    }
}

/// The names of a user.
pub(super) struct Name {
    user_name: String,
    pub(super) display_name: Option<String>,
}

/// The names that users had at a point. Users that did not exist are left out.
pub(super) fn names(tx: &mut Tx<'_>, view: View, ids: &[Uuid]) -> Result<BTreeMap<Uuid, Name>, OpError> {
    let changed = changed_since(tx, view, ResourceKind::User, ids)?;
    let unchanged: BTreeSet<_> = ids.iter().copied().filter(|id| !changed.contains(id)).collect();
    let mut names = present_names(tx, view, &unchanged)?;
    for id in changed {
        if let Some(past) = past::find::<User>(tx, view, id)? {
            let (user_name, display_name) =
                (past.resource.attributes.user_name, past.resource.attributes.display_name);
            names.insert(id, Name { user_name, display_name });
        }
    }
    Ok(names)
}

fn present_names(
    connection: &mut Connection,
    view: View,
    ids: &BTreeSet<Uuid>,
) -> QueryResult<BTreeMap<Uuid, Name>> {
    let columns = (users::id, users::user_name, users::display_name);
    let tenant = Uid(view.tenant);
    let found: Vec<(Uid, String, Option<String>)> = connection.load_ids(
        ids.iter().copied().map(Uid),
        |ids| users::table.filter(users::tenant_id.eq(tenant).and(users::id.eq_any(ids))).select(columns),
        |id| users::table.find((tenant, id)).select(columns),
    )?;
    let name = |(Uid(id), user_name, display_name)| (id, Name { user_name, display_name });
    Ok(found.into_iter().map(name).collect())
}
