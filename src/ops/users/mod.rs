//! Users: created, read, listed, replaced, patched, deleted.

pub mod list;

use crate::db::rows::{NewUserRow, USER_COLUMNS, UserRow, email_rows, external_id_rows};
use crate::db::types::{Json, Uid};
use crate::db::{Class, Connection, DbError, Operation, Tx};
use crate::domain::change::Change;
use crate::domain::condition::Conditions;
use crate::domain::time::Timestamp;
use crate::domain::user::{Draft, User};
use crate::domain::{NATIVE_SOURCE, parse_id};
use crate::on_engine;
use crate::schema::{changes, idempotency, user_emails, user_external_ids, users};
use diesel::prelude::*;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Creates a user.
#[derive(Debug)]
pub struct Create {
    /// In this tenant.
    pub tenant: Uuid,
    /// Under this id.
    pub id: Uuid,
    /// With these values.
    pub draft: Draft,
    /// At this time.
    pub now: Timestamp,
}

impl Operation for Create {
    type Output = User;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<User, DbError> {
        let Draft { attributes, external_id, .. } = self.draft.clone();
        let mut user = User {
            id: self.id,
            attributes,
            external_ids: external_id.map(|id| (NATIVE_SOURCE.to_owned(), id)).into_iter().collect(),
            version: 1,
            created_at: self.now,
            updated_at: self.now,
        };
        let row = NewUserRow::new(self.tenant, &user);
        on_engine!(tx.connection(), c => diesel::insert_into(users::table).values(&row).execute(c))?;
        insert_emails(tx, self.tenant, &user)?;
        insert_external_ids(tx, self.tenant, &user)?;
        tx.record(Change::user_created(self.tenant, &user));
        name_managers(tx, self.tenant, std::slice::from_mut(&mut user))?;
        Ok(user)
    }
}

/// Reads a user.
#[derive(Debug)]
pub struct Find {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
}

impl Operation for Find {
    type Output = User;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<User, DbError> {
        let query = users::table.find((Uid(self.tenant), Uid(self.id))).select(USER_COLUMNS);
        let row: UserRow = on_engine!(tx.connection(), c => query.get_result(c))?;
        let mut user = User::from(row);
        name_managers(tx, self.tenant, std::slice::from_mut(&mut user))?;
        Ok(user)
    }
}

/// Replaces what callers write of a user.
#[derive(Debug)]
pub struct Replace {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
    /// With these values; `active` stays what it is when the draft does not say it.
    pub draft: Draft,
    /// On these conditions.
    pub conditions: Conditions,
    /// At this time.
    pub now: Timestamp,
}

impl Operation for Replace {
    type Output = User;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<User, DbError> {
        let user = lock(tx, self.tenant, self.id, &self.conditions)?;
        let mut draft = self.draft.clone();
        if !draft.says_active {
            draft.attributes.active = user.attributes.active;
        }
        write(tx, self.tenant, user, draft, self.now)
    }
}

/// Patches a user by JSON Merge Patch (RFC 7396).
#[derive(Debug)]
pub struct Patch {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
    /// The merge patch.
    pub patch: Value,
    /// On these conditions.
    pub conditions: Conditions,
    /// At this time.
    pub now: Timestamp,
}

impl Operation for Patch {
    type Output = User;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<User, DbError> {
        let user = lock(tx, self.tenant, self.id, &self.conditions)?;
        let draft = Draft::patch(&user, &self.patch).map_err(DbError::Invalid)?;
        write(tx, self.tenant, user, draft, self.now)
    }
}

/// Deletes a user for good.
#[derive(Debug)]
pub struct Delete {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
    /// On these conditions.
    pub conditions: Conditions,
    /// At this time.
    pub now: Timestamp,
}

impl Operation for Delete {
    type Output = ();
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        let user = lock(tx, self.tenant, self.id, &self.conditions)?;
        let row = users::table.find((Uid(self.tenant), Uid(self.id)));
        on_engine!(tx.connection(), c => diesel::delete(row).execute(c))?;
        tx.record(Change::user_deleted(self.tenant, &user, self.now));
        Ok(())
    }
}

