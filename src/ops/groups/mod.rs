//! Operations on groups. [`crate::ops::members`] has those on members.

mod restore;
mod store;

use crate::db::{Class, Operation, Tx};
use crate::domain::change::Change;
use crate::domain::condition::Conditions;
use crate::domain::group::{Draft, Group};
use crate::domain::member::MembershipEdit;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::members::PreparedEdit;
use crate::ops::resource::{self, NewValues, Rewrite};
use uuid::Uuid;

/// Creates a group.
#[derive(Debug)]
pub struct Create {
    /// The tenant of the group.
    pub tenant: Uuid,
    /// The id of the group.
    pub id: Uuid,
    /// The values of the group.
    pub draft: Draft,
    /// The initial members. [`OpError::Invalid`] names those that do not exist.
    pub members: MembershipEdit,
    /// The creation time.
    pub now: Timestamp,
}

impl Operation for Create {
    type Output = Group;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Group, OpError> {
        let id = (self.tenant, self.id);
        let edit = PreparedEdit::prepare(tx, id, &self.members)?;
        let member_count = i64::try_from(self.members.added().len()).unwrap_or(i64::MAX);
        let group = Group::new(self.id, self.draft.clone(), member_count, self.now);
        store::insert(tx, self.tenant, &group)?;
        let members = edit.apply(tx, self.now)?;
        tx.record(Change::created(self.tenant, &group));
        members.record(tx, id, group.version, group.updated_at);
        Ok(group)
    }
}

/// Reads a group.
pub type Find = resource::Find<Group>;

/// Replaces or patches a group, without its members.
pub type Update = Rewrite<NewValues<Group>>;

/// Edits a group and its members in one step. The version increases by one, or not at all if nothing changes.
pub struct Edit<F> {
    /// The tenant of the group.
    pub tenant: Uuid,
    /// The id of the group.
    pub id: Uuid,
    /// Returns the new values and members, or the reason for refusing the edit, which becomes the operation's output. The
    /// function runs twice, because users are locked before the group, so the users that it adds must not depend on the
    /// stored group. [`OpError::Invalid`] names users that do not exist, and [`OpError::Refused`] means that no user of a
    /// required set is a member.
    pub edit: F,
    /// The conditions, which are checked before the locked group is edited.
    pub conditions: Conditions,
    /// The time of the change.
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
        let unlocked = resource::find(tx, self.tenant, self.id)?;
        // A refusal is returned only for the locked group, after the conditions are checked.
        let expected = (self.edit)(&unlocked).map(|(_, members)| members).unwrap_or_default();
        let edit = PreparedEdit::prepare(tx, (self.tenant, self.id), &expected)?;
        let group = resource::lock(tx, self.tenant, self.id, &self.conditions)?;
        let (draft, members) = match (self.edit)(&group) {
            Ok(edited) => edited,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if members != expected {
            return Err(OpError::retry("the group was changed concurrently"));
        }
        let members = edit.apply(tx, self.now)?;
        store::write(tx, self.tenant, &group, draft, &members, self.now).map(Ok)
    }
}

/// Deletes a group. The deletion of its memberships is not recorded separately.
pub type Delete = resource::Delete<Group>;
