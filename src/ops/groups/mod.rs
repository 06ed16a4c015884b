//! Groups: created, read, replaced, patched, deleted. Who is in them is for [`crate::ops::members`].

mod store;

use crate::db::types::Uid;
use crate::db::{Class, Operation, Tx};
use crate::domain::change::Change;
use crate::domain::condition::Conditions;
use crate::domain::group::{Draft, Group};
use crate::domain::member::MembershipEdit;
use crate::domain::time::Timestamp;
use crate::ops::MAX_BATCH;
use crate::ops::members::{Difference, Newcomers};
use crate::ops::resource::{Resource, by_tenant};
use crate::ops::{OpError, Results};
use crate::schema::{groups, members};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

/// Creates a group.
#[derive(Debug)]
pub struct Create {
    /// In this tenant.
    pub tenant: Uuid,
    /// Under this id.
    pub id: Uuid,
    /// With these values.
    pub draft: Draft,
    /// With these members; [`OpError::Invalid`] names those who are not there.
    pub members: MembershipEdit,
    /// At this time.
    pub now: Timestamp,
}

impl Operation for Create {
    type Output = Group;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Group, OpError> {
        let name = (self.tenant, self.id);
        let newcomers = Newcomers::lock(tx, name, &self.members)?;
        let member_count = i64::try_from(self.members.added().len()).unwrap_or(i64::MAX);
        let group = Group::new(self.id, self.draft.clone(), member_count, self.now);
        store::insert(tx, self.tenant, &group)?;
        let difference = newcomers.write(tx, self.now)?;
        tx.record(Change::created(self.tenant, &group));
        difference.record(tx, name, group.version, group.updated_at);
        Ok(group)
    }
}

/// Reads a group.
#[derive(Debug)]
pub struct Find {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
}

impl Operation for Find {
    type Output = Group;
    type Error = OpError;
    const CLASS: Class = Class::Read;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Group, OpError> {
        store::find(tx, self.tenant, self.id)
    }

    /// With one statement a tenant on PostgreSQL, in one transaction on SQLite.
    fn run_batch(finds: &[&Self], tx: &mut Tx<'_>) -> Results<Group> {
        tx.in_sqlite_snapshot(|tx| find_all(finds, tx))
    }
}

fn find_all(finds: &[&Find], tx: &mut Tx<'_>) -> Results<Group> {
    let names = finds.iter().map(|find| (find.tenant, find.id));
    let groups = by_tenant(tx, names.clone(), Group::of_ids)?;
    Ok(names.map(|name| groups.get(&name).cloned().ok_or(OpError::NotFound)).collect())
}

/// Replaces what callers write of a group; its members stay.
#[derive(Debug)]
pub struct Replace {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
    /// With these values.
    pub draft: Draft,
    /// On these conditions.
    pub conditions: Conditions,
    /// At this time.
    pub now: Timestamp,
}

impl Operation for Replace {
    type Output = Group;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Group, OpError> {
        let group = store::lock(tx, self.tenant, self.id, &self.conditions)?;
        store::write(tx, self.tenant, &group, self.draft.clone(), &Difference::default(), self.now)
    }
}

/// Patches a group by JSON Merge Patch (RFC 7396).
#[derive(Debug)]
pub struct Patch {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
    /// The merge patch.
    pub patch: Value,
    /// On these conditions.
    pub conditions: Conditions,
    /// At this time.
    pub now: Timestamp,
}

impl Operation for Patch {
    type Output = Group;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Group, OpError> {
        let group = store::lock(tx, self.tenant, self.id, &self.conditions)?;
        let draft = Draft::patch(&group, &self.patch).map_err(OpError::Invalid)?;
        store::write(tx, self.tenant, &group, draft, &Difference::default(), self.now)
    }
}

/// Writes a group and who is in it, in one step: it comes to its next version once, or stays as it is.
pub struct Edit<F> {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
    /// What becomes of the group as it is, or why nothing does. Asked twice, as users are locked before groups: who
    /// joins must not depend on what is asked of. [`OpError::Invalid`] names users who are not there,
    /// [`OpError::Refused`] says that nobody needed is a member.
    pub edit: F,
    /// On these conditions.
    pub conditions: Conditions,
    /// At this time.
    pub now: Timestamp,
}

impl<F, E> Operation for Edit<F>
where
    F: Fn(&Group) -> Result<(Draft, MembershipEdit), E> + Send + Sync + 'static,
    E: Send + 'static,
{
    type Output = Result<Group, E>;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        let seen = store::find(tx, self.tenant, self.id)?;
        // Why nothing becomes of it is told of the group in the version that the conditions name.
        let expected = (self.edit)(&seen).map(|(_, members)| members).unwrap_or_default();
        let newcomers = Newcomers::lock(tx, (self.tenant, self.id), &expected)?;
        let group = store::lock(tx, self.tenant, self.id, &self.conditions)?;
        let (draft, members) = match (self.edit)(&group) {
            Ok(edited) => edited,
            Err(error) => return Ok(Err(error)),
        };
        if members != expected {
            return Err(OpError::retry("the group was written meanwhile"));
        }
        let difference = newcomers.write(tx, self.now)?;
        store::write(tx, self.tenant, &group, draft, &difference, self.now).map(Ok)
    }
}

/// Deletes a group for good, and with it who was in it: that is one fact.
#[derive(Debug)]
pub struct Delete {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
    /// On these conditions.
    pub conditions: Conditions,
    /// At this time.
    pub now: Timestamp,
}

impl Operation for Delete {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        let group = store::lock(tx, self.tenant, self.id, &self.conditions)?;
        let (tenant, id) = (Uid(self.tenant), Uid(self.id));
        let of_group = members::table.filter(members::tenant_id.eq(tenant).and(members::group_id.eq(id)));
        tx.execute(diesel::delete(of_group))?;
        let row = groups::table.find((tenant, id));
        tx.execute(diesel::delete(row))?;
        tx.record(Change::deleted(self.tenant, &group, self.now));
        Ok(())
    }
}
