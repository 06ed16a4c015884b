//! The state of one user or group at a point.

use super::members::names;
use super::rows::{Revisions, Rows, created_at};
use super::{Moment, View};
use crate::db::{Class, Operation, Tx};
use crate::domain::change::{ChangeKind, Stamp};
use crate::domain::group::Group;
use crate::domain::parse_id;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::ops::OpError;
use crate::ops::resource::Resource;
use serde_json::{Map, Value as Json};
use std::marker::PhantomData;
use uuid::Uuid;

/// Reads a user or group as it was at a point.
#[derive(Debug)]
pub struct Find<R> {
    /// The point.
    pub moment: Moment,
    /// The id of the resource.
    pub id: Uuid,
    /// The type of the resource.
    pub of: PhantomData<R>,
}

impl<R: Historic> Operation for Find<R> {
    type Output = R;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<R, OpError> {
        self.moment.read(tx, |tx, view| {
            let past = find::<R>(tx, view, self.id)?.ok_or(OpError::NotFound)?;
            R::complete(past, tx, view)
        })
    }
}

/// A type of resource whose past states can be read.
pub trait Historic: Resource {
    /// The time of the creation.
    fn created_at(&self) -> Timestamp;

    /// The resource with this snapshot, without values that are computed.
    ///
    /// # Errors
    /// The snapshot is invalid.
    fn from_snapshot(
        stamp: Stamp,
        created_at: Timestamp,
        snapshot: Map<String, Json>,
    ) -> serde_json::Result<Self>;

    /// Computes the other values.
    ///
    /// # Errors
    /// [`OpError::NotRetained`] if they are unknown.
    fn complete(past: Past<Self>, tx: &mut Tx<'_>, view: View) -> Result<Self, OpError>;
}

/// A resource at a point, without values that are computed.
pub struct Past<R> {
    pub(super) resource: R,
    /// The revision of the newest change of the resource that the view includes; 0 if none is retained.
    pub(super) revision: i64,
    pub(super) since: Since<R>,
}

/// What has become of a resource since a point.
pub(super) enum Since<R> {
    /// It still exists.
    Present(R),
    /// It has been deleted. The revision of its creation, if that change is retained.
    Deleted(Option<i64>),
}

/// The values before the changes since a point.
enum Undone<R> {
    /// The resource did not exist.
    Absent,
    /// The resource still exists.
    Present(R, Map<String, Json>),
    /// The resource has been deleted.
    Deleted(Map<String, Json>),
}

/// The resource at the point, or `None` if it did not exist.
pub(super) fn find<R: Historic>(tx: &mut Tx<'_>, view: View, id: Uuid) -> Result<Option<Past<R>>, OpError> {
    let [created, _, deleted] = R::KINDS;
    let rows = Rows { tenant: view.tenant, id, kind: created.resource() };
    let last = rows.last(tx, view)?;
    let ends = [deleted.name(), ChangeKind::USER_ERASED.name()];
    if last.as_ref().is_some_and(|last| ends.contains(&&*last.kind)) {
        return Ok(None);
    }
    let revision = last.as_ref().map_or(0, |last| last.revision);
    let Some(next) = rows.next(tx, revision)? else {
        let present: Option<R> = find_present(tx, view, id)?;
        return Ok(present.map(|present| Past {
            resource: present.clone(),
            revision,
            since: Since::Present(present),
        }));
    };
    let (snapshot, created_at, since) = match undo::<R>(tx, view, rows, revision)? {
        Undone::Absent => return Ok(None),
        Undone::Present(present, snapshot) => (snapshot, present.created_at(), Since::Present(present)),
        Undone::Deleted(snapshot) => {
            let creations = rows.creations(tx, created, revision)?;
            let since = Since::Deleted(creations.first().map(|row| row.revision));
            (snapshot, created_at(&creations, id).unwrap_or(next.time), since)
        }
    };
    // Without the change that led to this state, its time is unknown.
    let (version, time) = last.map_or((next.version - 1, created_at), |last| (last.version, last.time));
    let resource = R::from_snapshot(Stamp { id, version, time }, created_at, snapshot);
    Ok(Some(Past { resource: resource.map_err(OpError::internal)?, revision, since }))
}

fn find_present<R: Resource>(tx: &mut Tx<'_>, view: View, id: Uuid) -> Result<Option<R>, OpError> {
    let row = tx.optional(R::by_id(view.tenant, id))?;
    Ok(row.map(R::from_row).transpose()?)
}

/// Finds the values at a revision. Each attribute has the value before its first change since then. The attributes without
/// one have their last value: the present one, or that before the deletion.
///
/// Of a user who has been erased, no value is known.
fn undo<R: Historic>(tx: &mut Tx<'_>, view: View, rows: Rows, revision: i64) -> Result<Undone<R>, OpError> {
    let [created, updated, deleted] = R::KINDS;
    let (mut values, mut after) = (Map::new(), revision);
    loop {
        let (window, more) = rows.values(tx, after)?;
        for row in window {
            after = row.revision;
            let is = |kind: ChangeKind| row.kind == kind.name();
            if is(created) {
                return Ok(Undone::Absent);
            }
            if !is(updated) && !is(deleted) {
                continue;
            }
            let ends = is(deleted);
            let Some(before) = row.before else { return Ok(Undone::Deleted(Map::new())) };
            add_missing(&mut values, before.value);
            if ends {
                return Ok(Undone::Deleted(values));
            }
        }
        if !more {
            break;
        }
    }
    let Some(present) = find_present::<R>(tx, view, rows.id)? else { return Ok(Undone::Absent) };
    add_missing(&mut values, present.snapshot());
    Ok(Undone::Present(present, values))
}

fn add_missing(values: &mut Map<String, Json>, later: Map<String, Json>) {
    for (name, value) in later {
        values.entry(name).or_insert(value);
    }
}

impl Historic for User {
    fn created_at(&self) -> Timestamp {
        self.created_at
    }

