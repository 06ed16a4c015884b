//! The statements that insert users.

use crate::db::rows::{NewUserRow, email_rows, external_id_rows};
use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::db::{Connection, DbError, Tx};
use crate::domain::casefold::casefold;
use crate::domain::change::Change;
use crate::domain::filter::Value;
use crate::domain::user::User;
use crate::ops::resource::{Form as _, Resource};
use crate::ops::{OpError, OptionalResults, Results};
use crate::schema::{user_emails, user_external_ids, users};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Inserts a user, with one statement on PostgreSQL, to save round trips.
pub(super) fn insert(connection: &mut Connection, tenant: Uuid, user: &User) -> Result<(), OpError> {
    insert_rows(connection, tenant, user)
        .map_err(|error| error.on_unique(|constraint| user.conflict(None, constraint)))
}

fn insert_rows(connection: &mut Connection, tenant: Uuid, user: &User) -> Result<(), OpError> {
    if let Connection::Postgres(c) = connection {
        return insert_in_one_statement(c, &[(tenant, user)])?.check(user);
    }
    let row = NewUserRow::new(tenant, user)?;
    connection.execute(diesel::insert_into(users::table).values(&row))?;
    insert_emails(connection, tenant, user)?;
    Ok(insert_external_ids(connection, tenant, user)?)
}

/// Inserts one row per statement, because Diesel does not cache the prepared statements of batch inserts.
pub(super) fn insert_emails(connection: &mut Connection, tenant: Uuid, user: &User) -> QueryResult<()> {
    for row in email_rows(tenant, user) {
        connection.execute(diesel::insert_into(user_emails::table).values(&row))?;
    }
    Ok(())
}

pub(super) fn insert_external_ids(connection: &mut Connection, tenant: Uuid, user: &User) -> QueryResult<()> {
    for row in external_id_rows(tenant, user) {
        connection.execute(diesel::insert_into(user_external_ids::table).values(&row))?;
    }
    Ok(())
}

/// Users, each with its tenant.
type Users = Vec<(Uuid, User)>;

/// Inserts users on PostgreSQL and returns a result for each. If several users of the batch share a unique value, only
/// the first is inserted, and the calls of the others are retried alone.
pub(super) fn insert_all(c: &mut PgConnection, users: Users) -> Results<User> {
    let first = first_with_unique_values(&users);
    let rows = chosen(&users, &first);
    let inserted = insert_in_one_statement(c, &rows)?;
    for (tenant, user) in rows {
        if inserted.check(user).is_err() && inserted.users.contains(&user.id) {
            diesel::delete(users::table.find((Uid(tenant), Uid(user.id)))).execute(c)?;
        }
    }
    Ok(results(users, first, |user| inserted.check(user)))
}

/// Inserts users of one tenant and the changes that record their creation, in one statement outside a transaction.
/// Returns `None` if nothing was done.
pub(super) fn insert_with_changes(tx: &mut Tx<'_>, mut users: Users) -> OptionalResults<User> {
    let Some(tenant) = users.first().map(|(tenant, _)| *tenant) else { return Ok(None) };
    let first = first_with_unique_values(&users);
    for (call, (tenant, user)) in users.iter().enumerate().filter(|(call, _)| first.get(*call) == Some(&true))
    {
        tx.set_call(call);
        tx.record(Change::created(*tenant, user));
    }
    let mut condition = Fragment::of("EXISTS (SELECT FROM heads WHERE NOT unique_values AND tenant_id = ");
    condition.value(Value::Id(tenant)).sql(")");
    let statement = new_rows(&chosen(&users, &first), &condition, "")?;
    // If reading the names failed after the insertion, a successful call would return an error.
    User::fill_computed(tx, users.iter_mut().map(|(tenant, user)| (*tenant, user)))?;
    let Some(inserted) = tx.insert_users_with_changes(statement)? else { return Ok(None) };
    let check = |user: &User| match inserted.contains(&user.id) {
        true => Ok(()),
        false => Err(DbError::UniqueViolation("users_user_name").into()),
    };
    Ok(Some(results(users, first, check)))
}

