//! Imports users, groups and members.
//!
//! An import consists of batches of at most [`BATCH`] lines, each in its own transaction. Batches are parsed ahead, two at
//! once ([`batches`]), but applied one after another ([`Importer`]): lines for the same resource keep their order, an import
//! has at most one call in the queue of writes, and a tenant has one commit at a time in any case, so that several batches
//! at once would only wait for each other.

mod imported;
mod importer;
mod members;
mod resources;
mod stream;

pub use importer::{Importer, LineResult, Report, Summary, Totals};
pub use stream::{BATCH, Batches, OpenError, batches};

use crate::db::types::Uid;
use crate::db::{CallError, Class, DbError, Operation, Tx};
use crate::domain::fields::FieldError;
use crate::domain::group::Group;
use crate::domain::import::{Content, Line, Match, Mode};
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::ops::OpError;
use crate::schema::heads;
use diesel::prelude::*;
use members::Memberships;
use resources::Items;
use serde_json::{Map, Value};
use std::ops::Range;
use std::sync::Arc;
use uuid::Uuid;

/// The options of an import.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The attribute that identifies existing resources. `None` matches lines of an export by their ids, and other lines by
    /// userName.
    pub matching: Option<Match>,
    /// The treatment of lines whose resource exists.
    pub mode: Mode,
    /// Whether to roll back each batch.
    pub plan: bool,
    /// Whether [`Mode::Create`] accepts lines that equal their resource, because an earlier attempt may have created it.
    pub resuming: bool,
}

/// Applies a batch of lines in one transaction. A refused line leaves no trace. Users come first, then groups, then members,
/// because rows are locked in this order.
#[derive(Debug)]
pub struct Apply {
    /// The tenant.
    pub tenant: Uuid,
    /// The options of the import.
    pub options: Options,
    /// The lines of which a range is applied.
    pub lines: Arc<[Line]>,
    /// The range.
    pub range: Range<usize>,
    /// The lines of the range that are left out.
    pub without: Vec<usize>,
    /// Generates the random parts of ids: version 4 UUIDs.
    pub random: fn() -> Uuid,
    /// The time of the changes.
    pub now: Timestamp,
}

/// The result of a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The line created a user or group with this id, or added a member.
    Created(Option<Uuid>),
    /// The line changed the user or group with this id.
    Updated(Uuid, Box<Difference>),
    /// Nothing differs, or the line is the first or last one of an export.
    Unchanged,
    /// The line was not applied.
    Refused(Vec<FieldError>),
}

/// The values of the changed top-level attributes.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Difference {
    pub before: Map<String, Value>,
    pub after: Map<String, Value>,
}

impl Operation for Apply {
    /// A result for each line of the range.
    type Output = Vec<Outcome>;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Outcome>, OpError> {
        if self.options.plan { self.plan(tx) } else { self.apply(tx) }
    }
}

impl Apply {
    /// Applies the lines and rolls them back.
    fn plan(&self, tx: &mut Tx<'_>) -> Result<Vec<Outcome>, OpError> {
        let planned = tx.savepoint(|tx| -> Result<Vec<Outcome>, RollBack> {
            let outcomes = self.apply(tx)?;
            tx.insert_changes()?;
            Err(RollBack::Planned(outcomes))
        });
        match planned {
            Ok(Ok(outcomes) | Err(RollBack::Planned(outcomes))) | Err(RollBack::Planned(outcomes)) => {
                Ok(outcomes)
            }
            Ok(Err(RollBack::Failed(error))) | Err(RollBack::Failed(error)) => Err(error),
        }
    }

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Vec<Outcome>, OpError> {
        let lines = self.lines.get(self.range.clone()).unwrap_or_default();
        let mut outcomes = vec![Outcome::Unchanged; lines.len()];
        let mut memberships = Memberships::default();
        let (mut users, mut groups) = (Items::<User>::default(), Items::<Group>::default());
        let all = lines.iter().zip(&mut outcomes).enumerate();
        for (index, (line, outcome)) in
            all.filter(|(index, _)| !self.without.contains(&(self.range.start + index)))
        {
            let refused = match &line.content {
                Ok(Content::User(values)) => {
                    let errors = memberships.check_names(tx, self.tenant, &values.groups)?;
                    users.push(self, index, values, errors)
                }
                Ok(Content::Group(values)) => groups.push(self, index, values, Vec::new()),
                Ok(Content::Member { group, user }) => {
                    memberships.push(index, *group, *user);
                    Ok(())
                }
                Ok(Content::Head | Content::End) => Ok(()),
                Err(errors) => Err(errors.clone()),
            };
            if let Err(errors) = refused {
                *outcome = Outcome::Refused(errors);
            }
        }
        for (index, id, outcome) in users.apply(self, tx)? {
            if let (Some(id), Some(Ok(Content::User(values)))) =
                (id, lines.get(index).map(|line| &line.content))
            {
                memberships.push_named(index, id, &values.groups);
            }
            set(&mut outcomes, index, outcome);
        }
        memberships.lock_users(tx, self.tenant)?;
        for (index, _, outcome) in groups.apply(self, tx)? {
            set(&mut outcomes, index, outcome);
        }
        memberships.add(self, tx, &mut outcomes)?;
        Ok(outcomes)
    }
}

fn set(outcomes: &mut [Outcome], index: usize, outcome: Outcome) {
    if let Some(slot) = outcomes.get_mut(index) {
        *slot = outcome;
    }
}

/// The reason for rolling back a planned batch.
#[derive(Debug)]
enum RollBack {
    Planned(Vec<Outcome>),
    Failed(OpError),
}

impl From<OpError> for RollBack {
    fn from(error: OpError) -> Self {
        Self::Failed(error)
    }
}

impl From<DbError> for RollBack {
    fn from(error: DbError) -> Self {
        Self::Failed(error.into())
    }
}

impl CallError for RollBack {
    fn database(&self) -> Option<&DbError> {
        match self {
            Self::Planned(_) => None,
            Self::Failed(error) => error.database(),
        }
    }
}

/// Reads the newest revision and the epoch of a tenant.
#[derive(Debug)]
pub struct ReadHead {
    /// The tenant.
    pub tenant: Uuid,
}

impl Operation for ReadHead {
    type Output = (i64, Uuid);
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(i64, Uuid), OpError> {
        let head = heads::table.find(Uid(self.tenant)).select((heads::revision, heads::epoch));
        let (revision, Uid(epoch)): (i64, Uid) = tx.get(head)?;
        Ok((revision, epoch))
    }
}
