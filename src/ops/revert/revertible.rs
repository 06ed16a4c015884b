//! The types of resources whose changes can be reverted.

use crate::db::Tx;
use crate::db::types::Uid;
use crate::domain::NATIVE_SOURCE;
use crate::domain::group::{self, Group};
use crate::domain::revert::{Claim, source_of};
use crate::domain::user::{self, User};
use crate::ops::OpError;
use crate::ops::history::Historic;
use crate::ops::restore::{Deletion, Restorable};
use crate::ops::users;
use crate::schema::{group_external_ids, user_external_ids, users as user_rows};
use diesel::prelude::*;
use uuid::Uuid;

/// A type of resource whose changes can be reverted.
pub trait Revertible: Restorable + Historic {
    /// The column of changes that contains the id of the resource in the changes of its memberships.
    const IN_MEMBERSHIPS: &'static str;
    /// Whether a restore needs the changes since the creation: the members of a group are known only from them.
    const NEEDS_CREATION: bool;

    /// A draft with all values of the resource.
    fn into_draft(self) -> Self::Draft;

    /// Inserts the deleted resource and records the changes. The memberships of a user are restored separately.
    ///
    /// # Errors
    /// See [`Restorable::restore`].
    fn bring_back(tx: &mut Tx<'_>, deletion: Deletion) -> Result<(), OpError>;

    /// Frees a unique value of a locked resource that will be updated, so that another resource can have it first.
    ///
    /// # Errors
    /// [`OpError::Database`].
    fn free(tx: &mut Tx<'_>, tenant: Uuid, id: Uuid, claim: &Claim) -> QueryResult<()>;
}

impl Revertible for User {
    const IN_MEMBERSHIPS: &'static str = "changes.member_id";
    const NEEDS_CREATION: bool = false;

    fn into_draft(self) -> user::Draft {
        user::Draft {
            attributes: self.attributes,
            external_id: None,
            source: NATIVE_SOURCE.into(),
            external_ids: Some(self.external_ids),
            has_active: true,
        }
    }

    fn bring_back(tx: &mut Tx<'_>, deletion: Deletion) -> Result<(), OpError> {
        users::restore_without_groups(tx, deletion).map(drop)
    }

    fn free(tx: &mut Tx<'_>, tenant: Uuid, id: Uuid, (attribute, value): &Claim) -> QueryResult<()> {
        let Some(source) = source_of(attribute) else {
            // No folded userName begins with this character, except one that was chosen to collide with this id.
            let unused = format!("\u{1}{id}");
            let user = diesel::update(user_rows::table.find((Uid(tenant), Uid(id))));
            return tx.execute(user.set(user_rows::user_name_key.eq(unused))).map(drop);
        };
        tx.execute(diesel::delete(user_external_ids::table.find((Uid(tenant), source, value)))).map(drop)
    }
}

impl Revertible for Group {
    const IN_MEMBERSHIPS: &'static str = "changes.resource_id";
    const NEEDS_CREATION: bool = true;

    fn into_draft(self) -> group::Draft {
        group::Draft {
            attributes: self.attributes,
            external_id: None,
            source: NATIVE_SOURCE.into(),
            external_ids: Some(self.external_ids),
        }
    }

    fn bring_back(tx: &mut Tx<'_>, deletion: Deletion) -> Result<(), OpError> {
        Self::restore(tx, deletion).map(drop)
    }

    fn free(tx: &mut Tx<'_>, tenant: Uuid, _: Uuid, (attribute, value): &Claim) -> QueryResult<()> {
        let Some(source) = source_of(attribute) else { return Ok(()) };
        tx.execute(diesel::delete(group_external_ids::table.find((Uid(tenant), source, value)))).map(drop)
    }
}
