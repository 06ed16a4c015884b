//! Finds a resource by a unique value. Most filters are lookups of this kind.

use super::Query;
use crate::db::budget::Budget;
use crate::db::sql::{Fragment, Statement};
use crate::db::table::ExternalIds;
use crate::db::types::{Id, Uid};
use crate::db::{Class, Connection, Operation, Tx};
use crate::domain::Source;
use crate::domain::casefold::casefold;
use crate::domain::filter::{Filter, Test, Value};
use crate::ops::MAX_BATCH;
use crate::ops::resource::{Resource, UniqueKey};
use crate::ops::{OpError, Results};
use diesel::QueryResult;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::marker::PhantomData;
use uuid::Uuid;

/// Reads the resource that has this value of a unique key, if there is one.
#[derive(Clone, Debug)]
pub struct FindUnique<R> {
    /// The tenant of the resource.
    pub tenant: Uuid,
    /// The unique key.
    pub key: UniqueKey,
    /// The value of the key, folded if the key is compared case-insensitively.
    pub value: String,
    /// The source of the externalId.
    pub source: Source,
    /// The type of the resource.
    pub of: PhantomData<R>,
}

impl<R: Resource> FindUnique<R> {
    /// The equivalent of a list query, if its filter is a comparison with a unique value.
    pub(super) fn for_query(query: &Query<R>) -> Option<Self> {
        let Some(Filter::Is(path, Test::Equal(Value::Text(value)))) = &query.filter else { return None };
        let key = match path[..] {
            ["userName"] => UniqueKey::UserName,
            ["externalId"] => UniqueKey::ExternalId,
            _ => return None,
        };
        let (tenant, source) = (query.tenant, query.source.clone());
        let find = || Self { tenant, key, value: value.clone(), source, of: PhantomData };
        query.after.is_none().then(find)
    }
}

impl<R: Resource> Operation for FindUnique<R> {
    type Output = Option<R>;
    type Error = OpError;
    const CLASS: Class = Class::Read;
    const MAX_BATCH: usize = MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<R>, OpError> {
        let values = BTreeSet::from([self.value.clone()]);
        Ok(self.key.find(tx, self.tenant, &self.source, &values)?.pop())
    }

    /// Looks up the values of each tenant, key and source together on PostgreSQL, and in one transaction on SQLite.
    fn run_batch(calls: &[&Self], tx: &mut Tx<'_>) -> Results<Option<R>> {
        tx.in_sqlite_snapshot(|tx| find_all(calls, tx))
    }
}

/// Finds the id of the resource that has this value of an attribute whose values are unique.
#[derive(Debug)]
pub struct FindOwner<R> {
    /// The tenant of the resource.
    pub tenant: Uuid,
    /// The attribute's name in the native API.
    pub attribute: &'static str,
    /// The value, which is not folded.
    pub value: String,
    /// The source of the externalId.
    pub source: Source,
    /// The type of the resource.
    pub of: PhantomData<R>,
}

impl<R: Resource> Operation for FindOwner<R> {
    type Output = Option<Uuid>;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Uuid>, OpError> {
        if self.attribute == UniqueKey::ExternalId.attribute() {
            let values = BTreeSet::from([self.value.clone()]);
            return Ok(ids_by_external_ids::<R>(tx, self.tenant, &self.source, &values)?.pop_first());
        }
        let Some(column) = R::TABLE.column(self.attribute) else { return Ok(None) };
        let mut select = Fragment::of("SELECT ");
        select.sql(R::TABLE.id).sql(" FROM ").sql(R::TABLE.name);
        select.sql(" WHERE ").sql(R::TABLE.tenant).sql(" = ").value(Value::Id(self.tenant));
        select.sql(" AND ").sql(column).sql(" = ").value(Value::Text(casefold(&self.value)));
        let ids: Vec<Uid> = tx.load_first(Statement::<Id>::of(select), 1)?;
        Ok(ids.first().map(|Uid(id)| *id))
    }
}

