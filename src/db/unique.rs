//! The uniqueness settings of a tenant, which require values to be unique among its users or groups.
//!
//! A write is checked while it holds the tenant's head row. Every other write of the tenant has then either been
//! committed, so that its values are visible, or must still wait for the head row and is checked later. Two concurrent
//! writes therefore cannot store the same value, even on different servers.

use super::conn::Connection;
use super::error::DbError;
use super::history::NewChange;
use super::sql::{Fragment, Statement};
use super::types::{Id, Uid};
use crate::domain::casefold::casefold;
use crate::domain::filter::Value;
use crate::domain::tenant::Duplicate;
use diesel::QueryResult;
use diesel::sql_types::{BigInt, Text};
use uuid::Uuid;

/// A rule that no two resources of a tenant have the same value of an attribute.
#[derive(Debug)]
pub struct UniqueRule {
    /// The kind of the resource, as named in changes.
    resource: &'static str,
    /// The name of the attribute in the native API.
    attribute: &'static str,
    /// The column of `tenants` that enables the rule.
    setting: &'static str,
    table: &'static str,
    /// The column with the case-folded values.
    key: &'static str,
    /// The column with the id of the resource.
    id: &'static str,
}

/// No two users have the same e-mail address.
pub const EMAILS: UniqueRule = UniqueRule {
    resource: "user",
    attribute: "emails",
    setting: "unique_emails",
    table: "user_emails",
    key: "value_key",
    id: "user_id",
};

/// No two groups have the same displayName.
pub const GROUP_NAMES: UniqueRule = UniqueRule {
    resource: "group",
    attribute: "displayName",
    setting: "unique_group_names",
    table: "groups",
    key: "display_name_key",
    id: "id",
};

/// Checks the values that the recorded changes of a tenant contain. The tenant's head row must be locked.
pub(super) fn check(
    connection: &mut Connection,
    tenant: Uuid,
    changes: &[NewChange<'_>],
) -> Result<(), DbError> {
    for rule in [EMAILS, GROUP_NAMES] {
        let written = changes.iter().filter(|change| change.resource == rule.resource);
        let written = written.map(|change| (change.resource_id.0, rule.texts(change)));
        let written: Vec<_> = written.filter(|(_, texts)| !texts.is_empty()).collect();
        let ids: Vec<_> = written.iter().map(|(id, _)| *id).collect();
        if let Some((key, Uid(owner))) = rule.find_conflict(connection, tenant, &ids)? {
            let mut texts = written.iter().flat_map(|(_, texts)| texts).copied();
            let value = texts.find(|text| casefold(text) == key).map_or(key, str::to_owned);
            return Err(DbError::Taken { attribute: rule.attribute, value, owner });
        }
    }
    Ok(())
}

impl UniqueRule {
    /// The values in `after` of a change that must be unique.
    fn texts<'c>(&self, change: &'c NewChange<'_>) -> Vec<&'c str> {
        match change.after.as_ref().and_then(|after| after.0.get(self.attribute)) {
            Some(serde_json::Value::String(text)) => vec![text],
            Some(serde_json::Value::Array(items)) => {
                items.iter().filter_map(|item| item.get("value")?.as_str()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A value that one of these resources shares with another resource, and the id of the other resource.
    fn find_conflict(
        &self,
        connection: &mut Connection,
        tenant: Uuid,
        ids: &[Uuid],
    ) -> QueryResult<Option<(String, Uid)>> {
        if ids.is_empty() {
            return Ok(None);
        }
        let Self { setting, table, key, id, .. } = self;
        // CROSS JOIN makes SQLite start with the rows of the written resources.
        let mut statement = Fragment::default();
        statement
            .sql(format!(
                "SELECT mine.{key}, other.{id} FROM {table} AS mine CROSS JOIN {table} AS other \
                 WHERE other.tenant_id = mine.tenant_id AND other.{key} = mine.{key} AND other.{id} <> mine.{id} \
                 AND EXISTS (SELECT 1 FROM tenants WHERE tenants.id = mine.tenant_id AND tenants.{setting}) \
                 AND mine.tenant_id = "
            ))
            .value(Value::Id(tenant))
            .sql(format!(" AND mine.{id}"))
            .is_one_of(ids);
        let found = connection.load_first(Statement::<(Text, Id)>::of(statement), 1)?;
        Ok(found.into_iter().next())
    }

    /// The values that several resources of a tenant have, at most `limit`.
    ///
    /// # Errors
    /// The engine's error.
    pub fn duplicates(
        &self,
        connection: &mut Connection,
        tenant: Uuid,
        limit: usize,
    ) -> QueryResult<Vec<Duplicate>> {
        let mut statement = self.duplicate_keys(tenant);
        statement.sql(format!(" ORDER BY {}", self.key));
        let keys: Vec<(String, i64)> =
            connection.load_first(Statement::<(Text, BigInt)>::of(statement), limit)?;
        let duplicate = |(value, count): (String, i64)| {
            let ids = self.owners(connection, tenant, &value)?;
            Ok(Duplicate { attribute: self.attribute, value, count, ids })
        };
        keys.into_iter().map(duplicate).collect()
    }

    /// The number of values that several resources of a tenant have.
    ///
    /// # Errors
    /// The engine's error.
    pub fn count_duplicates(&self, connection: &mut Connection, tenant: Uuid) -> QueryResult<i64> {
        let mut statement = Fragment::of("SELECT count(*) FROM (");
        statement.append(&self.duplicate_keys(tenant)).sql(") AS duplicates");
        connection.get(Statement::<BigInt>::of(statement))
    }

    /// Selects the case-folded values that several resources have, each with the number of those resources.
    fn duplicate_keys(&self, tenant: Uuid) -> Fragment {
        let Self { table, key, id, .. } = self;
        let mut statement = Fragment::default();
        statement
            .sql(format!("SELECT {key}, count(DISTINCT {id}) FROM {table} WHERE tenant_id = "))
            .value(Value::Id(tenant))
            .sql(format!(" GROUP BY {key} HAVING count(DISTINCT {id}) > 1"));
        statement
    }

    /// The ids of the first resources that have a case-folded value.
    fn owners(&self, connection: &mut Connection, tenant: Uuid, value: &str) -> QueryResult<Vec<Uuid>> {
        let Self { table, key, id, .. } = self;
        let mut statement = Fragment::default();
        statement.sql(format!("SELECT DISTINCT {id} FROM {table} WHERE tenant_id = "));
        statement.value(Value::Id(tenant)).sql(format!(" AND {key} = ")).value(Value::Text(value.to_owned()));
        statement.sql(format!(" ORDER BY {id}"));
        let ids: Vec<Uid> = connection.load_first(Statement::<Id>::of(statement), Duplicate::MAX_IDS)?;
        Ok(ids.into_iter().map(|Uid(id)| id).collect())
    }
}
