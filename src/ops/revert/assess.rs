//! Decides what to do with the users or the groups of a portion.

use super::members::trails;
use super::report::target;
use super::{Foreseen, Portion, Revertible};
use crate::db::budget::{Budget, StoredSize};
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Document, Id, Json as Stored, Measured, Uid};
use crate::db::{Connection, Dialect, Tx};
use crate::domain::body;
use crate::domain::change::ChangeKind;
use crate::domain::filter::Value;
use crate::domain::revert::{
    Author, Claim, Claimant, Conflict, Decision, Fact, MemberTrail, Owners, Reason, Selection, Step, Target,
    Trail, Write, settle, source_of,
};
use crate::ops::history::{Revisions, Rows, own_kind};
use crate::ops::{IDS_PER_STATEMENT, OpError};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::marker::PhantomData;
use uuid::Uuid;

/// A user or group, with the decision about it.
pub(super) struct Assessed {
    pub(super) id: Uuid,
    /// The present snapshot, if it exists.
    pub(super) snapshot: Option<Map<String, Json>>,
    pub(super) decision: Decision,
}

/// The decisions, and the resources that have the unique values that these need.
pub(super) struct Assessment<R> {
    pub(super) resources: Vec<Assessed>,
    pub(super) owners: Owners,
    pub(super) of: PhantomData<R>,
}

impl<R: Revertible> Assessment<R> {
    /// The ids of the resources with a step.
    pub(super) fn ids(&self, step: Step) -> BTreeSet<Uuid> {
        let resources = self.resources.iter().filter(|resource| resource.decision.step == step);
        resources.map(|resource| resource.id).collect()
    }

    /// The creations and deletions that are undone.
    pub(super) fn undoes(&self) -> HashMap<Target, i64> {
        let undone = |resource: &Assessed| Some((target::<R>(resource.id), resource.decision.undoes?));
        self.resources.iter().filter_map(undone).collect()
    }
}

/// Decides about resources, in the order of their ids. Stops early when the budget is spent. If the resources are locked,
/// the decisions remain valid until the transaction ends.
pub(super) fn assess<R: Revertible>(
    tx: &mut Tx<'_>,
    portion: &Portion,
    ids: &BTreeSet<Uuid>,
    foreseen: &Foreseen,
    budget: &mut Budget,
) -> Result<Assessment<R>, OpError> {
    let mut present = present::<R>(tx, portion.tenant, ids)?;
    let mut resources = Vec::with_capacity(ids.len());
    for id in ids {
        if budget.is_spent() {
            break;
        }
        let snapshot = present.remove(id).map(|resource| resource.snapshot());
        let decision = decide::<R>(tx, portion, *id, snapshot.as_ref(), budget)?;
        resources.push(Assessed { id: *id, snapshot, decision });
    }
    let claims = resources.iter().flat_map(|resource| resource.decision.claims()).collect();
    let mut owners = owners::<R>(tx, portion.tenant, claims)?;
    foreseen.correct::<R>(&mut owners);
    for resource in &mut resources {
        for (attribute, owner) in &portion.excluded {
            resource.decision.leave(attribute, *owner);
        }
    }
    loop {
        let claimants = resources.iter_mut().map(|resource| Claimant {
            id: resource.id,
            present: resource.snapshot.as_ref(),
            decision: &mut resource.decision,
        });
        settle(&mut claimants.collect::<Vec<_>>(), &owners);
        // A resource that is left alone keeps its values, which others may have claimed.
        if !leave_too_large(&mut resources) {
            return Ok(Assessment { resources, owners, of: PhantomData });
        }
    }
}

/// Leaves resources alone that would exceed the maximum size, because others have written other attributes. Returns whether
/// there are any.
fn leave_too_large(resources: &mut [Assessed]) -> bool {
    let mut left = false;
    for Assessed { snapshot, decision, .. } in resources {
        let size = decision.result(snapshot.as_ref()).map(body::size);
        if size.is_some_and(|size| size > body::SIZE_LIMIT) {
            decision.give_up(Conflict::of(None, Reason::TooLarge));
            left = true;
        }
    }
    left
}

