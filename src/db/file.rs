//! The files of a SQLite database: their permissions, the lock for a single server, and the check that they are not
//! replaced.

use super::error::DbError;
use super::url::DatabaseUrl;
use derive_more::{Display, Error};
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The reason why the files of a database cannot be used.
#[derive(Debug, Display, Error)]
#[display("{_0}")]
pub struct FileError(#[error(not(source))] String);

/// Creates the file of a SQLite database, unless it exists. Only the owner of the file has access to it, and other
/// accounts lose the access that the files of an existing database permit. SQLite creates its other files with the same
/// mode. Connections never create a file, because it would replace a database that was deleted.
///
/// # Errors
/// Fails when the file cannot be created, or when only the write-ahead log of a deleted database is left.
pub fn create(url: &DatabaseUrl) -> Result<(), FileError> {
    let Some(path) = url.file() else { return Ok(()) };
    if !url.is_missing() {
        restrict_access(&path);
        return Ok(());
    }
    let log = with_suffix(&path, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        let (path, log) = (path.display(), log.display());
        return Err(FileError(format!(
            "the database {path} does not exist, but its write-ahead log does: restore {path}, or remove {log}"
        )));
    }
    let cannot = |error| FileError(format!("cannot create the database {}: {error}", path.display()));
    // Truncating would destroy a database that another process is creating at the same time.
    let created = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    created.map(drop).map_err(cannot)
}

/// Removes the permissions that the files of a database grant to accounts other than the owner. The files are not opened:
/// closing any descriptor of them would release SQLite's own locks.
fn restrict_access(database: &Path) {
    let Ok(database) = database.canonicalize() else { return };
    for path in ["", "-wal", "-shm", LOCK].map(|suffix| with_suffix(&database, suffix)) {
        let Ok(metadata) = fs::metadata(&path) else { continue };
        let mode = metadata.permissions().mode();
        if !metadata.is_file() || mode & 0o077 == 0 {
            continue;
        }
        if let Err(error) = fs::set_permissions(&path, Permissions::from_mode(mode & 0o700)) {
            log::warn!(
                "other accounts may have access to {}: its mode cannot be changed: {error}",
                path.display()
            );
        }
    }
}

/// The suffix of the lock file.
const LOCK: &str = ".lock";

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
        let path = with_suffix(&real_path(&file).map_err(|error| cannot(&file, error))?, LOCK);
        // This must not be the database file: closing any descriptor of it would release SQLite's own locks on it.
        let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).clone();
        let lock = options.open(&path).map_err(|error| cannot(&path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _file: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(FileError(format!(
                "another server uses the database {url}, and only one server can use a SQLite database: stop it first"
            ))),
            Err(TryLockError::Error(error)) => Err(cannot(&path, error)),
        }
    }
}

/// Checks that the database has no other hard link. SQLite derives the path of the write-ahead log from the path of the
/// database, so connections that open different links would not see each other's writes.
pub(super) fn check_links(url: &DatabaseUrl) -> Result<(), FileError> {
    let metadata = url.file().and_then(|path| fs::metadata(path).ok());
    match metadata.filter(Metadata::is_file).map_or(1, |metadata| metadata.nlink()) {
        0 | 1 => Ok(()),
        links => Err(FileError(format!(
            "the file has {links} hard links, and writes through one would be lost to the others; delete all but one"
        ))),
    }
}

/// The files of an open SQLite database. As long as a connection is open, SQLite does not recreate them.
#[derive(Debug)]
pub(super) struct OpenFiles {
    database: OpenFile,
    log: OpenFile,
    /// The memory that all processes share to find each other's writes. There is no such file if the URL selects a VFS
    /// that permits only one process.
    shared_memory: Option<OpenFile>,
    /// The server's lock.
    lock: Option<OpenFile>,
    /// Whether a log line has reported that a file is missing or was replaced.
    reported: AtomicBool,
}

impl OpenFiles {
    /// The files of a database that a connection has already opened. `None` for databases other than SQLite files.
    pub(super) fn of(url: &DatabaseUrl) -> io::Result<Option<Self>> {
        let Some(path) = url.file() else { return Ok(None) };
        let real_path = path.canonicalize()?;
        let companion = |suffix| with_suffix(&real_path, suffix);
        Ok(Some(Self {
            database: OpenFile::at(path)?,
            log: OpenFile::at(companion("-wal"))?,
            shared_memory: OpenFile::if_exists(companion("-shm"))?,
            lock: OpenFile::if_exists(companion(LOCK))?,
            reported: AtomicBool::new(false),
        }))
    }

    /// Checks that the paths still lead to the same files. Otherwise, writes would be lost.
    pub(super) fn check(&self) -> Result<(), DbError> {
        let mut files = [&self.database, &self.log].into_iter().chain(&self.shared_memory).chain(&self.lock);
        let checked = files.try_for_each(OpenFile::check);
        match &checked {
            Ok(()) => self.reported.store(false, Ordering::Relaxed),
            Err(error) if !self.reported.swap(true, Ordering::Relaxed) => log::error!("{error}"),
            Err(_) => {}
        }
        checked
    }

    /// Whether another process has created new shared memory. Its writes are then unknown to this process, which must
    /// not copy the log to the database any more.
    pub(super) fn is_memory_replaced(&self) -> bool {
        let is_replaced = |memory: &OpenFile| file_id(&memory.path).is_ok_and(|found| found != memory.id);
        self.shared_memory.as_ref().is_some_and(is_replaced)
    }
}

/// A file that must not be deleted or replaced. The checks do not open it: closing any descriptor of a file would release
/// SQLite's own locks on it.
#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    id: FileId,
}

/// The device and the inode of a file, which do not depend on its path.
pub(super) type FileId = (u64, u64);

impl OpenFile {
    fn at(path: PathBuf) -> io::Result<Self> {
        Ok(Self { id: file_id(&path)?, path })
    }

    fn if_exists(path: PathBuf) -> io::Result<Option<Self>> {
        if path.try_exists()? { Self::at(path).map(Some) } else { Ok(None) }
    }

    fn check(&self) -> Result<(), DbError> {
        let path = self.path.display();
        let change = match file_id(&self.path) {
            Ok(found) if found == self.id => return Ok(()),
            Ok(_) => "replaced",
            Err(error) if error.kind() == ErrorKind::NotFound => "deleted",
            Err(error) => return Err(DbError::Unavailable(format!("{path}: {error}"))),
        };
        Err(DbError::FileReplaced(format!("{path} was {change} while the server was running")))
    }
}

pub(super) fn file_id(path: &Path) -> io::Result<FileId> {
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

/// The absolute path without symbolic links of a file that need not exist.
pub(super) fn real_path(file: &Path) -> io::Result<PathBuf> {
    if fs::symlink_metadata(file).is_ok() {
        return file.canonicalize();
    }
    let path = std::path::absolute(file)?;
    let (directory, name) = path.parent().zip(path.file_name()).ok_or(ErrorKind::InvalidInput)?;
    Ok(directory.canonicalize()?.join(name))
}

/// The path with a suffix after the file name.
pub(super) fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = file.into();
    name.push(suffix);
    name.into()
}
