//! A new PostgreSQL database for each test, on the server that the environment names.

use super::percent_encoded as encoded;
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use std::env;
use std::sync::LazyLock;
use uuid::Uuid;

/// A new, empty database. It is deleted when this is dropped, even if sessions are still connected.
#[derive(Debug)]
pub(crate) struct Database {
    name: String,
}

impl Database {
    /// Creates a database with a random name on the server of `PGHOST`, `PGPORT`, `PGUSER` and `PGPASSWORD`.
    ///
    /// # Panics
    /// If there is no such server: a test that needs PostgreSQL must not pass without it.
    pub(crate) fn create() -> Self {
        // A linguistic collation instead of the "C" of many test servers, so that a query that relies on the
        // default collation returns a visibly different order.
        Self::from_template("template0 ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
    }

    /// [`Self::create`], and applies all migrations. Copies a template, because migrating each database takes longer. The
    /// template remains until the cluster is deleted.
    pub(crate) fn migrated() -> Self {
        static TEMPLATE: LazyLock<Database> = LazyLock::new(|| {
            let database = Database::create();
            super::database::migrate(&database.url());
            database
        });
        Self::from_template(&TEMPLATE.name)
    }

    fn from_template(template: &str) -> Self {
        let name = format!("roster_test_{}", Uuid::now_v7().simple());
        administer(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
            .unwrap_or_else(|error| panic!("cannot create the database {name}: {error}"));
        Self { name }
    }

    /// The value for `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        url(&self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        if let Err(error) = administer(&statement) {
            eprintln!("cannot drop the database {}: {error}", self.name);
        }
    }
}

/// Runs a statement that is not allowed in a transaction, in the maintenance database.
fn administer(statement: &str) -> Result<(), Box<dyn std::error::Error>> {
    Ok(PgConnection::establish(&url("postgres"))?.batch_execute(statement)?)
}

fn url(database: &str) -> String {
    let host =
        env::var("PGHOST").expect("PGHOST does not name a PostgreSQL server; run the tests with `tests/run`");
    let port = env::var("PGPORT").unwrap_or_else(|_| "5432".to_owned());
    let user = env::var("PGUSER").unwrap_or_else(|_| "postgres".to_owned());
    let password = env::var("PGPASSWORD").map_or(String::new(), |secret| format!(":{}", encoded(&secret)));
    format!("postgres://{}{password}@{}:{port}/{database}", encoded(&user), encoded(&host))
}