/// The resources that exist, by id.
pub(super) fn present<R: Revertible>(
    tx: &mut Tx<'_>,
    tenant: Uuid,
    ids: &BTreeSet<Uuid>,
) -> QueryResult<HashMap<Uuid, R>> {
    let mut present = HashMap::new();
    for chunk in ids.iter().copied().collect::<Vec<_>>().chunks(IDS_PER_STATEMENT) {
        let found: Vec<R> = R::load_by_ids(tx, tenant, &chunk.iter().copied().collect())?;
        present.extend(found.into_iter().map(|resource| (resource.id(), resource)));
    }
    Ok(present)
}

fn decide<R: Revertible>(
    tx: &mut Tx<'_>,
    portion: &Portion,
    id: Uuid,
    present: Option<&Map<String, Json>>,
    budget: &mut Budget,
) -> Result<Decision, OpError> {
    let [created, ..] = R::KINDS;
    let rows = Rows { tenant: portion.tenant, id, kind: created.resource() };
    let trail = trail(tx, rows, &portion.selection, budget)?;
    let added = match trail.creation().filter(|_| present.is_some()) {
        Some(creation) => added_by_others::<R>(tx, rows, &portion.selection, creation)?,
        None => None,
    };
    let mut decision = trail.decide(present, added.as_ref());
    if decision.step == Step::Restore
        && R::NEEDS_CREATION
        && rows.creations(tx, created, i64::MAX)?.is_empty()
    {
        decision.give_up(Conflict::of(None, Reason::NotRetained));
    }
    Ok(decision)
}

type Values = Option<Measured<Map<String, Json>>>;
type TrailRow = (i64, String, String, String, Option<Stored<Vec<i64>>>, Values, Values);

impl StoredSize for TrailRow {
    fn stored_size(&self) -> usize {
        [&self.5, &self.6].into_iter().flatten().map(StoredSize::stored_size).sum()
    }
}

/// The number of changes of a resource that are in memory at once.
const WINDOW: usize = 100;

/// The changes of a resource since the start of the range.
fn trail(
    connection: &mut Connection,
    rows: Rows,
    selection: &Selection,
    budget: &mut Budget,
) -> QueryResult<Trail> {
    let (mut trail, mut revisions) = (Trail::default(), Revisions::after(selection.after));
    loop {
        let mut statement = Fragment::of(
            "SELECT changes.revision, changes.type, changes.actor_type, changes.actor_id, changes.reverts, changes.before, \
             changes.after",
        );
        statement.append(&rows.from(own_kind(rows.kind), &revisions.condition()));
        statement.sql(" ORDER BY changes.revision DESC");
        let statement = Statement::<TrailColumns>::of(statement);
        let statement = match connection.dialect() {
            Dialect::Postgres => statement.limited(WINDOW),
            Dialect::Sqlite => statement,
        };
        let window: Vec<TrailRow> = connection.load_within(statement, WINDOW, &mut Budget::unlimited())?;
        let is_last = window.len() < WINDOW;
        for row in window {
            revisions.through = row.0 - 1;
            budget.spend(row.stored_size());
            if let Some(fact) = fact(row, selection) {
                trail.add(fact);
            }
        }
        if is_last {
            return Ok(trail.finished());
        }
    }
}

type TrailColumns = (BigInt, Text, Text, Text, Nullable<Document>, Nullable<Document>, Nullable<Document>);

fn fact(
    (revision, kind, actor_kind, actor_id, reverts, before, after): TrailRow,
    selection: &Selection,
) -> Option<Fact> {
    let kind = ChangeKind::from_name(&kind)?;
    let author = Author { kind: actor_kind, id: actor_id };
    let role = selection.role(revision, author, reverts.map(|reverts| reverts.0));
    let shown = |values: Values| values.map(|values| kind.shown(values.value));
    Some(Fact { revision, kind, role, before: shown(before), after: shown(after) })
}

