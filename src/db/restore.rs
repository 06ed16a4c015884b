//! Replaces a SQLite database with a copy of a backup.
//!
//! The copy is complete, checked and on disk before it takes the place of the database in a single step. If the process
//! is killed, the path therefore leads either to the old database or to the restored one.

use super::file::{file_id, real_path, with_suffix};
use super::types::Uid;
use super::{Connection, DatabaseUrl, ServerLock, migrate};
use crate::domain::time::Timestamp;
use crate::schema::heads;
use derive_more::{Display, Error};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The error of a restore.
#[derive(Debug, Display, Error)]
#[display("{_0}")]
pub struct RestoreError(#[error(not(source))] String);

/// A database that was restored.
#[derive(Debug)]
pub struct Restored {
    /// The number of tenants, each of which has a new epoch.
    pub epochs: usize,
    /// The new path of the previous database, if there was one.
    pub replaced: Option<PathBuf>,
}

/// Replaces a SQLite database with a copy of `file`, in which each tenant has a new epoch. The previous database is kept
/// under a name that contains the time `now`.
///
/// # Errors
/// Fails when a server or another process uses the database, or when `file` is not an intact database of this release or
/// an earlier one. The previous database is then unchanged.
pub fn run(
    url: &DatabaseUrl,
    file: &Path,
    now: Timestamp,
    epoch: fn() -> Uuid,
) -> Result<Restored, RestoreError> {
    let database = sqlite_file(url)?;
    let mut backup = File::open(file).map_err(cannot("open", file))?;
    let file = &real_path(file).map_err(cannot("find", file))?;
    let database = real_path(&database).map_err(cannot("find", &database))?;
    check_backup(file, &database)?;
    let _lock = ServerLock::acquire(url).map_err(|error| RestoreError(error.to_string()))?;
    let copy = BackupCopy::create(&mut backup, &database).map_err(cannot("copy", file))?;
    let epochs = copy.prepare(epoch).map_err(|error| {
        let file = file.display();
        RestoreError(format!("cannot restore {file}: {error}"))
    })?;
    let replaced = copy.install(url, &database, now)?;
    Ok(Restored { epochs, replaced })
}

fn sqlite_file(url: &DatabaseUrl) -> Result<PathBuf, RestoreError> {
    let reason = match (url.file(), url) {
        (Some(file), _) => return Ok(file),
        (None, DatabaseUrl::Postgres(_)) => {
            "`roster restore` restores only SQLite databases; for PostgreSQL, use pg_restore and then \
             `roster epoch renew`"
        }
        (None, _) => "an in-memory database cannot be restored, because only its server can write to it",
    };
    Err(RestoreError(reason.to_owned()))
}

/// Checks that the content of the backup is in a single file, and that this is not the file of the database.
fn check_backup(file: &Path, database: &Path) -> Result<(), RestoreError> {
    if file_id(database).is_ok_and(|database| file_id(file).is_ok_and(|file| file == database)) {
        return Err(RestoreError(format!("{} is the database itself", file.display())));
    }
    if file_id(&with_suffix(database, RESTORING))
        .is_ok_and(|copy| file_id(file).is_ok_and(|file| file == copy))
    {
        let file = file.display();
        return Err(RestoreError(format!(
            "{file} may be incomplete, and would be overwritten: rename it first"
        )));
    }
    if let Some(other) = companions(file).into_iter().find(|path| is_not_empty(path)) {
        let (file, other) = (file.display(), other.display());
        return Err(RestoreError(format!(
            "{file} is not a backup, because {other} has a part of its content: copy it with `roster backup`"
        )));
    }
    Ok(())
}

/// The files in which SQLite may store a part of a database's content.
fn companions(file: &Path) -> [PathBuf; 2] {
    ["-wal", "-journal"].map(|suffix| with_suffix(file, suffix))
}

fn is_not_empty(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.len() > 0)
}

/// The suffix of the copy.
const RESTORING: &str = ".restoring";

/// A copy of the backup next to the database. It is deleted when dropped.
struct BackupCopy(PathBuf);

