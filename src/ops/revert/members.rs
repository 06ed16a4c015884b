//! The memberships of a portion.

use super::report::{Results, TargetConflict};
use super::{Foreseen, Portion};
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Document, Id, Json, Uid};
use crate::db::{Connection, Tx};
use crate::domain::filter::Value;
use crate::domain::revert::{Author, MemberTrail, Selection, Step, Target};
use crate::domain::time::Timestamp;
use crate::ops::history::Revisions;
use crate::ops::members::{add_known, existing, find_groups, lock_members, members_of, remove_known};
use crate::ops::{IDS_PER_STATEMENT, OpError};
use diesel::QueryResult;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Decides what to do with the memberships.
pub(super) fn plan(tx: &mut Tx<'_>, portion: &Portion, foreseen: &Foreseen) -> Result<Results, OpError> {
    let by_group = by_group(portion);
    let mut users = existing(tx, portion.tenant, &users_of(&by_group))?;
    let mut groups = find_groups(tx, portion.tenant, &by_group.keys().copied().collect())?;
    for all in [&mut users, &mut groups] {
        all.retain(|id| !foreseen.deleted.contains(id));
        all.extend(&foreseen.restored);
    }
    let assessment = Assessment { portion, users, groups, restored: &foreseen.restored };
    assessment.decide(tx, &by_group)
}

/// Undoes the changes of the memberships.
pub(super) fn apply(tx: &mut Tx<'_>, portion: &Portion, now: Timestamp) -> Result<Results, OpError> {
    let (tenant, by_group) = (portion.tenant, by_group(portion));
    let groups = by_group.keys().copied().collect();
    let [users, groups] = lock_members(tx, tenant, &users_of(&by_group), &groups)?;
    let assessment = Assessment { portion, users, groups, restored: &BTreeSet::new() };
    let results = assessment.decide(tx, &by_group)?;
    let members = |step: Step| -> BTreeSet<(Uuid, Uuid)> {
        let outcomes = results.outcomes.iter().filter(|outcome| outcome.outcome == step);
        let member = |target| match target {
            Target::Member { group_id, user_id } => Some((group_id, user_id)),
            _ => None,
        };
        outcomes.filter_map(|outcome| member(outcome.target)).collect()
    };
    remove_known(tx, tenant, &members(Step::Remove), now)?;
    add_known(tx, tenant, &members(Step::Add), now)?;
    Ok(results)
}

type ByGroup = BTreeMap<Uuid, BTreeSet<Uuid>>;

fn by_group(portion: &Portion) -> ByGroup {
    let mut by_group = ByGroup::new();
    for (group, user) in portion.members() {
        by_group.entry(group).or_default().insert(user);
    }
    by_group
}

fn users_of(by_group: &ByGroup) -> BTreeSet<Uuid> {
    by_group.values().flatten().copied().collect()
}

struct Assessment<'a> {
    portion: &'a Portion,
    /// The users and groups that exist.
    users: BTreeSet<Uuid>,
    groups: BTreeSet<Uuid>,
    /// The users and groups of a plan that would have been restored.
    restored: &'a BTreeSet<Uuid>,
}

impl Assessment<'_> {
    fn decide(&self, tx: &mut Tx<'_>, by_group: &ByGroup) -> Result<Results, OpError> {
        let (tenant, mut results) = (self.portion.tenant, Results::default());
        let mut trails = trails(tx, tenant, &self.portion.selection, &self.portion.members())?;
        for (group, users) in by_group {
            let members = members_of(tx, (tenant, *group), users)?;
            for user in users {
                let target = Target::Member { group_id: *group, user_id: *user };
                let trail = trails.remove(&(*group, *user)).unwrap_or_default();
                let can_be = self.groups.contains(group) && self.users.contains(user);
                // A group is restored with the members that it had when it was deleted.
                let is_member = match self.restored.contains(group) {
                    true => trail.last_added(),
                    false => members.contains(user),
                };
                let (outcome, conflict) = trail.decide(target, is_member && can_be, can_be);
                results.outcomes.push(outcome);
                results.conflicts.extend(conflict.map(|conflict| TargetConflict { target, conflict }));
            }
        }
        Ok(results)
    }
}

/// The maximum number of changes of memberships that are in memory at once.
const WINDOW: usize = 10_000;

/// The changes of memberships since the start of the range. Each is a pair of the ids of a group and a user.
pub(super) fn trails(
    connection: &mut Connection,
    tenant: Uuid,
    selection: &Selection,
    memberships: &BTreeSet<(Uuid, Uuid)>,
) -> QueryResult<BTreeMap<(Uuid, Uuid), MemberTrail>> {
    let mut trails = BTreeMap::<_, MemberTrail>::new();
    let users: BTreeSet<_> = memberships.iter().map(|(_, user)| *user).collect();
    for users in users.into_iter().collect::<Vec<_>>().chunks(IDS_PER_STATEMENT) {
        let mut revisions = Revisions::after(selection.after);
        loop {
            let statement = member_changes(tenant, users, revisions);
            let window: Vec<MemberRow> = connection.load_first(statement, WINDOW)?;
            let oldest = window.last().map(|row| row.0).filter(|_| window.len() == WINDOW);
            for (revision, Uid(group), Uid(user), added, kind, id, reverts) in window {
                if memberships.contains(&(group, user)) {
                    let reverts = reverts.map(|reverts| reverts.0);
                    let role = selection.role(revision, Author { kind, id }, reverts);
                    trails.entry((group, user)).or_default().add(revision, added, &role);
                }
            }
            let Some(oldest) = oldest else { break };
            revisions.through = oldest - 1;
        }
    }
    Ok(trails)
}

type MemberRow = (i64, Uid, Uid, bool, String, String, Option<Json<Vec<i64>>>);
type MemberColumns = (BigInt, Id, Id, Bool, Text, Text, Nullable<Document>);

/// Selects the changes of the memberships of users, newest first. With a condition on the group, an engine could read all
/// changes of the group.
fn member_changes(tenant: Uuid, users: &[Uuid], revisions: Revisions) -> Statement<MemberColumns> {
    let mut statement = Fragment::of(
        "SELECT changes.revision, changes.resource_id, changes.member_id, changes.type = 'member.added', \
         changes.actor_type, changes.actor_id, changes.reverts FROM changes WHERE changes.tenant_id = ",
    );
    statement.value(Value::Id(tenant)).sql(" AND changes.member_id").is_one_of(users);
    statement.and_condition(&revisions.condition()).sql(" ORDER BY changes.revision DESC");
    Statement::of(statement)
}