/// The newest membership of a created resource that somebody else has added. Memberships that a revert has added again belong
/// to whoever added them first.
fn added_by_others<R: Revertible>(
    connection: &mut Connection,
    rows: Rows,
    selection: &Selection,
    creation: i64,
) -> QueryResult<Option<Write>> {
    let Selection { until, actor, .. } = selection;
    let mut revisions = Revisions::after(creation);
    loop {
        let mut statement = Fragment::of(
            "SELECT changes.revision, changes.resource_id, changes.member_id, changes.actor_type, changes.actor_id \
             FROM changes WHERE changes.tenant_id = ",
        );
        statement.value(Value::Id(rows.tenant)).sql(" AND ").sql(R::IN_MEMBERSHIPS);
        statement.sql(" = ").value(Value::Id(rows.id)).sql(" AND changes.type = 'member.added'");
        statement.and_condition(&revisions.condition()).sql(" AND changes.reverts IS NULL");
        statement.sql(" AND NOT (changes.actor_type = ").value(Value::Text(actor.kind.clone()));
        statement.sql(" AND changes.actor_id = ").value(Value::Text(actor.id.clone()));
        statement.sql(" AND changes.revision <= ").value(Value::Integer(*until));
        statement.sql(
            ") AND EXISTS (SELECT 1 FROM members WHERE members.tenant_id = changes.tenant_id \
             AND members.group_id = changes.resource_id AND members.user_id = changes.member_id) \
             ORDER BY changes.revision DESC",
        );
        let statement = Statement::<(BigInt, Id, Id, Text, Text)>::of(statement);
        let found: Vec<(i64, Uid, Uid, String, String)> = connection.load_first(statement, WINDOW)?;
        let Some((oldest, ..)) = found.last() else { return Ok(None) };
        revisions.through = oldest - 1;
        for (revision, Uid(group), Uid(user), kind, id) in found {
            let since = Selection { after: creation, ..selection.clone() };
            let trails = trails(connection, rows.tenant, &since, &[(group, user)].into())?;
            if trails.into_values().any(MemberTrail::has_other_writes) {
                return Ok(Some(Write { revision, author: Author { kind, id } }));
            }
        }
    }
}

/// The resources that have unique values.
fn owners<R: Revertible>(
    connection: &mut Connection,
    tenant: Uuid,
    claims: BTreeSet<Claim>,
) -> QueryResult<Owners> {
    let mut by_attribute: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (attribute, value) in claims {
        by_attribute.entry(attribute).or_default().push(value);
    }
    let mut owners = Owners::new();
    for (attribute, values) in by_attribute {
        for values in values.chunks(IDS_PER_STATEMENT) {
            let Some(mut statement) = owners_of::<R>(tenant, &attribute) else { continue };
            statement.is_one_of_texts(values.iter().cloned());
            let found: Vec<(String, Uid)> = connection.load(Statement::<(Text, Id)>::of(statement))?;
            owners.extend(found.into_iter().map(|(value, Uid(id))| ((attribute.clone(), value), id)));
        }
    }
    Ok(owners)
}

/// Selects the values of a unique attribute with the ids of their resources, without the values to compare with.
fn owners_of<R: Revertible>(tenant: Uuid, attribute: &str) -> Option<Fragment> {
    let mut statement = Fragment::of("SELECT ");
    let Some(source) = source_of(attribute) else {
        let column = R::TABLE.column(attribute)?;
        statement.sql(column).sql(", ").sql(R::TABLE.id).sql(" FROM ").sql(R::TABLE.name);
        statement.sql(" WHERE ").sql(R::TABLE.tenant).sql(" = ").value(Value::Id(tenant));
        statement.sql(" AND ").sql(column);
        return Some(statement);
    };
    let table = &R::TABLE.external_ids;
    statement.sql(table.column.key).sql(", ").sql(table.column.id).sql(" FROM ").sql(table.column.table);
    statement.sql(" WHERE ").sql(table.column.tenant).sql(" = ").value(Value::Id(tenant));
    statement.sql(" AND ").sql(table.source).sql(" = ").value(Value::Text(source.to_owned()));
    statement.sql(" AND ").sql(table.column.key);
    Some(statement)
}
