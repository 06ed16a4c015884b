//! Checks the revisions and digests of the recorded changes.

use super::{Check, Head};
use crate::db::error::DbError;
use crate::db::types::Uid;
use crate::domain::change::ChangeKind;
use crate::domain::digest::{Digest, Step, Steps};
use crate::schema::changes;
use diesel::prelude::*;

/// The number of changes in a page.
const PAGE: i64 = 1_000;

#[derive(Queryable)]
struct Row {
    revision: i64,
    kind: String,
    id: Uid,
    member: Option<Uid>,
    version: i64,
    digest: Option<i64>,
}

/// The previous change.
struct Previous {
    revision: i64,
    digest: Option<Digest>,
    steps: Steps,
}

impl Check<'_> {
    pub(super) fn check_history(&mut self, head: Head) -> Result<(), DbError> {
        let mut previous = None;
        loop {
            let rows =
                self.changes_after(previous.as_ref().map_or(0, |previous: &Previous| previous.revision))?;
            let is_last = i64::try_from(rows.len()).is_ok_and(|count| count < PAGE);
            for row in rows {
                previous = Some(self.check_change(previous, &row)?);
            }
            if is_last {
                break;
            }
        }
        // All changes may have been deleted after their retention period.
        if let Some(Previous { revision, digest, .. }) = previous {
            if revision != head.revision {
                self.report(format!("the newest change is {revision}, but the head is {}", head.revision));
            } else if let (Some(stored), Some(digest)) = (head.digest(), digest)
                && stored != digest
            {
                self.report(format!("the digest is {stored}, but that of the newest change is {digest}"));
            }
        }
        Ok(())
    }

    fn changes_after(&mut self, revision: i64) -> QueryResult<Vec<Row>> {
        let later = changes::tenant_id.eq(Uid(self.tenant)).and(changes::revision.gt(revision));
        let query = changes::table.filter(later).order(changes::revision).limit(PAGE).select((
            changes::revision,
            changes::kind,
            changes::resource_id,
            changes::member_id,
            changes::version,
            changes::digest,
        ));
        self.connection.load(query)
    }

    /// Compares a change with the previous one. Before the first revision, the tenant was empty.
    fn check_change(&mut self, previous: Option<Previous>, row: &Row) -> Result<Previous, DbError> {
        self.counted.changes += 1;
        let start = |revision| Previous { revision, digest: None, steps: Steps::default() };
        let mut previous = match previous {
            None if row.revision == 1 => Previous { digest: Some(Digest::default()), ..start(0) },
            None => start(row.revision - 1),
            Some(previous) => previous,
        };
        if row.revision != previous.revision + 1 {
            let (first, last) = (previous.revision + 1, row.revision - 1);
            self.report(format!("the changes from revision {first} to {last} are missing"));
            previous = start(last);
        }
        let digest = row.digest.map(Digest::from);
        let expected = self.next_digest(&mut previous, row)?;
        if let (Some(stored), Some(expected)) = (digest, expected) {
            self.compare(format!("the digest of change {}", row.revision), stored, expected);
        }
        Ok(Previous { revision: row.revision, digest, steps: previous.steps })
    }

    /// The digest after a change, computed from that before it. `None` if it cannot be computed.
    fn next_digest(&mut self, previous: &mut Previous, row: &Row) -> Result<Option<Digest>, DbError> {
        // A newer release may have written a type that this one does not know.
        let Some(kind) = ChangeKind::from_name(&row.kind) else { return Ok(None) };
        let memberships = match kind {
            ChangeKind::GROUP_DELETED if previous.digest.is_some() => self.memberships(row)?,
            _ => Some(Digest::default()),
        };
        let step = previous.steps.next(Step {
            kind,
            id: row.id.0,
            member: row.member.map(|Uid(user)| user),
            version: row.version,
            memberships: memberships.unwrap_or_default(),
        });
        Ok(previous.digest.filter(|_| memberships.is_some()).map(|digest| digest ^ step))
    }

    /// The digest of the memberships that the deletion of a group removed, according to the changes since its creation.
    /// `None` if these are not retained.
    fn memberships(&mut self, deletion: &Row) -> QueryResult<Option<Digest>> {
        let (mut memberships, mut after) = (None, 0);
        loop {
            let of_group = changes::tenant_id.eq(Uid(self.tenant)).and(changes::resource_id.eq(deletion.id));
            let earlier = changes::revision.gt(after).and(changes::revision.lt(deletion.revision));
            let query = changes::table.filter(of_group.and(earlier)).order(changes::revision).limit(PAGE);
            let columns = (changes::revision, changes::kind, changes::member_id);
            let rows: Vec<(i64, String, Option<Uid>)> = self.connection.load(query.select(columns))?;
            for (_, kind, member) in &rows {
                let member = member.map(|Uid(user)| Digest::of_member(deletion.id.0, user));
                memberships = match ChangeKind::from_name(kind) {
                    Some(ChangeKind::GROUP_CREATED) => Some(Digest::default()),
                    _ => memberships.map(|all| all ^ member.unwrap_or_default()),
                };
            }
            match rows.last() {
                Some((revision, ..)) => after = *revision,
                None => return Ok(memberships),
            }
        }
    }
}
