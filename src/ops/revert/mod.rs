//! Reverts what one actor did in a range of revisions.
//!
//! The changes of a resource or of a membership are undone together. A revert consists of portions of about
//! [`PORTION`] changes, each in its own transaction ([`Apply`]). A portion decides what to do with the rows of its users,
//! groups and memberships locked, so that the writes of others survive, whenever they are made. A plan decides the same
//! without writing ([`Plan`]), and remembers what earlier portions would have done ([`Foreseen`]).
//!
//! The decisions do not depend on how the items are split, because the changes that a revert has made do not count, and
//! neither do those that it has undone. A revert that ended early can therefore be repeated.

mod apply;
mod assess;
mod foreseen;
mod locks;
mod members;
mod report;
mod reverter;
mod revertible;
mod selected;

pub use apply::Apply;
pub use foreseen::{Foreseen, Plan};
pub use report::{AppliedPortion, Report, Results, TargetConflict};
pub use reverter::Reverter;
pub use revertible::Revertible;
pub use selected::{CountMembers, Item, ReadSelected, ReadSpan, Selected};

use crate::db::budget::Budget;
use crate::domain::revert::{Selection, Target};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use uuid::Uuid;

/// The number of changes that one transaction undoes. The changes of one resource are never split. Each member of a group
/// that is restored counts as a change.
pub const PORTION: usize = 1_000;

/// The size, in bytes, of the values of the changes that a portion reads. A larger portion is split.
const PORTION_BYTES: usize = 16_000_000;

/// The budget of a portion.
fn portion_budget() -> Budget {
    Budget::of(PORTION_BYTES)
}

/// A part of the items of a revert.
#[derive(Clone, Debug)]
pub struct Portion {
    /// The tenant.
    pub tenant: Uuid,
    /// The changes to revert.
    pub selection: Arc<Selection>,
    /// All items.
    pub items: Arc<[Item]>,
    /// The items of the portion.
    pub range: Range<usize>,
    /// The attributes that must be left alone because the tenant requires unique values, with the resources that have them.
    pub excluded: Vec<(String, Option<Uuid>)>,
}

impl Portion {
    fn targets(&self) -> impl Iterator<Item = Target> {
        self.items.get(self.range.clone()).unwrap_or_default().iter().map(|item| item.target)
    }

    fn users(&self) -> BTreeSet<Uuid> {
        self.targets()
            .filter_map(|target| if let Target::User { id } = target { Some(id) } else { None })
            .collect()
    }

    fn groups(&self) -> BTreeSet<Uuid> {
        self.targets()
            .filter_map(|target| if let Target::Group { id } = target { Some(id) } else { None })
            .collect()
    }

    /// The ids of the groups and users of the memberships.
    fn members(&self) -> BTreeSet<(Uuid, Uuid)> {
        let member = |target| match target {
            Target::Member { group_id, user_id } => Some((group_id, user_id)),
            _ => None,
        };
        self.targets().filter_map(member).collect()
    }
}
