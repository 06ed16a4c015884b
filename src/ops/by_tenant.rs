//! Groups resources of several tenants by tenant.

use crate::db::Connection;
use crate::domain::sort::Sorted;
use diesel::QueryResult;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// The id of a resource, after the id of its tenant.
pub(super) type QualifiedId = (Uuid, Uuid);

/// Loads resources of several tenants, tenant by tenant.
pub(super) fn load_by_tenant<R: Sorted>(
    connection: &mut Connection,
    ids: impl Iterator<Item = QualifiedId>,
    load: impl Fn(&mut Connection, Uuid, &BTreeSet<Uuid>) -> QueryResult<Vec<R>>,
) -> QueryResult<HashMap<QualifiedId, R>> {
    let mut found = HashMap::new();
    for (tenant, ids) in group_by_tenant(ids) {
        let resources = load(connection, tenant, &ids)?;
        found.extend(resources.into_iter().map(|resource| ((tenant, resource.id()), resource)));
    }
    Ok(found)
}

/// Groups ids by their tenants. Both are sorted, which is the order in which rows are locked.
pub(super) fn group_by_tenant(ids: impl Iterator<Item = QualifiedId>) -> BTreeMap<Uuid, BTreeSet<Uuid>> {
    let mut by_tenant: BTreeMap<Uuid, BTreeSet<Uuid>> = BTreeMap::new();
    for (tenant, id) in ids {
        by_tenant.entry(tenant).or_default().insert(id);
    }
    by_tenant
}
