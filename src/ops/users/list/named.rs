//! The user of a name: what most filters ask for.

use super::Query;
use crate::db::rows::{USER_COLUMNS, UserRow};
use crate::db::types::Uid;
use crate::db::{Class, Connection, DbError, Operation, Results, Tx};
use crate::domain::NATIVE_SOURCE;
use crate::domain::filter::{Filter, Test, Value};
use crate::domain::fold::fold;
use crate::domain::user::User;
use crate::ops::users::TOGETHER;
use crate::ops::users::store::{self, name_managers};
use crate::schema::{user_external_ids, users};
use diesel::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// Reads the user of a name, if there is one.
#[derive(Debug)]
pub struct Named {
    /// In this tenant.
    pub tenant: Uuid,
    /// What kind of name.
    pub by: By,
    /// The name, as it is compared.
    pub name: String,
}

/// The names that only one user of a tenant can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// The userName, folded.
    UserName,
    /// The externalId that native callers gave.
    ExternalId,
}

impl Named {
    /// When the filter asks for just that.
    pub(super) fn asked_for(query: &Query, filter: &Filter) -> Option<Self> {
        let Filter::Is(path, Test::Equal(Value::Text(name))) = filter else { return None };
        let by = match path[..] {
            ["userName"] => By::UserName,
            ["externalId"] => By::ExternalId,
            _ => return None,
        };
        query.after.is_none().then(|| Self { tenant: query.tenant, by, name: name.clone() })
    }
}

impl Operation for Named {
    type Output = Option<User>;
    const CLASS: Class = Class::Read;
    const TOGETHER: usize = TOGETHER;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Option<User>, DbError> {
        let name = BTreeSet::from([self.name.clone()]);
        Ok(self.by.find(tx, self.tenant, &name)?.pop())
    }

    /// With one statement for each tenant and kind of name on PostgreSQL, in one transaction on SQLite.
    fn run_all(calls: &[&Self], tx: &mut Tx<'_>) -> Results<Option<User>> {
        match tx.connection() {
            Connection::Postgres(_) => find_all(calls, tx),
            Connection::Sqlite(_) => tx.in_snapshot(|tx| find_all(calls, tx)),
        }
    }
}

fn find_all(calls: &[&Named], tx: &mut Tx<'_>) -> Results<Option<User>> {
    let mut names: BTreeMap<(Uuid, By), BTreeSet<String>> = BTreeMap::new();
    for call in calls {
        names.entry((call.tenant, call.by)).or_default().insert(call.name.clone());
    }
    let mut found = HashMap::new();
    for ((tenant, by), names) in names {
        let users = by.find(tx, tenant, &names)?;
        found.extend(users.into_iter().map(|user| ((tenant, by, by.name_of(&user)), user)));
    }
    let of = |call: &&Named| found.get(&(call.tenant, call.by, Some(call.name.clone()))).cloned();
    Ok(calls.iter().map(of).map(Ok).collect())
}

impl By {
    fn find(self, tx: &mut Tx<'_>, tenant: Uuid, names: &BTreeSet<String>) -> Result<Vec<User>, DbError> {
        let mut users = match self {
            Self::UserName => of_user_names(tx.connection(), tenant, names)?,
            Self::ExternalId => {
                let ids = ids_of_external_ids(tx.connection(), tenant, names)?;
                store::find_all(tx.connection(), tenant, &ids)?
            }
        };
        // The second statement may find a user that has got another name since the first.
        users.retain(|user| self.name_of(user).is_some_and(|name| names.contains(&name)));
        name_managers(tx, users.iter_mut().map(|user| (tenant, user)))?;
        Ok(users)
    }

    fn name_of(self, user: &User) -> Option<String> {
        match self {
            Self::UserName => Some(fold(&user.attributes.user_name)),
            Self::ExternalId => user.external_id().map(str::to_owned),
        }
    }
}

fn of_user_names(
    connection: &mut Connection,
    tenant: Uuid,
    names: &BTreeSet<String>,
) -> QueryResult<Vec<User>> {
    let of_tenant = users::table.filter(users::tenant_id.eq(Uid(tenant))).select(USER_COLUMNS);
    let rows: Vec<UserRow> = match connection {
        Connection::Postgres(c) => of_tenant.filter(users::user_name_key.eq_any(names)).load(c)?,
        Connection::Sqlite(c) => {
            let find =
                |name| of_tenant.filter(users::user_name_key.eq(name)).get_result(c).optional().transpose();
            names.iter().filter_map(find).collect::<QueryResult<_>>()?
        }
    };
    Ok(rows.into_iter().map(User::from).collect())
}

fn ids_of_external_ids(
    connection: &mut Connection,
    tenant: Uuid,
    names: &BTreeSet<String>,
) -> QueryResult<BTreeSet<Uuid>> {
    let of_source = user_external_ids::table
        .filter(user_external_ids::tenant_id.eq(Uid(tenant)))
        .filter(user_external_ids::source.eq(NATIVE_SOURCE))
        .select(user_external_ids::user_id);
    let ids: Vec<Uid> = match connection {
        Connection::Postgres(c) => of_source.filter(user_external_ids::external_id.eq_any(names)).load(c)?,
        Connection::Sqlite(c) => {
            let find = |name| {
                of_source.filter(user_external_ids::external_id.eq(name)).get_result(c).optional().transpose()
            };
            names.iter().filter_map(find).collect::<QueryResult<_>>()?
        }
    };
    Ok(ids.into_iter().map(|Uid(id)| id).collect())
}