fn find_all<R: Resource>(calls: &[&FindUnique<R>], tx: &mut Tx<'_>) -> Results<Option<R>> {
    let mut values: BTreeMap<(Uuid, UniqueKey, &str), BTreeSet<String>> = BTreeMap::new();
    for call in calls {
        values.entry((call.tenant, call.key, &call.source)).or_default().insert(call.value.clone());
    }
    let mut found: HashMap<(Uuid, UniqueKey, &str, Option<String>), R> = HashMap::new();
    for ((tenant, key, source), values) in values {
        let resources: Vec<R> = key.find(tx, tenant, source, &values)?;
        let by_value = |resource: R| ((tenant, key, source, resource.unique_value(key, source)), resource);
        found.extend(resources.into_iter().map(by_value));
    }
    let result = |call: &&FindUnique<R>| {
        found.get(&(call.tenant, call.key, &*call.source, Some(call.value.clone()))).cloned()
    };
    Ok(calls.iter().map(result).map(Ok).collect())
}

impl UniqueKey {
    fn find<R: Resource>(
        self,
        tx: &mut Tx<'_>,
        tenant: Uuid,
        source: &str,
        values: &BTreeSet<String>,
    ) -> Result<Vec<R>, OpError> {
        let mut resources = self.load(tx, tenant, source, values)?;
        R::fill_computed(tx, resources.iter_mut().map(|resource| (tenant, resource)))?;
        Ok(resources)
    }

    /// Loads the resources that have these values, without their computed attributes.
    pub(in crate::ops) fn load<R: Resource>(
        self,
        tx: &mut Tx<'_>,
        tenant: Uuid,
        source: &str,
        values: &BTreeSet<String>,
    ) -> Result<Vec<R>, OpError> {
        let mut resources = match self {
            Self::UserName => load_by_user_names(tx, tenant, values)?,
            Self::ExternalId => {
                let ids = ids_by_external_ids::<R>(tx, tenant, source, values)?;
                R::load_by_ids(tx, tenant, &ids)?
            }
        };
        // The value of a resource may have changed between the two statements.
        let matches =
            |resource: &R| resource.unique_value(self, source).is_some_and(|value| values.contains(&value));
        resources.retain(matches);
        Ok(resources)
    }
}

fn load_by_user_names<R: Resource>(
    connection: &mut Connection,
    tenant: Uuid,
    names: &BTreeSet<String>,
) -> QueryResult<Vec<R>> {
    let Some(column) = R::TABLE.column("userName") else { return Ok(Vec::new()) };
    let mut select = Fragment::of("SELECT ");
    select.sql(R::TABLE.row).sql(" FROM ").sql(R::TABLE.name);
    select.sql(" WHERE ").sql(R::TABLE.tenant).sql(" = ").value(Value::Id(tenant));
    select.sql(" AND ").sql(column);
    load_by_texts(connection, &select, names, |connection, statement| {
        R::load(connection, statement, None, &mut Budget::unlimited())
    })
}

fn ids_by_external_ids<R: Resource>(
    connection: &mut Connection,
    tenant: Uuid,
    source: &str,
    external_ids: &BTreeSet<String>,
) -> QueryResult<BTreeSet<Uuid>> {
    let ExternalIds { column, source: source_column } = &R::TABLE.external_ids;
    let mut select = Fragment::of("SELECT ");
    select.sql(column.id).sql(" FROM ").sql(column.table);
    select.sql(" WHERE ").sql(column.tenant).sql(" = ").value(Value::Id(tenant));
    select.sql(" AND ").sql(*source_column).sql(" = ").value(Value::Text(source.to_owned()));
    select.sql(" AND ").sql(column.key);
    let ids: Vec<Uid> = load_by_texts(connection, &select, external_ids, |connection, statement| {
        connection.load(Statement::<Id>::of(statement))
    })?;
    Ok(ids.into_iter().map(|Uid(id)| id).collect())
}

/// Loads the rows whose last column in `select` has one of these values: with one statement on PostgreSQL, and with one
/// per value on SQLite, which is fastest there because a statement needs no round trip.
fn load_by_texts<T>(
    connection: &mut Connection,
    select: &Fragment,
    values: &BTreeSet<String>,
    load: impl Fn(&mut Connection, Fragment) -> QueryResult<Vec<T>>,
) -> QueryResult<Vec<T>> {
    if let Connection::Postgres(_) = connection {
        let mut statement = select.clone();
        statement.is_one_of_texts(values.iter().cloned());
        return load(connection, statement);
    }
    let mut rows = Vec::new();
    for value in values {
        let mut statement = select.clone();
        statement.sql(" = ").value(Value::Text(value.clone()));
        rows.extend(load(connection, statement)?);
    }
    Ok(rows)
}
