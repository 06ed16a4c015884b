//! The statements that read and write users by their ids.

use super::{Create, batch, insert};
use crate::db::budget::Budget;
use crate::db::query::Lockable;
use crate::db::rows::{NewUserRow, UserColumns, UserRow, user_columns};
use crate::db::sql::Fragment;
use crate::db::table::{self, Table};
use crate::db::types::Uid;
use crate::db::{Connection, Operation as _, Tx};
use crate::domain::casefold::casefold;
use crate::domain::change::Change;
use crate::domain::digest::Digest;
use crate::domain::fields::FieldError;
use crate::domain::parse_id;
use crate::domain::schema::{self, Schema};
use crate::domain::time::Timestamp;
use crate::domain::user::{Draft, StoredUser, User};
use crate::ops::connections::{owns_user, record_user};
use crate::ops::resource::{
    Form, Resource, Rewrite, UniqueKey, UserGroups, Values, load_rows, new_external_id,
};
use crate::ops::{MAX_BATCH, OpError, Results, members};
use crate::schema::{user_emails, user_external_ids, users};
use diesel::dsl::SqlTypeOf;
use diesel::prelude::*;
use diesel::result::Error::DeserializationError;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

impl Form for User {
    type Resource = Self;

    fn from_row(row: UserRow) -> QueryResult<Self> {
        StoredUser::from(row).try_into().map_err(|error| DeserializationError(Box::new(error)))
    }

    /// Fills in `manager.displayName` where a manager is a user of the same tenant.
    fn fill_computed<'f>(
        tx: &mut Tx<'_>,
        users: impl IntoIterator<Item = (Uuid, &'f mut Self)>,
    ) -> Result<(), OpError> {
        let managed = users.into_iter().filter_map(|(tenant, user)| {
            let manager = user.attributes.enterprise.manager.as_mut()?;
            Some((tenant, parse_id(&manager.value), manager))
        });
        fill_manager_names(tx, managed, |manager, name| {
            manager.exists = name.is_some();
            manager.display_name = Some(name.flatten());
        })
    }

    fn user_groups(&mut self) -> Option<UserGroups<'_>> {
        Some((self.id, &mut self.groups))
    }
}

impl Form for StoredUser {
    type Resource = User;

    fn from_row(row: UserRow) -> QueryResult<Self> {
        Ok(row.into())
    }

    fn fill_computed<'f>(
        tx: &mut Tx<'_>,
        users: impl IntoIterator<Item = (Uuid, &'f mut Self)>,
    ) -> Result<(), OpError> {
        let managed =
            users.into_iter().filter_map(|(tenant, user)| Some((tenant, Some(user.manager()?), user)));
        fill_manager_names(tx, managed, |user, name| user.manager_name = name)
    }

    fn user_groups(&mut self) -> Option<UserGroups<'_>> {
        Some((self.id, &mut self.groups))
    }
}

impl Resource for User {
    const SCHEMA: &'static Schema = &schema::USERS;
    const TABLE: &'static Table = &table::USERS;
    const MAX_REWRITES: usize = MAX_BATCH;
    type Row = UserRow;
    type Draft = Draft;

    fn unique_value(&self, key: UniqueKey, source: &str) -> Option<String> {
        match key {
            UniqueKey::UserName => Some(casefold(&self.attributes.user_name)),
            UniqueKey::ExternalId => self.external_ids.get(source).cloned(),
        }
    }

    fn unique_value_of(draft: &Draft, key: UniqueKey) -> Option<String> {
        match key {
            UniqueKey::UserName => Some(casefold(&draft.attributes.user_name)),
            UniqueKey::ExternalId => draft.external_id.clone(),
        }
    }

    fn conflict(&self, before: Option<&Self>, constraint: &str) -> Option<(&'static str, String)> {
        match constraint {
            "users_user_name" => Some(("userName", self.attributes.user_name.clone())),
            "user_external_ids_pkey" => {
                let before = before.map(|user| &user.external_ids);
                Some(("externalId", new_external_id(before, &self.external_ids)))
            }
            _ => None,
        }
    }

