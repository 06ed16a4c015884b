//! The memberships of a portion.

use super::report::{Results, TargetConflict};
use super::{Foreseen, Portion};
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::db::{Connection, Tx};
use crate::domain::change::ResourceKind;
use crate::domain::revert::{Author, MemberTrail, Selection, Step, Target};
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::history::{Revisions, Rows};
use crate::ops::members::{add_known, existing, find_groups, lock_members, members_of, remove_known};
use diesel::QueryResult;
use diesel::sql_types::{BigInt, Bool, Text};
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
        for (group, users) in by_group {
            let rows = Rows { tenant, id: *group, kind: ResourceKind::Group };
            let mut trails = trails(tx, rows, &self.portion.selection, users)?;
            let members = members_of(tx, (tenant, *group), users)?;
            for user in users {
                let target = Target::Member { group_id: *group, user_id: *user };
                let trail = trails.remove(user).unwrap_or_default();
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

/// The maximum number of changes of a group's members that are in memory at once.
const WINDOW: usize = 10_000;

/// The changes of memberships of a group since the start of the range.
fn trails(
    connection: &mut Connection,
    rows: Rows,
    selection: &Selection,
    users: &BTreeSet<Uuid>,
) -> QueryResult<BTreeMap<Uuid, MemberTrail>> {
    let (mut trails, mut after) = (BTreeMap::<Uuid, MemberTrail>::new(), selection.after);
    loop {
        let mut statement = Fragment::of(
            "SELECT changes.revision, changes.member_id, changes.type = 'member.added', changes.actor_type, \
             changes.actor_id",
        );
        statement.append(&rows.from("changes.resource = 'member'", &Revisions::after(after).condition()));
        statement.sql(" ORDER BY changes.revision");
        let statement = Statement::<(BigInt, Id, Bool, Text, Text)>::of(statement);
        let window: Vec<(i64, Uid, bool, String, String)> = connection.load_first(statement, WINDOW)?;
        let is_last = window.len() < WINDOW;
        for (revision, Uid(user), added, kind, id) in window {
            after = revision;
            if users.contains(&user) {
                let author = Author { kind, id };
                let by = (!selection.includes(revision, &author)).then_some(&author);
                trails.entry(user).or_default().add(revision, added, by);
            }
        }
        if is_last {
            return Ok(trails);
        }
    }
}
