//! Restores deleted users.

use super::insert;
use crate::db::Tx;
use crate::db::types::Uid;
use crate::domain::change::{Change, ChangeKind};
use crate::domain::user::User;
use crate::ops::connections::record_creators;
use crate::ops::history::Rows;
use crate::ops::restore::{Deletion, Restorable, Restored};
use crate::ops::{OpError, members};
use crate::schema::changes;
use diesel::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;

impl Restorable for User {
    fn restore(tx: &mut Tx<'_>, deletion: Deletion) -> Result<Restored<Self>, OpError> {
        let groups = groups_of(tx, &deletion)?;
        let Deletion { rows: Rows { tenant, id, .. }, stamp, .. } = deletion;
        let user = restore_without_groups(tx, deletion)?;
        let others = members::add_to_groups(tx, (tenant, id), &groups, stamp.time)?;
        let missing = groups.difference(&others).copied().collect();
        Ok(Restored { resource: user, others, missing })
    }
}

/// Inserts the user without its memberships, and records the change.
pub(in crate::ops) fn restore_without_groups(tx: &mut Tx<'_>, deletion: Deletion) -> Result<User, OpError> {
    let Deletion { rows, stamp, created_at, before, .. } = deletion;
    let tenant = rows.tenant;
    let user = User::from_snapshot(stamp, created_at, before).map_err(OpError::internal)?;
    insert::insert(tx, tenant, &user)?;
    record_creators(tx, rows, &user)?;
    tx.record(Change::created(tenant, &user));
    Ok(user)
}

/// The groups from which the deletion removed the user. Its changes directly precede that of the deletion.
fn groups_of(tx: &mut Tx<'_>, deletion: &Deletion) -> QueryResult<BTreeSet<Uuid>> {
    let Rows { tenant, id, .. } = deletion.rows;
    let of_user = changes::tenant_id.eq(Uid(tenant)).and(changes::member_id.eq(Uid(id)));
    let removed = changes::kind.eq(ChangeKind::MEMBER_REMOVED.name());
    let same_request = changes::request_id.eq(&deletion.request_id);
    let earlier = changes::revision.lt(deletion.revision);
    let rows = changes::table
        .filter(of_user.and(removed).and(same_request).and(earlier))
        .order(changes::revision.desc())
        .select((changes::revision, changes::resource_id));
    let rows: Vec<(i64, Uid)> = tx.load(rows)?;
    let expected = (0..deletion.revision).rev();
    let same = rows.into_iter().zip(expected).take_while(|((revision, _), expected)| revision == expected);
    Ok(same.map(|((_, Uid(group)), _)| group).collect())
}
