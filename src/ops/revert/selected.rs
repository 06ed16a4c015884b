//! Reads which changes are to be reverted.

use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::db::{Class, Operation, Tx};
use crate::domain::change::{ChangeKind, ResourceKind};
use crate::domain::filter::Value;
use crate::domain::revert::{MAX_CHANGES, Selection, Target};
use crate::ops::OpError;
use crate::ops::changes::{Span, span_of};
use crate::ops::history::{Revisions, Rows};
use diesel::sql_types::{BigInt, Nullable, Text};
use std::collections::BTreeMap;
use std::ops::Range;
use uuid::Uuid;

/// Reads the range of revisions that the history of a tenant contains.
#[derive(Debug)]
pub struct ReadSpan {
    /// The tenant.
    pub tenant: Uuid,
}

impl Operation for ReadSpan {
    type Output = Span;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Span, OpError> {
        Ok(span_of(tx, self.tenant)?)
    }
}

/// Reads the last changes of a selection, newest first, at most [`MAX_CHANGES`] and one.
#[derive(Debug)]
pub struct ReadSelected {
    /// The tenant.
    pub tenant: Uuid,
    /// The changes. All revisions of the range are examined.
    pub selection: Selection,
}

/// A change to be reverted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Selected {
    pub revision: i64,
    pub kind: ChangeKind,
    pub target: Target,
}

impl Operation for ReadSelected {
    type Output = Vec<Selected>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Selected>, OpError> {
        let Selection { after, until, actor } = &self.selection;
        let mut statement = Fragment::of(
            "SELECT changes.revision, changes.type, changes.resource_id, changes.member_id FROM changes \
             WHERE changes.tenant_id = ",
        );
        statement.value(Value::Id(self.tenant));
        statement.and_condition(&Revisions { after: *after, through: *until }.condition());
        statement.sql(" AND changes.resource IN ('user', 'group', 'member')");
        statement.sql(" AND changes.actor_type = ").value(Value::Text(actor.kind.clone()));
        statement.sql(" AND changes.actor_id = ").value(Value::Text(actor.id.clone()));
        statement.sql(" ORDER BY changes.revision DESC");
        let statement = Statement::<(BigInt, Text, Id, Nullable<Id>)>::of(statement);
        let rows: Vec<(i64, String, Uid, Option<Uid>)> = tx.load_first(statement, MAX_CHANGES + 1)?;
        Ok(rows
            .into_iter()
            .filter_map(|(revision, kind, id, member)| selected(revision, &kind, id, member))
            .collect())
    }
}

/// An erasure cannot be undone, nor can a change whose type this release does not know.
fn selected(revision: i64, kind: &str, Uid(id): Uid, member: Option<Uid>) -> Option<Selected> {
    let kind = ChangeKind::from_name(kind).filter(|kind| *kind != ChangeKind::USER_ERASED)?;
    let target = match member {
        Some(Uid(user_id)) => Target::Member { group_id: id, user_id },
        None if kind.resource() == ChangeKind::USER_CREATED.resource() => Target::User { id },
        None => Target::Group { id },
    };
    Some(Selected { revision, kind, target })
}

/// A user, group or membership that the changes concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// The user, group or membership.
    pub target: Target,
    /// The number of changes, and of the members of a group that is restored.
    pub changes: usize,
    phase: Phase,
}

impl Item {
    /// The id of a group whose deletion is undone.
    pub(super) fn deleted_group(&self) -> Option<Uuid> {
        match self.target {
            Target::Group { id } if self.phase == Phase::Restore => Some(id),
            _ => None,
        }
    }
}

/// The items in the order in which they are processed. A deletion frees unique values that an update or a restore may need,
/// and a membership needs its user and its group.
pub(super) fn items(selected: &[Selected]) -> Vec<Item> {
    let mut found: BTreeMap<Target, Item> = BTreeMap::new();
    for Selected { kind, target, .. } in selected {
        let new = || Item { target: *target, changes: 0, phase: Phase::Update };
        let item = found.entry(*target).or_insert_with(new);
        item.changes += 1;
        match *kind {
            ChangeKind::USER_CREATED | ChangeKind::GROUP_CREATED => item.phase = Phase::Delete,
            ChangeKind::USER_DELETED | ChangeKind::GROUP_DELETED => item.phase = Phase::Restore,
            ChangeKind::MEMBER_ADDED | ChangeKind::MEMBER_REMOVED => item.phase = Phase::Member,
            _ => {}
        }
    }
    let mut items: Vec<_> = found.into_values().collect();
    items.sort_by_key(|item| (item.phase, item.target));
    items
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Delete,
    Update,
    Restore,
    Member,
}

/// Counts the members that deleted groups had.
#[derive(Debug)]
pub struct CountMembers {
    /// The tenant.
    pub tenant: Uuid,
    /// The groups, at most [`MAX`](Self::MAX).
    pub groups: Vec<Uuid>,
}

impl CountMembers {
    /// The maximum number of groups.
    pub const MAX: usize = 20;
}

impl Operation for CountMembers {
    /// The number of members of each group.
    type Output = Vec<usize>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<usize>, OpError> {
        let mut counts = Vec::with_capacity(self.groups.len());
        for id in &self.groups {
            let rows = Rows { tenant: self.tenant, id: *id, kind: ResourceKind::Group };
            let creations = rows.creations(tx, ChangeKind::GROUP_CREATED, i64::MAX)?;
            let growth = match creations.first() {
                Some(created) => rows.growth(tx, Revisions::after(created.revision))?,
                None => 0,
            };
            counts.push(usize::try_from(growth).unwrap_or_default());
        }
        Ok(counts)
    }
}

/// Splits items into portions.
pub(super) fn portions(items: &[Item], size: usize) -> Vec<Range<usize>> {
    let (mut portions, mut start, mut changes) = (Vec::new(), 0, 0);
    for (index, item) in items.iter().enumerate() {
        if changes > 0 && changes + item.changes > size {
            portions.push(start..index);
            (start, changes) = (index, 0);
        }
        changes += item.changes;
    }
    if start < items.len() {
        portions.push(start..items.len());
    }
    portions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_contain_whole_items_in_order() {
        let id = Uuid::nil();
        let items: Vec<_> = [400, 600, 1, 999, 5_000, 1_000, 1]
            .map(|changes| Item { target: Target::User { id }, changes, phase: Phase::Update })
            .into();
        assert_eq!(portions(&items, 1_000), [0..2, 2..4, 4..5, 5..6, 6..7]);
        assert!(portions(&[], 1_000).is_empty());
    }
}