    fn from_snapshot(
        stamp: Stamp,
        created_at: Timestamp,
        snapshot: Map<String, Json>,
    ) -> serde_json::Result<Self> {
        Self::from_snapshot(stamp, created_at, snapshot)
    }

    /// Computes `manager.displayName`: the name that the manager had at the point.
    fn complete(past: Past<Self>, tx: &mut Tx<'_>, view: View) -> Result<Self, OpError> {
        let mut user = past.resource;
        if let Some(manager) = &mut user.attributes.enterprise.manager {
            let id = parse_id(&manager.value);
            let name = names(tx, view, id.as_slice())?.into_values().next();
            manager.exists = name.is_some();
            manager.display_name = Some(name.and_then(|name| name.display_name));
        }
        Ok(user)
    }
}

impl Historic for Group {
    fn created_at(&self) -> Timestamp {
        self.created_at
    }

    fn from_snapshot(
        stamp: Stamp,
        created_at: Timestamp,
        snapshot: Map<String, Json>,
    ) -> serde_json::Result<Self> {
        Self::from_snapshot(stamp, created_at, snapshot, 0)
    }

    /// Computes `memberCount`.
    fn complete(past: Past<Self>, tx: &mut Tx<'_>, view: View) -> Result<Self, OpError> {
        let id = past.resource.id;
        let rows = Rows { tenant: view.tenant, id, kind: ChangeKind::GROUP_CREATED.resource() };
        let growth = rows.growth(tx, member_changes(&past, view)?)?;
        let member_count = match &past.since {
            Since::Present(group) => group.member_count - growth,
            Since::Deleted(_) => growth,
        };
        Ok(Self { member_count, ..past.resource })
    }
}

/// The changes from which the members of a group at a point are computed. If the group still exists, those since the point
/// are undone. Otherwise, the members are known only from the changes since its creation, because its deletion does not
/// record them.
///
/// # Errors
/// [`OpError::NotRetained`] if the creation of a deleted group is not retained.
pub(super) fn member_changes(past: &Past<Group>, view: View) -> Result<Revisions, OpError> {
    match past.since {
        Since::Present(_) => Ok(Revisions::after(past.revision)),
        Since::Deleted(Some(created)) => Ok(Revisions { after: created, through: past.revision }),
        Since::Deleted(None) => Err(OpError::NotRetained(view.span)),
    }
}
