//! The statements that read and write users by their ids.

use crate::db::rows::{NewUserRow, USER_COLUMNS, UserColumns, UserRow, email_rows, external_id_rows};
use crate::db::sql::{Fragment, Statement};
use crate::db::table::{self, Table};
use crate::db::types::{Id, Uid};
use crate::db::{Connection, DbError, Tx};
use crate::domain::casefold::casefold;
use crate::domain::change::Change;
use crate::domain::condition::Conditions;
use crate::domain::parse_id;
use crate::domain::schema::{self, Schema};
use crate::domain::time::Timestamp;
use crate::domain::user::{Draft, Manager, User};
use crate::ops::resource::{Resource, UniqueKey, new_external_id};
use crate::ops::{OpError, Results};
use crate::schema::{user_emails, user_external_ids, users};
use diesel::dsl::SqlTypeOf;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use uuid::Uuid;

impl Resource for User {
    const SCHEMA: &'static Schema = &schema::USERS;
    const TABLE: &'static Table = &table::USERS;

    fn name(&self, by: UniqueKey, source: &str) -> Option<String> {
        match by {
            UniqueKey::UserName => Some(casefold(&self.attributes.user_name)),
            UniqueKey::ExternalId => self.external_ids.get(source).cloned(),
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

    fn load(connection: &mut Connection, statement: Fragment, most: Option<usize>) -> QueryResult<Vec<Self>> {
        let statement = Statement::<SqlTypeOf<UserColumns>>::of(statement);
        let rows: Vec<UserRow> = match most {
            Some(most) => connection.load_first(statement, most)?,
            None => connection.load(statement)?,
        };
        Ok(rows.into_iter().map(Self::from).collect())
    }

    fn of_ids(connection: &mut Connection, tenant: Uuid, ids: &BTreeSet<Uuid>) -> QueryResult<Vec<Self>> {
        find_all(connection, tenant, ids)
    }

    fn complete<'r>(
        tx: &mut Tx<'_>,
        users: impl IntoIterator<Item = (Uuid, &'r mut Self)>,
    ) -> Result<(), OpError> {
        name_managers(tx, users)
    }
}

/// Reads a user.
pub(super) fn find(tx: &mut Tx<'_>, tenant: Uuid, id: Uuid) -> Result<User, OpError> {
    let query = users::table.find((Uid(tenant), Uid(id))).select(USER_COLUMNS);
    let row: UserRow = tx.get(query)?;
    let mut user = User::from(row);
    name_managers(tx, [(tenant, &mut user)])?;
    Ok(user)
}

/// Reads those of the users that there are. With one statement on PostgreSQL; on SQLite, where a list would be another
/// statement for each length, with one a user.
pub(super) fn find_all(
    connection: &mut Connection,
    tenant: Uuid,
    ids: &BTreeSet<Uuid>,
) -> QueryResult<Vec<User>> {
    let tenant = Uid(tenant);
    let rows: Vec<UserRow> = connection.load_ids(
        ids.iter().copied().map(Uid),
        |ids| {
            let rows = users::tenant_id.eq(tenant).and(users::id.eq_any(ids));
            users::table.filter(rows).select(USER_COLUMNS)
        },
        |id| users::table.find((tenant, id)).select(USER_COLUMNS),
    )?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// Reads a user that is about to be written, so that nobody else writes it first (SQLite has one writer anyway).
pub(super) fn lock(
    tx: &mut Tx<'_>,
    tenant: Uuid,
    id: Uuid,
    conditions: &Conditions,
) -> Result<User, OpError> {
    let query = users::table.find((Uid(tenant), Uid(id))).select(USER_COLUMNS);
    let row: UserRow = tx.lock(query)?;
    let user = User::from(row);
    if conditions.allow_write(user.version) { Ok(user) } else { Err(OpError::PreconditionFailed) }
}

/// The same for several, on PostgreSQL in the order of their ids, but for those that others have locked.
pub(super) fn lock_all(
    connection: &mut Connection,
    tenant: Uuid,
    ids: &BTreeSet<Uuid>,
) -> QueryResult<Vec<User>> {
    let tenant = Uid(tenant);
    let rows: Vec<UserRow> = connection.load_ids(
        ids.iter().copied().map(Uid),
        |ids| {
            let rows = users::tenant_id.eq(tenant).and(users::id.eq_any(ids));
            users::table.filter(rows).order(users::id).select(USER_COLUMNS).for_update().skip_locked()
        },
        |id| users::table.find((tenant, id)).select(USER_COLUMNS),
    )?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// Writes a locked user, unless nothing changes.
pub(super) fn write(
    tx: &mut Tx<'_>,
    tenant: Uuid,
    before: &User,
    draft: Draft,
    now: Timestamp,
) -> Result<User, OpError> {
    let mut after = before.with(draft);
    if after != *before {
        after.version += 1;
        after.updated_at = now.after(before.updated_at);
        rewrite(tx, tenant, before, &after)
            .map_err(|error| error.on_unique(|constraint| after.conflict(Some(before), constraint)))?;
        tx.record(Change::updated(tenant, before, &after));
    }
    Ok(after)
}

fn rewrite(tx: &mut Tx<'_>, tenant: Uuid, before: &User, after: &User) -> Result<(), OpError> {
    let row = NewUserRow::new(tenant, after);
    tx.execute(diesel::update(users::table.find((Uid(tenant), Uid(after.id)))).set(&row))?;
    if before.attributes.emails != after.attributes.emails {
        let old = user_emails::table
            .filter(user_emails::tenant_id.eq(Uid(tenant)).and(user_emails::user_id.eq(Uid(after.id))));
        tx.execute(diesel::delete(old))?;
        insert_emails(tx, tenant, after)?;
    }
    if before.external_ids != after.external_ids {
        let old = user_external_ids::table.filter(
            user_external_ids::tenant_id.eq(Uid(tenant)).and(user_external_ids::user_id.eq(Uid(after.id))),
        );
        tx.execute(diesel::delete(old))?;
        insert_external_ids(tx, tenant, after)?;
    }
    Ok(())
}

/// Inserts a user: on PostgreSQL, where a statement is a round trip, with one.
pub(super) fn insert(connection: &mut Connection, tenant: Uuid, user: &User) -> Result<(), OpError> {
    insert_rows(connection, tenant, user)
        .map_err(|error| error.on_unique(|constraint| user.conflict(None, constraint)))
}

fn insert_rows(connection: &mut Connection, tenant: Uuid, user: &User) -> Result<(), OpError> {
    if let Connection::Postgres(c) = connection {
        return insert_at_once(c, &[(tenant, user)])?.of(user);
    }
    let row = NewUserRow::new(tenant, user);
    connection.execute(diesel::insert_into(users::table).values(&row))?;
    insert_emails(connection, tenant, user)?;
    Ok(insert_external_ids(connection, tenant, user)?)
}

/// One row a statement: a batch insert is another statement for each length, which Diesel does not keep prepared.
fn insert_emails(connection: &mut Connection, tenant: Uuid, user: &User) -> QueryResult<()> {
    for row in email_rows(tenant, user) {
        connection.execute(diesel::insert_into(user_emails::table).values(&row))?;
    }
    Ok(())
}

fn insert_external_ids(connection: &mut Connection, tenant: Uuid, user: &User) -> QueryResult<()> {
    for row in external_id_rows(tenant, user) {
        connection.execute(diesel::insert_into(user_external_ids::table).values(&row))?;
    }
    Ok(())
}

/// Inserts users on PostgreSQL, with a result for each. A user whose unique values another user of the batch has too runs
/// again, alone.
pub(super) fn insert_all(c: &mut PgConnection, users: Vec<(Uuid, User)>) -> Results<User> {
    let mut wanted = HashSet::new();
    let alone = |(tenant, user): &(Uuid, User)| {
        let names = user.external_ids.iter().map(|(source, id)| (*tenant, Some(source.clone()), id.clone()));
        let name = (*tenant, None, casefold(&user.attributes.user_name));
        let mut names = names.chain([name]).collect::<Vec<_>>();
        names.retain(|name| !wanted.insert(name.clone()));
        names.is_empty()
    };
    let first: Vec<bool> = users.iter().map(alone).collect();
    let rows: Vec<_> = users
        .iter()
        .zip(&first)
        .filter(|(_, first)| **first)
        .map(|((tenant, user), _)| (*tenant, user))
        .collect();
    let inserted = insert_at_once(c, &rows)?;
    for (tenant, user) in rows {
        if inserted.of(user).is_err() && inserted.users.contains(&user.id) {
            diesel::delete(users::table.find((Uid(tenant), Uid(user.id)))).execute(c)?;
        }
    }
    let result = |((_, user), first): ((Uuid, User), bool)| match first {
        true => match inserted.of(&user) {
            Ok(()) => Ok(user),
            Err(error) => Err(error.on_unique(|constraint| user.conflict(None, constraint))),
        },
        false => Err(OpError::retry("another call of the batch wants the same name")),
    };
    Ok(users.into_iter().zip(first).map(result).collect())
}

/// What could be inserted.
struct Inserted {
    users: HashSet<Uuid>,
    external_ids: HashMap<Uuid, usize>,
}

impl Inserted {
    /// Whether all of a user is there.
    fn of(&self, user: &User) -> Result<(), OpError> {
        let external_ids = self.external_ids.get(&user.id).copied().unwrap_or_default();
        if !self.users.contains(&user.id) {
            Err(DbError::UniqueViolation("users_user_name").into())
        } else if external_ids < user.external_ids.len() {
            Err(DbError::UniqueViolation("user_external_ids_pkey").into())
        } else {
            Ok(())
        }
    }
}

/// Inserts what can be, in one statement. Whoever inserts does so in the order of names: so none waits for another that
/// waits for it.
fn insert_at_once(c: &mut PgConnection, users: &[(Uuid, &User)]) -> Result<Inserted, OpError> {
    let each = || users.iter().copied();
    let rows: Vec<_> = each().map(|(tenant, user)| NewUserRow::new(tenant, user)).collect();
    let emails: Vec<_> = each().flat_map(|(tenant, user)| email_rows(tenant, user)).collect();
    let external_ids: Vec<_> = each().flat_map(|(tenant, user)| external_id_rows(tenant, user)).collect();
    let mut statement = Fragment::default();
    statement.sql(
        "WITH made AS (INSERT INTO users (tenant_id, id, user_name, user_name_key, display_name, display_name_key, \
         active, document, folded, version, created_at, updated_at) SELECT tenant_id, id, user_name, user_name_key, \
         display_name, display_name_key, active, document, folded, version, created_at, updated_at FROM ",
    );
    statement.rows("users", &rows)?.sql(
        " ORDER BY tenant_id, user_name_key ON CONFLICT (tenant_id, user_name_key) DO NOTHING RETURNING id), \
         mailed AS (INSERT INTO user_emails (tenant_id, user_id, position, value_key) \
         SELECT tenant_id, user_id, position, value_key FROM ",
    );
    statement.rows("user_emails", &emails)?.sql(
        " WHERE user_id IN (SELECT id FROM made)), \
         named AS (INSERT INTO user_external_ids (tenant_id, source, external_id, user_id) \
         SELECT tenant_id, source, external_id, user_id FROM ",
    );
    statement.rows("user_external_ids", &external_ids)?.sql(
        " WHERE user_id IN (SELECT id FROM made) ORDER BY tenant_id, source, external_id \
         ON CONFLICT (tenant_id, source, external_id) DO NOTHING RETURNING user_id) \
         SELECT id, TRUE FROM made UNION ALL SELECT user_id, FALSE FROM named",
    );
    let done: Vec<(Uid, bool)> = Statement::<(Id, Bool)>::of(statement).load(c)?;
    let mut inserted = Inserted { users: HashSet::new(), external_ids: HashMap::new() };
    for (Uid(id), is_user) in done {
        match is_user {
            true => drop(inserted.users.insert(id)),
            false => *inserted.external_ids.entry(id).or_default() += 1,
        }
    }
    Ok(inserted)
}

/// Computes `manager.displayName` where a manager names a user of the same tenant, for users with their tenants.
pub(super) fn name_managers<'u>(
    tx: &mut Tx<'_>,
    users: impl IntoIterator<Item = (Uuid, &'u mut User)>,
) -> Result<(), OpError> {
    let mut managers: BTreeMap<Uuid, Vec<&mut Manager>> = BTreeMap::new();
    for (tenant, user) in users {
        if let Some(manager) = &mut user.attributes.enterprise.manager {
            managers.entry(tenant).or_default().push(manager);
        }
    }
    for (tenant, managers) in managers {
        let ids = managers.iter().filter_map(|manager| parse_id(&manager.value)).collect();
        let names = display_names(tx, tenant, &ids)?;
        for manager in managers {
            let name = parse_id(&manager.value).and_then(|id| names.get(&Uid(id)).cloned());
            manager.exists = name.is_some();
            manager.display_name = Some(name.flatten());
        }
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
