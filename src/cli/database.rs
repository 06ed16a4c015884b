//! Access to an existing database for commands that neither create nor migrate it.

use crate::config::Settings;
use crate::console::origin;
use crate::db::{Connection, Database, DatabaseUrl, Options, migrate};
use crate::error::AppError;
use crate::ops::tenants::FindByName;
use diesel::ConnectionError;
use uuid::Uuid;

/// Runs `work` with the existing database and closes the database afterwards.
///
/// # Errors
/// A one-line message if the database does not exist, has pending migrations or cannot be reached. Also returns the
/// error of `work`.
pub(super) fn with_database<T>(
    settings: &Settings,
    work: impl AsyncFnOnce(&Database) -> Result<T, AppError>,
) -> Result<T, AppError> {
    check(&settings.database_url)?;
    actix_web::rt::System::new().block_on(async {
        let options = Options { wal: false, ..settings.database() };
        let database = Database::start(&options).map_err(cannot_connect(&settings.database_url))?;
        let done = work(&database).await;
        database.close().await;
        done
    })
}

/// Opens a connection to the existing database, without limits on the duration of statements.
///
/// # Errors
/// See [`with_database`].
pub(super) fn open(url: &DatabaseUrl) -> Result<Connection, AppError> {
    check(url)?;
    Connection::open(url).map_err(cannot_connect(url))
}

fn cannot_connect(url: &DatabaseUrl) -> impl FnOnce(ConnectionError) -> AppError {
    move |error| AppError::new(format!("cannot connect to the database {url}: {error}"))
}

/// The id of the tenant with this name.
pub(super) async fn tenant_named(database: &Database, name: String) -> Result<Uuid, AppError> {
    let find = FindByName { name: name.clone() };
    let found = database.call(&origin(), find).await.map_err(AppError::new)?;
    found.ok_or_else(|| AppError::new(format!("the tenant '{name}' does not exist")))
}

/// Checks that the database exists and has no pending migrations.
fn check(url: &DatabaseUrl) -> Result<(), AppError> {
    if let DatabaseUrl::Memory(_) = url {
        return Err(AppError::new(format!(
            "the database {url} does not exist outside the server that created it"
        )));
    }
    if url.is_missing() {
        return Err(AppError::new(format!(
            "the database {url} does not exist: create it with `roster migrate`"
        )));
    }
    match migrate::status(url).map_err(AppError::new)?.pending.len() {
        0 => Ok(()),
        pending => Err(AppError::new(format!(
            "the database {url} has pending migrations ({pending}): apply them with `roster migrate`"
        ))),
    }
}
