//! What users and groups have in common.

use crate::db::sql::Fragment;
use crate::db::table::Table;
use crate::db::{Connection, Tx};
use crate::domain::schema::Schema;
use crate::domain::sort::Sorted;
use crate::ops::OpError;
use diesel::QueryResult;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use uuid::Uuid;

/// The keys of which no two resources of a tenant have the same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UniqueKey {
    /// A user's userName, folded.
    UserName,
    /// An externalId, which is unique within its source.
    ExternalId,
}

/// What is kept in a table of its own, found by names, and listed.
pub trait Resource: Sorted + Clone + Debug + PartialEq + Send + Sync + 'static {
    /// What it is made of.
    const SCHEMA: &'static Schema;
    /// Where it is kept.
    const TABLE: &'static Table;

    /// The resource's value of a unique key, folded as it is compared. `source` is the source of an externalId.
    fn name(&self, by: UniqueKey, source: &str) -> Option<String>;

    /// The attribute that a unique constraint protects, and the value that another resource has already. `before` is the
    /// resource before the write, if it existed.
    fn conflict(&self, before: Option<&Self>, constraint: &str) -> Option<(&'static str, String)>;

    /// The resources of a statement that gives rows of the table; the first of them, or all.
    ///
    /// # Errors
    /// The database's.
    fn load(connection: &mut Connection, statement: Fragment, most: Option<usize>) -> QueryResult<Vec<Self>>;

    /// Those of a tenant's resources that there are, in no order.
    ///
    /// # Errors
    /// The database's.
    fn of_ids(connection: &mut Connection, tenant: Uuid, ids: &BTreeSet<Uuid>) -> QueryResult<Vec<Self>>;

    /// Computes what is not kept, of resources with their tenants.
    ///
    /// # Errors
    /// The database's.
    fn complete<'r>(
        tx: &mut Tx<'_>,
        resources: impl IntoIterator<Item = (Uuid, &'r mut Self)>,
    ) -> Result<(), OpError>;
}

/// The externalId that a write introduces.
pub(super) fn new_external_id(
    before: Option<&BTreeMap<String, String>>,
    after: &BTreeMap<String, String>,
) -> String {
    let is_new = |(source, id): &(&String, &String)| before.and_then(|ids| ids.get(*source)) != Some(*id);
    after.iter().find(is_new).map(|(_, id)| id.clone()).unwrap_or_default()
}

/// Resources by tenant and id.
pub(super) type Found<R> = HashMap<(Uuid, Uuid), R>;

/// Reads resources of several tenants, tenant by tenant.
pub(super) fn by_tenant<R: Resource>(
    connection: &mut Connection,
    names: impl Iterator<Item = (Uuid, Uuid)>,
    read: impl Fn(&mut Connection, Uuid, &BTreeSet<Uuid>) -> QueryResult<Vec<R>>,
) -> QueryResult<Found<R>> {
    let mut ids: BTreeMap<Uuid, BTreeSet<Uuid>> = BTreeMap::new();
    for (tenant, id) in names {
        ids.entry(tenant).or_default().insert(id);
    }
    let mut found = Found::new();
    for (tenant, ids) in ids {
        let resources = read(connection, tenant, &ids)?;
        found.extend(resources.into_iter().map(|resource| ((tenant, resource.id()), resource)));
    }
    Ok(found)
}
