//! The resource of a name: what most filters ask for.

use super::Query;
use crate::db::sql::{Fragment, Statement};
use crate::db::table::ExternalIds;
use crate::db::types::{Id, Uid};
use crate::db::{Class, Connection, Operation, Tx};
use crate::domain::Source;
use crate::domain::filter::{Filter, Test, Value};
use crate::ops::MAX_BATCH;
use crate::ops::resource::{Resource, UniqueKey};
use crate::ops::{OpError, Results};
use diesel::QueryResult;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::marker::PhantomData;
use uuid::Uuid;

/// Reads the resource of a name, if there is one.
#[derive(Clone, Debug)]
pub struct FindUnique<R> {
    /// In this tenant.
    pub tenant: Uuid,
    /// The key that the name is a value of.
    pub by: UniqueKey,
    /// The name, as it is compared.
    pub name: String,
    /// Whose name it is, if not everybody's.
    pub source: Source,
    /// Of this type.
    pub of: PhantomData<R>,
}

impl<R: Resource> FindUnique<R> {
    /// When the filter asks for just that.
    pub(super) fn asked_for(query: &Query<R>) -> Option<Self> {
        let Some(Filter::Is(path, Test::Equal(Value::Text(name)))) = &query.filter else { return None };
        let by = match path[..] {
            ["userName"] => UniqueKey::UserName,
            ["externalId"] => UniqueKey::ExternalId,
            _ => return None,
        };
        let source = query.source.clone();
        let named = || Self { tenant: query.tenant, by, name: name.clone(), source, of: PhantomData };
        query.after.is_none().then(named)
    }
}

impl<R: Resource> Operation for FindUnique<R> {
    type Output = Option<R>;
    type Error = OpError;
    const CLASS: Class = Class::Read;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<R>, OpError> {
        let name = BTreeSet::from([self.name.clone()]);
        Ok(self.by.find(tx, self.tenant, &self.source, &name)?.pop())
    }

    /// With one statement for each tenant and kind of name on PostgreSQL, in one transaction on SQLite.
    fn run_batch(calls: &[&Self], tx: &mut Tx<'_>) -> Results<Option<R>> {
        tx.in_sqlite_snapshot(|tx| find_all(calls, tx))
    }
}

fn find_all<R: Resource>(calls: &[&FindUnique<R>], tx: &mut Tx<'_>) -> Results<Option<R>> {
    let mut names: BTreeMap<(Uuid, UniqueKey, &str), BTreeSet<String>> = BTreeMap::new();
    for call in calls {
        names.entry((call.tenant, call.by, &call.source)).or_default().insert(call.name.clone());
    }
    let mut found: HashMap<(Uuid, UniqueKey, &str, Option<String>), R> = HashMap::new();
    for ((tenant, by, source), names) in names {
        let resources: Vec<R> = by.find(tx, tenant, source, &names)?;
        let named = |resource: R| ((tenant, by, source, resource.name(by, source)), resource);
        found.extend(resources.into_iter().map(named));
    }
    let of = |call: &&FindUnique<R>| {
        found.get(&(call.tenant, call.by, &*call.source, Some(call.name.clone()))).cloned()
    };
    Ok(calls.iter().map(of).map(Ok).collect())
}

impl UniqueKey {
    fn find<R: Resource>(
        self,
        tx: &mut Tx<'_>,
        tenant: Uuid,
        source: &str,
        names: &BTreeSet<String>,
    ) -> Result<Vec<R>, OpError> {
        let mut resources = match self {
            Self::UserName => of_user_names(tx, tenant, names)?,
            Self::ExternalId => {
                let ids = ids_of_external_ids::<R>(tx, tenant, source, names)?;
                R::of_ids(tx, tenant, &ids)?
            }
        };
        // The second statement may find a resource that has got another name since the first.
        let is_named = |resource: &R| resource.name(self, source).is_some_and(|name| names.contains(&name));
        resources.retain(is_named);
        R::complete(tx, resources.iter_mut().map(|resource| (tenant, resource)))?;
        Ok(resources)
    }
}

fn of_user_names<R: Resource>(
    connection: &mut Connection,
    tenant: Uuid,
    names: &BTreeSet<String>,
) -> QueryResult<Vec<R>> {
    let Some(column) = R::TABLE.column("userName") else { return Ok(Vec::new()) };
    let mut select = Fragment::of("SELECT ");
    select.sql(R::TABLE.row).sql(" FROM ").sql(R::TABLE.name);
    select.sql(" WHERE ").sql(R::TABLE.tenant).sql(" = ").value(Value::Id(tenant));
    select.sql(" AND ").sql(column);
    each(connection, &select, names, |connection, statement| R::load(connection, statement, None))
}

fn ids_of_external_ids<R: Resource>(
    connection: &mut Connection,
    tenant: Uuid,
    source: &str,
    names: &BTreeSet<String>,
) -> QueryResult<BTreeSet<Uuid>> {
    let ExternalIds { at, source: column } = &R::TABLE.external_ids;
    let mut select = Fragment::of("SELECT ");
    select.sql(at.id).sql(" FROM ").sql(at.table);
    select.sql(" WHERE ").sql(at.tenant).sql(" = ").value(Value::Id(tenant));
    select.sql(" AND ").sql(*column).sql(" = ").value(Value::Text(source.to_owned()));
    select.sql(" AND ").sql(at.key);
    let ids: Vec<Uid> = each(connection, &select, names, |connection, statement| {
        connection.load(Statement::<Id>::of(statement))
    })?;
    Ok(ids.into_iter().map(|Uid(id)| id).collect())
}

/// The rows of a statement whose last column is one of some names: with one statement on PostgreSQL, with one a name on
/// SQLite, where that is no round trip and takes the least time.
fn each<T>(
    connection: &mut Connection,
    select: &Fragment,
    names: &BTreeSet<String>,
    load: impl Fn(&mut Connection, Fragment) -> QueryResult<Vec<T>>,
) -> QueryResult<Vec<T>> {
    if let Connection::Postgres(_) = connection {
        let mut statement = select.clone();
        statement.is_one_of_texts(names.iter().cloned());
        return load(connection, statement);
    }
    let mut rows = Vec::new();
    for name in names {
        let mut statement = select.clone();
        statement.sql(" = ").value(Value::Text(name.clone()));
        rows.extend(load(connection, statement)?);
    }
    Ok(rows)
}
