//! The embedded migrations, applied by one process at a time.

use super::conn::{PREFER_INDEXES, SQLITE_SETTINGS, retry_contention};
use super::{Connection, DatabaseUrl, DbError, Dialect, digests, file};
use derive_more::{Display, Error};
use diesel::Connection as _;
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Bool;
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::collections::BTreeSet;
use uuid::Uuid;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

diesel::table! {
    /// Diesel's table of applied migrations.
    __diesel_schema_migrations (version) {
        /// The prefix of the migration's folder name before the first `_`, without dashes.
        version -> Text,
    }
}

/// An error while migrations are read or applied.
#[derive(Debug, Display, Error)]
#[display("{_0}")]
pub struct MigrationError(#[error(not(source))] String);

/// The applied and pending migrations of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The applied versions, oldest first. Some may be unknown to this release.
    pub applied: Vec<String>,
    /// The versions of this release that are not applied, oldest first.
    pub pending: Vec<String>,
}

impl Status {
    /// The applied versions that this release does not have, oldest first.
    pub(super) fn unknown(&self) -> Vec<&str> {
        // Both engines have the same versions.
        let known: BTreeSet<String> = versions::<Sqlite>(&SQLITE).into_iter().collect();
        self.applied.iter().filter(|version| !known.contains(*version)).map(String::as_str).collect()
    }
}

/// Applies the pending migrations under a lock, and returns their number. Creates a SQLite file that does not exist. Then
/// counts the digests of tenants that are unknown.
///
/// # Errors
/// Fails when the database cannot be reached or created, or a migration fails. That migration and those after it are then not
/// applied.
pub fn run(url: &DatabaseUrl) -> Result<usize, MigrationError> {
    file::create(url).map_err(|error| MigrationError(error.to_string()))?;
    let mut connection = open(url)?;
    let is_current = status_of(&mut connection)?.pending.is_empty();
    let applied = match &mut connection {
        _ if is_current => 0,
        Connection::Postgres(connection) => run_postgres(url, connection)?,
        Connection::Sqlite(connection) => run_sqlite(connection)?,
    };
    count_digests(&mut connection).map_err(cannot("count the digests of tenants"))?;
    Ok(applied)
}

/// Counts the digests that are unknown because an earlier release has written to the tenants.
fn count_digests(connection: &mut Connection) -> Result<(), DbError> {
    let (begin, settings) = match connection.dialect() {
        Dialect::Postgres => ("BEGIN", PREFER_INDEXES),
        Dialect::Sqlite => ("BEGIN IMMEDIATE", ""),
    };
    connection.batch_execute(settings)?;
    let mut after = Uuid::nil();
    while let Some(tenant) = digests::next_unknown(connection, after)? {
        log::info!(tenant:%; "counting the digest");
        connection.begin(begin)?;
        match digests::store(connection, tenant) {
            Ok(()) => connection.commit()?,
            // The tenant was deleted.
            Err(DbError::NoRow) => connection.rollback()?,
            Err(error) => return Err(error),
        }
        after = tenant;
    }
    Ok(())
}

/// Reads the applied and pending migrations. Writes nothing and does not create a SQLite file.
///
/// # Errors
/// Fails when the database cannot be reached.
pub fn status(url: &DatabaseUrl) -> Result<Status, MigrationError> {
    if url.is_missing() {
        return Ok(Status { applied: Vec::new(), pending: versions::<Sqlite>(&SQLITE) });
    }
    let mut connection = open(url)?;
    status_of(&mut connection)
}

/// The versions of this release that are not applied.
///
/// # Errors
/// Any error of the database.
pub fn pending(connection: &mut Connection) -> Result<Vec<String>, DbError> {
    let applied: BTreeSet<String> = applied(connection)?.into_iter().collect();
    let known = match connection {
        Connection::Postgres(_) => versions::<Pg>(&POSTGRES),
        Connection::Sqlite(_) => versions::<Sqlite>(&SQLITE),
    };
    Ok(known.into_iter().filter(|version| !applied.contains(version)).collect())
}

fn open(url: &DatabaseUrl) -> Result<Connection, MigrationError> {
    let cannot = |error| MigrationError(format!("cannot connect to the database {url}: {error}"));
    Connection::open(url).map_err(cannot)
}

fn status_of(connection: &mut Connection) -> Result<Status, MigrationError> {
    let applied = applied(connection).map_err(cannot("read the migrations"))?;
    let pending = pending(connection).map_err(cannot("read the migrations"))?;
    Ok(Status { applied, pending })
}

/// The applied versions. A database without the table of migrations has none.
fn applied(connection: &mut Connection) -> Result<Vec<String>, DbError> {
    use __diesel_schema_migrations::dsl as table;
    let exists = match connection {
        Connection::Postgres(_) => "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS found",
        Connection::Sqlite(_) => {
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '__diesel_schema_migrations') AS found"
        }
    };
    let exists: Exists = connection.get(sql_query(exists))?;
    if !exists.found {
        return Ok(Vec::new());
    }
    let query = table::__diesel_schema_migrations.select(table::version).order(table::version);
    Ok(connection.load(query)?)
}

#[derive(QueryableByName)]
struct Exists {
    #[diesel(sql_type = Bool)]
    found: bool,
}

fn versions<DB: diesel::backend::Backend>(source: &EmbeddedMigrations) -> Vec<String>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let migrations: Vec<Box<dyn Migration<DB>>> = source.migrations().unwrap_or_default();
    let mut versions: Vec<_> = migrations.iter().map(|m| m.name().version().to_string()).collect();
    versions.sort();
    versions
}

/// Locks the row of `migration_lock` on a second connection, because some migrations cannot run in a transaction.
fn run_postgres(url: &DatabaseUrl, connection: &mut PgConnection) -> Result<usize, MigrationError> {
    let Connection::Postgres(mut holder) = open(url)? else { return Ok(0) };
    // On PostgreSQL, concurrent CREATE TABLE IF NOT EXISTS statements can fail.
    retry_contention(|| holder.batch_execute(LOCK_TABLE)).map_err(cannot("create the migration lock"))?;
    holder
        .transaction(|holder| {
            holder.batch_execute(TAKE_LOCK)?;
            Ok(connection.run_pending_migrations(POSTGRES).map(|done| done.len()))
        })
        .map_err(|error: diesel::result::Error| cannot("take the migration lock")(error))?
        .map_err(cannot("migrate"))
}

const LOCK_TABLE: &str = "SET client_min_messages = warning; \
    CREATE TABLE IF NOT EXISTS migration_lock (id smallint PRIMARY KEY); \
    INSERT INTO migration_lock (id) VALUES (1) ON CONFLICT DO NOTHING";
const TAKE_LOCK: &str = "SET lock_timeout = '60s'; SELECT id FROM migration_lock WHERE id = 1 FOR UPDATE";

fn run_sqlite(connection: &mut SqliteConnection) -> Result<usize, MigrationError> {
    connection
        .batch_execute(&format!("PRAGMA busy_timeout = 60000; {SQLITE_SETTINGS}"))
        .map_err(cannot("set up the database"))?;
    connection
        .immediate_transaction(|connection| {
            Ok(connection.run_pending_migrations(SQLITE).map(|done| done.len()))
        })
        .map_err(|error: diesel::result::Error| cannot("lock the database")(error))?
        .map_err(cannot("migrate"))
}

fn cannot<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> MigrationError {
    move |error| MigrationError(format!("cannot {what}: {error}"))
}