/// Deletes a user, if it is still there, and notes that its values are erased. [`Blank`] takes them out of its history.
#[derive(Debug)]
pub struct Erase {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
    /// On these conditions, when it is still there.
    pub conditions: Conditions,
    /// At this time.
    pub now: Timestamp,
}

impl Operation for Erase {
    type Output = ();
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        let (tenant, id) = (Uid(self.tenant), Uid(self.id));
        tx.leave_nothing_behind();
        let deleted = match lock(tx, self.tenant, self.id, &self.conditions) {
            Ok(user) => {
                let row = users::table.find((tenant, id));
                on_engine!(tx.connection(), c => diesel::delete(row).execute(c))?;
                let deleted = Change::user_deleted(self.tenant, &user, self.now);
                tx.record(Change { before: None, erased: true, ..deleted.clone() });
                Some((deleted.version, deleted.time))
            }
            Err(DbError::NotFound) => None,
            Err(error) => return Err(error),
        };
        let history = changes::table
            .filter(changes::tenant_id.eq(tenant).and(changes::resource_id.eq(id)))
            .filter(changes::resource.eq("user"));
        let last = history.order(changes::revision.desc()).select((changes::kind, changes::version)).limit(1);
        let last: Option<(String, i64)> = on_engine!(tx.connection(), c => last.get_result(c).optional())?;
        let (version, time) = match (deleted, last) {
            (Some(deleted), _) => deleted,
            (None, Some((kind, _))) if kind == "user.erased" => return Ok(()),
            (None, Some((_, version))) => (version, self.now),
            (None, None) => return Err(DbError::NotFound),
        };
        // Where the user is somebody's manager, the answer shows its name beside its id.
        let text = self.id.to_string();
        let shows = |text: &str| idempotency::body.like(format!("%{text}%"));
        let of_user = idempotency::resource_id.eq(Some(id));
        let answers = idempotency::table
            .filter(idempotency::tenant_id.eq(tenant))
            .filter(of_user.or(shows(&text)).or(shows(&text.to_uppercase())));
        let blank = diesel::update(answers).set(idempotency::body.eq(None::<String>));
        on_engine!(tx.connection(), c => blank.execute(c))?;
        tx.record(Change::user_erased(self.tenant, self.id, version, time));
        Ok(())
    }
}

/// Takes an erased user's values out of its history, some rows at a time: a history can be long.
#[derive(Debug)]
pub struct Blank {
    /// In this tenant.
    pub tenant: Uuid,
    /// Its id.
    pub id: Uuid,
}

/// How many rows of a history are blanked at once.
const BLANK_AT_ONCE: i64 = 500;

impl Operation for Blank {
    /// Whether there may be more.
    type Output = bool;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<bool, DbError> {
        let of_user = changes::tenant_id.eq(Uid(self.tenant)).and(changes::resource_id.eq(Uid(self.id)));
        let shown = changes::before.is_not_null().or(changes::after.is_not_null());
        let history = changes::table.filter(of_user.and(changes::resource.eq("user")).and(shown));
        let some = history.order(changes::revision).select(changes::revision).limit(BLANK_AT_ONCE);
        let some: Vec<i64> = on_engine!(tx.connection(), c => some.load(c))?;
        let Some(last) = some.last() else { return Ok(false) };
        let blank = diesel::update(history.filter(changes::revision.le(last))).set((
            changes::before.eq(None::<Json<Value>>),
            changes::after.eq(None::<Json<Value>>),
            changes::erased.eq(true),
        ));
        on_engine!(tx.connection(), c => blank.execute(c))?;
        tx.leave_nothing_behind();
        Ok(true)
    }
}

/// Reads a user that is about to be written, so that nobody else writes it first (SQLite has one writer anyway).
fn lock(tx: &mut Tx<'_>, tenant: Uuid, id: Uuid, conditions: &Conditions) -> Result<User, DbError> {
    let query = users::table.find((Uid(tenant), Uid(id))).select(USER_COLUMNS);
    let row: UserRow = match tx.connection() {
        Connection::Postgres(c) => query.for_update().get_result(c)?,
        Connection::Sqlite(c) => query.get_result(c)?,
    };
    let user = User::from(row);
    if conditions.allow_write(user.version) { Ok(user) } else { Err(DbError::Precondition) }
}

