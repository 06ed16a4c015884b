//! The groups of a user at a point.

use super::past::{self, Historic as _};
use super::rows::changed_since;
use super::{Moment, View};
use crate::db::budget::Budget;
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::db::{Class, Connection, Operation, Tx};
use crate::domain::body;
use crate::domain::change::ResourceKind;
use crate::domain::filter::Value;
use crate::domain::group::Group;
use crate::domain::user::User;
use crate::ops::resource::Resource as _;
use crate::ops::{IDS_PER_STATEMENT, OpError, PAGE_BYTES, Page, PageQuery};
use crate::schema::members;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Reads a page of the groups of a user at a point.
#[derive(Debug)]
pub struct ListGroups {
    /// The point.
    pub moment: Moment,
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
        self.moment.read(tx, |tx, view| {
            past::find::<User>(tx, view, self.user)?.ok_or(OpError::NotFound)?;
            let all = self.groups(tx, view)?;
            let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
            let start = self.page.start();
            let ids: Vec<_> = all.into_iter().filter(|id| *id > start).take(self.page.read_limit()).collect();
            let groups = load(tx, view, &ids)?;
            let is_short = groups.len() < ids.len();
            let page = self.page.page(groups, self.page.total.then_some(total));
            Ok(Page { more: page.more || is_short, ..page })
        })
    }
}

/// The newest change of a membership up to the point, and the oldest one after it.
#[derive(Default)]
struct Around {
    /// The revision, and whether the user was added.
    last: Option<(i64, bool)>,
    /// Whether the user was added.
    next: Option<bool>,
}

impl ListGroups {
    /// The ids of the groups.
    fn groups(&self, connection: &mut Connection, view: View) -> QueryResult<BTreeSet<Uuid>> {
        let present = self.present(connection, view)?;
        let changes = self.changes(connection, view)?;
        let mut groups: BTreeSet<_> =
            present.iter().copied().filter(|group| !changes.contains_key(group)).collect();
        // The revisions of the last changes in groups that have been deleted since then: the deletion of a group does not
        // record the removal of its members.
        let mut deleted = BTreeMap::new();
        for (group, around) in changes {
            match around {
                Around { next: Some(false), .. } => {
                    groups.insert(group);
                }
                Around { last: Some((_, true)), next: None } if present.contains(&group) => {
                    groups.insert(group);
                }
                Around { last: Some((revision, true)), .. } => {
                    deleted.insert(group, revision);
                }
                _ => {}
            }
        }
        let deletions = deletions(connection, view, &deleted.keys().copied().collect::<Vec<_>>())?;
        let existed =
            |(group, added): &(Uuid, i64)| deletions.get(group).is_none_or(|deletion| deletion < added);
        groups.extend(deleted.into_iter().filter(existed).map(|(group, _)| group));
        Ok(groups)
    }

    /// The groups in which the user is now.
    fn present(&self, connection: &mut Connection, view: View) -> QueryResult<BTreeSet<Uuid>> {
        let of_user = members::tenant_id.eq(Uid(view.tenant)).and(members::user_id.eq(Uid(self.user)));
        let groups: Vec<Uid> = connection.load(members::table.filter(of_user).select(members::group_id))?;
        Ok(groups.into_iter().map(|Uid(group)| group).collect())
    }

    /// The changes of the user's memberships around the point, by group.
    fn changes(&self, connection: &mut Connection, view: View) -> QueryResult<BTreeMap<Uuid, Around>> {
        let mut statement =
            Fragment::of("SELECT changes.resource_id, changes.revision, changes.type = 'member.added', ");
        statement.append(&view.includes()).sql(" FROM changes WHERE changes.tenant_id = ");
        statement.value(Value::Id(view.tenant)).sql(" AND changes.member_id = ").value(Value::Id(self.user));
        statement.sql(" ORDER BY changes.revision");
        let rows: Vec<(Uid, i64, bool, bool)> =
            connection.load(Statement::<(Id, BigInt, Bool, Bool)>::of(statement))?;
        let mut changes: BTreeMap<Uuid, Around> = BTreeMap::new();
        for (Uid(group), revision, added, is_included) in rows {
            let around = changes.entry(group).or_default();
            match is_included {
                true => around.last = Some((revision, added)),
                false => around.next = around.next.or(Some(added)),
            }
        }
        Ok(changes)
    }
}

/// The revisions at which groups were last deleted before the point.
fn deletions(connection: &mut Connection, view: View, groups: &[Uuid]) -> QueryResult<BTreeMap<Uuid, i64>> {
    let mut deletions = BTreeMap::new();
    for groups in groups.chunks(IDS_PER_STATEMENT) {
        let mut statement = Fragment::of(
            "SELECT changes.resource_id, max(changes.revision) FROM changes WHERE changes.tenant_id = ",
        );
        statement.value(Value::Id(view.tenant)).sql(" AND changes.resource_id").is_one_of(groups);
        statement.sql(" AND changes.type = 'group.deleted'").and_condition(&view.includes());
        statement.sql(" GROUP BY changes.resource_id");
        let found: Vec<(Uid, i64)> = connection.load(Statement::<(Id, BigInt)>::of(statement))?;
        deletions.extend(found.into_iter().map(|(Uid(group), revision)| (group, revision)));
    }
    Ok(deletions)
}

/// The groups with these sorted ids at the point. Ends early if the groups fill a page.
fn load(tx: &mut Tx<'_>, view: View, ids: &[Uuid]) -> Result<Vec<Group>, OpError> {
    let (mut groups, mut budget) = (Vec::with_capacity(ids.len()), Budget::of(PAGE_BYTES));
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        if budget.is_spent() {
            break;
        }
        let changed = changed_since(tx, view, ResourceKind::Group, ids)?;
        let unchanged = ids.iter().copied().filter(|id| !changed.contains(id)).collect();
        let mut found: Vec<Group> = Group::load_by_ids(tx, view.tenant, &unchanged)?;
        for id in changed {
            if let Some(past) = past::find::<Group>(tx, view, id)? {
                found.push(Group::complete(past, tx, view)?);
            }
        }
        found.sort_by_key(|group| group.id);
        found.iter().for_each(|group| budget.spend(body::length(&group.attributes)));
        groups.extend(found);
    }
    Ok(groups)
}