    fn by_id(tenant: Uuid, id: Uuid) -> impl Lockable<'static, UserRow> {
        users::table.find((Uid(tenant), Uid(id))).select(user_columns())
    }

    fn load<F: Form<Resource = Self>>(
        connection: &mut Connection,
        statement: Fragment,
        limit: Option<usize>,
        budget: &mut Budget,
    ) -> QueryResult<Vec<F>> {
        load_rows::<SqlTypeOf<UserColumns>, UserRow, _>(connection, statement, limit, budget)
    }

    fn load_by_ids<F: Form<Resource = Self>>(
        connection: &mut Connection,
        tenant: Uuid,
        ids: &BTreeSet<Uuid>,
    ) -> QueryResult<Vec<F>> {
        let tenant = Uid(tenant);
        let rows: Vec<UserRow> = connection.load_ids(
            ids.iter().copied().map(Uid),
            |ids| {
                let condition = users::tenant_id.eq(tenant).and(users::id.eq_any(ids));
                users::table.filter(condition).select(user_columns())
            },
            |id| users::table.find((tenant, id)).select(user_columns()),
        )?;
        rows.into_iter().map(F::from_row).collect()
    }

    /// The manager, because `manager.displayName` is part of the user.
    fn named_users(draft: &Draft) -> Vec<Uuid> {
        let manager = draft.attributes.enterprise.manager.as_ref();
        manager.and_then(|manager| parse_id(&manager.value)).into_iter().collect()
    }

    fn insert(
        tx: &mut Tx<'_>,
        tenant: Uuid,
        id: Uuid,
        draft: Draft,
        now: Timestamp,
    ) -> Result<Self, OpError> {
        Create { tenant, id, draft, now }.run(tx)
    }

    fn complete_replacement(&self, mut draft: Draft) -> Draft {
        if !draft.has_active {
            draft.attributes.active = self.attributes.active;
        }
        draft
    }

    fn patched(&self, patch: &Value) -> Result<Draft, Vec<FieldError>> {
        Draft::patch(self, patch)
    }

    fn write(&self, tx: &mut Tx<'_>, tenant: Uuid, draft: Draft, now: Timestamp) -> Result<Self, OpError> {
        let mut after = self.with(draft);
        if after != *self {
            after.version += 1;
            after.updated_at = now.after(self.updated_at);
            update(tx, tenant, self, &after)
                .map_err(|error| error.on_unique(|constraint| after.conflict(Some(self), constraint)))?;
            tx.record(Change::updated(tenant, self, &after));
        }
        Ok(after)
    }

    fn is_deactivated_by(&self, draft: &Draft) -> bool {
        self.attributes.active && !draft.attributes.active
    }

    fn is_user_of(&self, tx: &mut Tx<'_>, tenant: Uuid, source: Uuid) -> Result<bool, OpError> {
        owns_user(tx, tenant, source, self)
    }

    fn rewrite_batch<V: Values<Resource = Self>>(
        rewrites: &[&Rewrite<V>],
        tx: &mut Tx<'_>,
    ) -> Results<V::Output> {
        batch::rewrite_all(rewrites, tx)
    }

    fn delete(&self, tx: &mut Tx<'_>, tenant: Uuid, now: Timestamp) -> Result<Digest, OpError> {
        members::remove_from_all_groups(tx, (tenant, self.id), now)?;
        tx.execute(diesel::delete(users::table.find((Uid(tenant), Uid(self.id)))))?;
        Ok(Digest::default())
    }
}

fn update(tx: &mut Tx<'_>, tenant: Uuid, before: &User, after: &User) -> Result<(), OpError> {
    let row = NewUserRow::new(tenant, after)?;
    tx.execute(diesel::update(users::table.find((Uid(tenant), Uid(after.id)))).set(&row))?;
    if before.attributes.emails != after.attributes.emails {
        let old = user_emails::table
            .filter(user_emails::tenant_id.eq(Uid(tenant)).and(user_emails::user_id.eq(Uid(after.id))));
        tx.execute(diesel::delete(old))?;
        insert::insert_emails(tx, tenant, after)?;
    }
    if before.external_ids != after.external_ids {
        let old = user_external_ids::table.filter(
            user_external_ids::tenant_id.eq(Uid(tenant)).and(user_external_ids::user_id.eq(Uid(after.id))),
        );
        tx.execute(diesel::delete(old))?;
        insert::insert_external_ids(tx, tenant, after)?;
        // The user still belongs to the connection. The source `native` has none.
        let removed = before.external_ids.keys().filter(|source| !after.external_ids.contains_key(*source));
        for source in removed.filter_map(|source| parse_id(source)) {
            record_user(tx, tenant, source, after.id)?;
        }
    }
    Ok(())
}

/// Looks up the displayNames of managers, each given with its tenant and, if it has one, its id. `fill` receives `None`
/// for a manager who is not a user of the tenant.
fn fill_manager_names<'m, T: 'm>(
    tx: &mut Tx<'_>,
    managers: impl Iterator<Item = (Uuid, Option<Uuid>, &'m mut T)>,
    fill: impl Fn(&mut T, Option<Option<String>>),
) -> Result<(), OpError> {
    let mut by_tenant: BTreeMap<Uuid, Vec<(Option<Uuid>, &mut T)>> = BTreeMap::new();
    for (tenant, id, manager) in managers {
        by_tenant.entry(tenant).or_default().push((id, manager));
    }
    for (tenant, managers) in by_tenant {
        let names = display_names(tx, tenant, &managers.iter().filter_map(|(id, _)| *id).collect())?;
        for (id, manager) in managers {
            fill(manager, id.and_then(|id| names.get(&Uid(id)).cloned()));
        }
    }
    Ok(())
}

fn display_names(
    connection: &mut Connection,
    tenant: Uuid,
    ids: &BTreeSet<Uuid>,
) -> QueryResult<HashMap<Uid, Option<String>>> {
    let columns = (users::id, users::display_name);
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let tenant = Uid(tenant);
    let found: Vec<(Uid, Option<String>)> = connection.load_ids(
        ids.iter().copied().map(Uid),
        |ids| users::table.filter(users::tenant_id.eq(tenant).and(users::id.eq_any(ids))).select(columns),
        |id| users::table.find((tenant, id)).select(columns),
    )?;
    Ok(found.into_iter().collect())
}