/// Whether each user is the first of the batch with each of its unique values.
fn first_with_unique_values(users: &Users) -> Vec<bool> {
    let mut seen = HashSet::new();
    let is_first = |(tenant, user): &(Uuid, User)| {
        let external_ids = user.external_ids.iter();
        let external_ids = external_ids.map(|(source, id)| (*tenant, Some(source.clone()), id.clone()));
        let user_name = (*tenant, None, casefold(&user.attributes.user_name));
        let mut taken = external_ids.chain([user_name]).collect::<Vec<_>>();
        taken.retain(|value| !seen.insert(value.clone()));
        taken.is_empty()
    };
    users.iter().map(is_first).collect()
}

fn chosen<'u>(users: &'u Users, chosen: &[bool]) -> Vec<(Uuid, &'u User)> {
    let users = users.iter().zip(chosen).filter(|(_, chosen)| **chosen);
    users.map(|((tenant, user), _)| (*tenant, user)).collect()
}

/// The results of a batch of which the users in `first` were inserted if `check` succeeds.
fn results(
    users: Users,
    first: Vec<bool>,
    check: impl Fn(&User) -> Result<(), OpError>,
) -> Vec<Result<User, OpError>> {
    let result = |((_, user), first): ((Uuid, User), bool)| match first {
        true => match check(&user) {
            Ok(()) => Ok(user),
            Err(error) => Err(error.on_unique(|constraint| user.conflict(None, constraint))),
        },
        false => Err(OpError::retry("another call of the batch has the same unique value")),
    };
    users.into_iter().zip(first).map(result).collect()
}

/// The rows that were inserted without a conflict: the ids of users, and the number of externalIds by user.
struct Inserted {
    users: HashSet<Uuid>,
    external_ids: HashMap<Uuid, usize>,
}

impl Inserted {
    /// The unique violation that kept a row of the user from being inserted, if any.
    fn check(&self, user: &User) -> Result<(), OpError> {
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

/// Inserts the rows without conflicts, in one statement.
fn insert_in_one_statement(c: &mut PgConnection, users: &[(Uuid, &User)]) -> Result<Inserted, OpError> {
    let skip = " ON CONFLICT (tenant_id, source, external_id) DO NOTHING";
    let mut statement = new_rows(users, &Fragment::truth(), skip)?;
    statement.sql(" SELECT id, TRUE FROM new_users UNION ALL SELECT user_id, FALSE FROM new_external_ids");
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

/// A WITH clause that inserts users whose names are free, their e-mails and their externalIds, if the condition is true.
/// Rows are inserted in the order of their unique values, so that concurrent inserts cannot deadlock.
fn new_rows(
    users: &[(Uuid, &User)],
    condition: &Fragment,
    on_external_id_conflict: &'static str,
) -> Result<Fragment, OpError> {
    let each = || users.iter().copied();
    let rows: Vec<NewUserRow<'_>> =
        each().map(|(tenant, user)| NewUserRow::new(tenant, user)).collect::<QueryResult<_>>()?;
    let emails: Vec<_> = each().flat_map(|(tenant, user)| email_rows(tenant, user)).collect();
    let external_ids: Vec<_> = each().flat_map(|(tenant, user)| external_id_rows(tenant, user)).collect();
    let mut statement = Fragment::default();
    statement.sql(
        "WITH new_users AS (INSERT INTO users (tenant_id, id, user_name, user_name_key, display_name, display_name_key, \
         active, document, folded, version, created_at, updated_at) SELECT tenant_id, id, user_name, user_name_key, \
         display_name, display_name_key, active, document, folded, version, created_at, updated_at FROM ",
    );
    statement.rows("users", &rows)?.sql(" WHERE ").append(condition).sql(
        " ORDER BY tenant_id, user_name_key ON CONFLICT (tenant_id, user_name_key) DO NOTHING RETURNING id), \
         new_emails AS (INSERT INTO user_emails (tenant_id, user_id, position, value_key) \
         SELECT tenant_id, user_id, position, value_key FROM ",
    );
    statement.rows("user_emails", &emails)?.sql(
        " WHERE user_id IN (SELECT id FROM new_users)), \
         new_external_ids AS (INSERT INTO user_external_ids (tenant_id, source, external_id, user_id) \
         SELECT tenant_id, source, external_id, user_id FROM ",
    );
    statement
        .rows("user_external_ids", &external_ids)?
        .sql(" WHERE user_id IN (SELECT id FROM new_users) ORDER BY tenant_id, source, external_id")
        .sql(on_external_id_conflict)
        .sql(" RETURNING user_id)");
    Ok(statement)
}
