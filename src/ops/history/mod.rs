//! Reads the past: the state of users, groups and memberships at a point, and the changes of one resource.
//!
//! A state is computed from the rows of the resource in its history, which indexes find. The cost does not depend on the
//! number of other resources or of their changes. The changes after the point are undone, so a state is known even if the
//! changes that led to it are no longer retained.

mod groups;
mod members;
mod past;
mod resource_changes;
mod rows;

pub use groups::ListGroups;
pub use members::ListMembers;
pub use past::{Find, Historic};
pub use resource_changes::ResourceChanges;
pub(super) use rows::{Revisions, Rows, created_at, own_kind};

use crate::db::Tx;
use crate::db::sql::Fragment;
use crate::db::types::Uid;
use crate::domain::filter::Value;
use crate::domain::point::Point;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::changes::{Span, span_of};
use crate::schema::changes;
use diesel::prelude::*;
use uuid::Uuid;

/// A point in the history of a tenant.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The tenant.
    pub tenant: Uuid,
    /// The point.
    pub at: Point,
    /// The current time.
    pub now: Timestamp,
}

impl Moment {
    /// Runs reads in one snapshot of the database, if the history contains the point.
    fn read<T>(
        self,
        tx: &mut Tx<'_>,
        read: impl FnOnce(&mut Tx<'_>, View) -> Result<T, OpError>,
    ) -> Result<T, OpError> {
        tx.in_snapshot(|tx| {
            let view = self.view(tx)?;
            read(tx, view)
        })
    }

    /// # Errors
    /// [`OpError::AfterHead`] or [`OpError::NotRetained`] if the history does not contain the point.
    fn view(self, tx: &mut Tx<'_>) -> Result<View, OpError> {
        let Self { tenant, at, now } = self;
        let span = span_of(tx, tenant)?;
        let (is_later, is_earlier) = match at {
            Point::Revision(revision) => (revision > span.head, revision < span.earliest - 1),
            Point::Time(time) => {
                let [oldest, newest] = [time_of(tx, tenant, span.earliest)?, time_of(tx, tenant, span.head)?];
                // The clock of the server that made the newest change may be ahead.
                let is_later = time > now && newest.is_none_or(|newest| time > newest);
                // If no change is retained, any time may precede the newest one.
                (is_later, span.earliest > 1 && oldest.is_none_or(|oldest| time < oldest))
            }
        };
        match (is_later, is_earlier) {
            (true, _) => Err(OpError::AfterHead(span.head)),
            (_, true) => Err(OpError::NotRetained(span)),
            _ => Ok(View { tenant, at, span }),
        }
    }
}

/// The time of a change, if it is retained.
fn time_of(tx: &mut Tx<'_>, tenant: Uuid, revision: i64) -> QueryResult<Option<Timestamp>> {
    let change = changes::table.find((Uid(tenant), revision)).select(changes::time);
    let time: Option<i64> = tx.optional(change)?;
    Ok(time.map(Timestamp::from))
}

/// A point that the history of a tenant contains.
#[derive(Clone, Copy)]
pub struct View {
    tenant: Uuid,
    at: Point,
    span: Span,
}

impl View {
    /// The condition that a change was made at the point or earlier.
    fn includes(self) -> Fragment {
        self.compare(" <= ")
    }

    /// The condition that a change was made after the point.
    fn excludes(self) -> Fragment {
        self.compare(" > ")
    }

    fn compare(self, operator: &'static str) -> Fragment {
        let (column, value) = match self.at {
            Point::Revision(revision) => ("changes.revision", revision),
            Point::Time(time) => ("changes.time", time.into()),
        };
        let mut condition = Fragment::of(column);
        condition.sql(operator).value(Value::Integer(value));
        condition
    }
}