impl BackupCopy {
    /// Creates the copy in place of one that a killed process has left.
    fn create(backup: &mut File, database: &Path) -> io::Result<Self> {
        let copy = Self(with_suffix(database, RESTORING));
        copy.delete();
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&copy.0)?;
        io::copy(backup, &mut file)?;
        Ok(copy)
    }

    /// Checks the copy and renews its epochs. Returns their number.
    fn prepare(&self, epoch: fn() -> Uuid) -> Result<usize, RestoreError> {
        let url = DatabaseUrl::of_file(&self.0);
        let mut connection = Connection::open(&url).map_err(to_error)?;
        // The content must be in a single file, which then takes the place of the database.
        connection.batch_execute("PRAGMA journal_mode = DELETE").map_err(to_error)?;
        let check: Check = connection.get(sql_query("PRAGMA integrity_check(1)")).map_err(to_error)?;
        if check.integrity_check != "ok" {
            return Err(RestoreError(format!("it is damaged: {}", check.integrity_check)));
        }
        let status = migrate::status(&url).map_err(to_error)?;
        if let Some(newest) = status.unknown().last() {
            return Err(RestoreError(format!(
                "it belongs to a newer release, which has the migration {newest}"
            )));
        }
        if status.applied.is_empty() {
            return Err(RestoreError("it is not a database of Roster".to_owned()));
        }
        renew_epochs(&mut connection, epoch).map_err(to_error)
    }

    /// Puts the copy in the place of the database. Returns the new path of the previous database, if there is one.
    fn install(
        self,
        url: &DatabaseUrl,
        database: &Path,
        now: Timestamp,
    ) -> Result<Option<PathBuf>, RestoreError> {
        File::open(&self.0).and_then(|copy| copy.sync_all()).map_err(cannot("write", &self.0))?;
        let replaced = if url.is_missing() {
            check_no_companion(database)?;
            self.rename(database).map_err(cannot("create", database))?;
            None
        } else {
            Some(self.exchange(url, database, now)?)
        };
        let directory = database.parent().unwrap_or(database);
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(cannot("write", directory))?;
        Ok(replaced)
    }

    /// Exchanges the copy and the previous database. Returns the new path of the latter.
    fn exchange(&self, url: &DatabaseUrl, database: &Path, now: Timestamp) -> Result<PathBuf, RestoreError> {
        let _lock = lock_previous(url, database)?;
        let kept = with_suffix(database, &format!(".replaced-{}", compact(now)));
        self.rename(&kept).map_err(cannot("create", &kept))?;
        if let Err(error) = renameat_with(CWD, &kept, CWD, database, RenameFlags::EXCHANGE) {
            drop(fs::remove_file(&kept));
            return Err(cannot("replace", database)(error.into()));
        }
        Ok(kept)
    }

    /// Moves the copy to a path where no file exists.
    fn rename(&self, to: &Path) -> io::Result<()> {
        Ok(renameat_with(CWD, &self.0, CWD, to, RenameFlags::NOREPLACE)?)
    }

    fn delete(&self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            drop(fs::remove_file(with_suffix(&self.0, suffix)));
        }
    }
}

impl Drop for BackupCopy {
    fn drop(&mut self) {
        // No file exists if the copy was installed.
        self.delete();
    }
}

#[derive(QueryableByName)]
struct Check {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

/// Gives every tenant a new epoch, as [`crate::ops::changes::RenewEpochs`] does in a database of the current release.
fn renew_epochs(connection: &mut Connection, epoch: fn() -> Uuid) -> QueryResult<usize> {
    connection.begin("BEGIN IMMEDIATE")?;
    let tenants: Vec<Uid> = connection.load(heads::table.select(heads::tenant_id))?;
    for tenant in &tenants {
        connection.execute(diesel::update(heads::table.find(*tenant)).set(heads::epoch.eq(Uid(epoch()))))?;
    }
    connection.commit()?;
    Ok(tenants.len())
}

/// Merges the write-ahead log of the previous database into its file, because the log would be applied to the restored
/// database. As long as the returned connection is open, no other process can use the previous database.
fn lock_previous(url: &DatabaseUrl, database: &Path) -> Result<Connection, RestoreError> {
    let path = database.display();
    let cannot_lock = |error: &dyn std::fmt::Display| {
        RestoreError(format!(
            "cannot lock {path}: {error}; stop every process that uses it, or if it is damaged, move it and {path}-wal \
             to another directory"
        ))
    };
    let mut connection = Connection::open(url).map_err(|error| cannot_lock(&error))?;
    connection
        .batch_execute("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE")
        .map_err(|error| cannot_lock(&error))?;
    check_no_companion(database)?;
    drop(fs::remove_file(with_suffix(database, "-shm")));
    Ok(connection)
}

/// Checks that no file is left whose content SQLite would apply to the restored database.
fn check_no_companion(database: &Path) -> Result<(), RestoreError> {
    match companions(database).into_iter().find(|path| is_not_empty(path)) {
        None => Ok(()),
        Some(found) => Err(RestoreError(format!(
            "{} belongs to another database: move it to another directory",
            found.display()
        ))),
    }
}

/// The time without separators: `20260102T030405678901Z`.
fn compact(time: Timestamp) -> String {
    time.to_string().replace(['-', ':', '.'], "")
}

fn to_error(error: impl std::fmt::Display) -> RestoreError {
    RestoreError(error.to_string())
}

fn cannot(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RestoreError {
    move |error| RestoreError(format!("cannot {what} {}: {error}", path.display()))
}
