//! The files of a SQLite database: their permissions, the lock for a single server, and the check that they are not
//! replaced.

use super::error::DbError;
use super::url::DatabaseUrl;
use derive_more::{Display, Error};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The reason why the files of a database cannot be used.
#[derive(Debug, Display, Error)]
#[display("{_0}")]
pub struct FileError(#[error(not(source))] String);

/// Creates the file of a SQLite database, unless it exists. Only the file's owner can read it. SQLite creates its other
/// files with the same mode. Connections never create a file, because it would replace a database that was deleted.
///
/// # Errors
/// Fails when the file cannot be created.
pub fn create(url: &DatabaseUrl) -> Result<(), FileError> {
    let Some(path) = url.file().filter(|_| url.is_missing()) else { return Ok(()) };
    let cannot = |error| FileError(format!("cannot create the database {}: {error}", path.display()));
    // Truncating would destroy a database that another process is creating at the same time.
    let created = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    created.map(drop).map_err(cannot)
}

/// The lock that a server holds on its SQLite database. The kernel releases the lock when the process ends, even after
/// a crash.
#[derive(Debug)]
pub struct ServerLock {
    _file: Option<File>,
}

impl ServerLock {
    /// Locks the database for one server. PostgreSQL needs no lock, and an in-memory database belongs to one process.
    ///
    /// # Errors
    /// Fails when another server holds the lock, or when the lock file cannot be created.
    pub fn acquire(url: &DatabaseUrl) -> Result<Self, FileError> {
        let Some(file) = url.file() else { return Ok(Self { _file: None }) };
        let cannot = |path: &Path, error| FileError(format!("cannot lock {}: {error}", path.display()));
        // The lock file must be the same whichever path leads to the database.
        let path = with_suffix(&file.canonicalize().map_err(|error| cannot(&file, error))?, ".lock");
        // This must not be the database file: closing any descriptor of it would release SQLite's own locks on it.
        let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).clone();
        let lock = options.open(&path).map_err(|error| cannot(&path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _file: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(FileError(format!(
                "another server uses the database {url}, and only one server can use a SQLite database"
            ))),
            Err(TryLockError::Error(error)) => Err(cannot(&path, error)),
        }
    }
}

/// The files of an open SQLite database. As long as a connection is open, SQLite does not recreate the write-ahead log.
#[derive(Debug)]
pub(super) struct OpenFiles {
    files: [(PathBuf, FileId); 2],
    /// Whether a log line has reported that a file is missing or was replaced.
    reported: AtomicBool,
}

/// The device and the inode of a file, which do not depend on its path.
type FileId = (u64, u64);

impl OpenFiles {
    /// The files of a database that a connection has already opened. `None` for databases other than SQLite files.
    pub(super) fn of(url: &DatabaseUrl) -> io::Result<Option<Self>> {
        let Some(path) = url.file() else { return Ok(None) };
        let wal = with_suffix(&path.canonicalize()?, "-wal");
        let files = [(file_id(&path)?, path), (file_id(&wal)?, wal)].map(|(id, path)| (path, id));
        Ok(Some(Self { files, reported: AtomicBool::new(false) }))
    }

    /// Checks that the paths still lead to the same files. Otherwise, writes would be lost.
    pub(super) fn check(&self) -> Result<(), DbError> {
        let checked = self.files.iter().try_for_each(|(path, id)| check(path, *id));
        match &checked {
            Ok(()) => self.reported.store(false, Ordering::Relaxed),
            Err(error) if !self.reported.swap(true, Ordering::Relaxed) => log::error!("{error}"),
            Err(_) => {}
        }
        checked
    }
}

fn check(path: &Path, id: FileId) -> Result<(), DbError> {
    let change = match file_id(path) {
        Ok(found) if found == id => return Ok(()),
        Ok(_) => "replaced",
        Err(error) if error.kind() == ErrorKind::NotFound => "deleted",
        Err(error) => return Err(DbError::Unavailable(format!("{}: {error}", path.display()))),
    };
    Err(DbError::FileReplaced(format!("{} was {change} while the server was running", path.display())))
}

fn file_id(path: &Path) -> io::Result<FileId> {
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = file.into();
    name.push(suffix);
    name.into()
}