/// Writes a locked user, unless nothing changes.
fn write(tx: &mut Tx<'_>, tenant: Uuid, before: User, draft: Draft, now: Timestamp) -> Result<User, DbError> {
    let mut after = before.with(draft);
    if after != before {
        after.version += 1;
        after.updated_at = now.after(before.updated_at);
        let row = NewUserRow::new(tenant, &after);
        let update = diesel::update(users::table.find((Uid(tenant), Uid(after.id)))).set(&row);
        on_engine!(tx.connection(), c => update.execute(c))?;
        rewrite_indexes(tx, tenant, &before, &after)?;
        tx.record(Change::user_updated(tenant, &before, &after));
    }
    name_managers(tx, tenant, std::slice::from_mut(&mut after))?;
    Ok(after)
}

fn rewrite_indexes(tx: &mut Tx<'_>, tenant: Uuid, before: &User, after: &User) -> Result<(), DbError> {
    if before.attributes.emails != after.attributes.emails {
        let old = user_emails::table
            .filter(user_emails::tenant_id.eq(Uid(tenant)).and(user_emails::user_id.eq(Uid(after.id))));
        on_engine!(tx.connection(), c => diesel::delete(old).execute(c))?;
        insert_emails(tx, tenant, after)?;
    }
    if before.external_ids != after.external_ids {
        let old = user_external_ids::table.filter(
            user_external_ids::tenant_id.eq(Uid(tenant)).and(user_external_ids::user_id.eq(Uid(after.id))),
        );
        on_engine!(tx.connection(), c => diesel::delete(old).execute(c))?;
        insert_external_ids(tx, tenant, after)?;
    }
    Ok(())
}

/// One row a statement: a batch insert is another statement for each length, which Diesel does not keep prepared.
fn insert_emails(tx: &mut Tx<'_>, tenant: Uuid, user: &User) -> Result<(), DbError> {
    for row in email_rows(tenant, user) {
        on_engine!(tx.connection(), c => diesel::insert_into(user_emails::table).values(&row).execute(c))?;
    }
    Ok(())
}

fn insert_external_ids(tx: &mut Tx<'_>, tenant: Uuid, user: &User) -> Result<(), DbError> {
    for row in external_id_rows(tenant, user) {
        on_engine!(tx.connection(), c => diesel::insert_into(user_external_ids::table).values(&row).execute(c))?;
    }
    Ok(())
}

/// Computes `manager.displayName` where a manager names a user of the tenant.
fn name_managers(tx: &mut Tx<'_>, tenant: Uuid, users: &mut [User]) -> Result<(), DbError> {
    let managed = || users.iter().filter_map(|user| user.attributes.enterprise.manager.as_ref());
    let ids: BTreeSet<Uuid> = managed().filter_map(|manager| parse_id(&manager.value)).collect();
    let names = display_names(tx.connection(), tenant, &ids)?;
    for manager in users.iter_mut().filter_map(|user| user.attributes.enterprise.manager.as_mut()) {
        let name = parse_id(&manager.value).and_then(|id| names.get(&Uid(id)).cloned());
        manager.display_name = Some(name.flatten());
    }
    Ok(())
}

/// One statement on PostgreSQL; on SQLite, where a list would be another statement for each length, one a user.
fn display_names(
    connection: &mut Connection,
    tenant: Uuid,
    ids: &BTreeSet<Uuid>,
) -> QueryResult<HashMap<Uid, Option<String>>> {
    let columns = (users::id, users::display_name);
    let mut ids = ids.iter().copied().map(Uid).peekable();
    if ids.peek().is_none() {
        return Ok(HashMap::new());
    }
    let found: Vec<(Uid, Option<String>)> = match connection {
        Connection::Postgres(c) => users::table
            .filter(users::tenant_id.eq(Uid(tenant)).and(users::id.eq_any(ids.collect::<Vec<_>>())))
            .select(columns)
            .load(c)?,
        Connection::Sqlite(c) => ids
            .filter_map(|id| {
                users::table.find((Uid(tenant), id)).select(columns).get_result(c).optional().transpose()
            })
            .collect::<QueryResult<_>>()?,
    };
    Ok(found.into_iter().collect())
}
