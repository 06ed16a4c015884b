//! Copies a SQLite database while the server uses it.

use super::conn::SQLITE_SETTINGS;
use super::file::with_suffix;
use super::{Connection, DatabaseUrl};
use derive_more::{Display, Error};
use diesel::sql_query;
use diesel::sql_types::Text;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The error of a backup.
#[derive(Debug, Display, Error)]
#[display("{_0}")]
pub struct BackupError(#[error(not(source))] String);

/// Copies a consistent snapshot of a SQLite database to a new file that only its owner can read, and returns its size in
/// bytes. If the copy fails, no file remains.
///
/// # Errors
/// Fails when the database is not an existing SQLite file, or when `file` exists or cannot be written.
pub fn run(url: &DatabaseUrl, file: &Path) -> Result<u64, BackupError> {
    match url {
        DatabaseUrl::Postgres(_) => {
            return Err(BackupError(
                "`roster backup` copies only SQLite databases; use pg_dump for PostgreSQL".to_owned(),
            ));
        }
        DatabaseUrl::Memory(_) => {
            return Err(BackupError(
                "an in-memory database cannot be copied, because only its server can read it".to_owned(),
            ));
        }
        DatabaseUrl::Sqlite(_) if url.is_missing() => {
            return Err(BackupError(format!("the database {url} does not exist")));
        }
        DatabaseUrl::Sqlite(_) => {}
    }
    // SQLite reads a name that begins with `file:` as a URI. An absolute path never does.
    let file = std::path::absolute(file).map_err(cannot("resolve", file))?;
    if fs::symlink_metadata(&file).is_ok() {
        return Err(BackupError(format!(
            "{} already exists; write the backup to a new file",
            file.display()
        )));
    }
    let partial = PartialFile::create(&file)?;
    copy(url, &partial.0)?;
    partial.finish(&file)
}

/// VACUUM INTO reads in one transaction, which blocks no writer, and does not copy deleted values.
fn copy(url: &DatabaseUrl, into: &Path) -> Result<(), BackupError> {
    let no_text = || BackupError(format!("{} is not UTF-8", into.display()));
    let path = into.to_str().ok_or_else(no_text)?;
    let mut connection = Connection::open(url).map_err(cannot_copy(url))?;
    connection.batch_execute(SQLITE_SETTINGS).map_err(cannot_copy(url))?;
    let vacuum = sql_query("VACUUM INTO ?").bind::<Text, _>(path);
    connection.execute(vacuum).map(drop).map_err(cannot_copy(url))
}

/// An unfinished file in the directory of the target file. Only its owner can read it. It is deleted when dropped.
pub(crate) struct PartialFile(PathBuf);

impl PartialFile {
    /// Creates the file under a fixed name, so that another command with the same target file is rejected and the remains
    /// of a killed process are noticed.
    pub(crate) fn create(file: &Path) -> Result<Self, BackupError> {
        let path = with_suffix(file, ".partial");
        let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match created {
            Ok(_) => Ok(Self(path)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(BackupError(format!(
                "{} exists, because another backup or export is writing it or was killed: if none is running, delete it",
                path.display()
            ))),
            Err(error) => Err(cannot("create", &path)(error)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Moves the file to the target once it is on disk, and returns its size in bytes.
    pub(crate) fn finish(self, file: &Path) -> Result<u64, BackupError> {
        let written = File::open(&self.0).and_then(|copy| copy.sync_all().and_then(|()| copy.metadata()));
        let bytes = written.map_err(cannot("write", &self.0))?.len();
        fs::rename(&self.0, file).map_err(cannot("create", file))?;
        let directory = file.parent().unwrap_or(file);
        let kept = File::open(directory).and_then(|directory| directory.sync_all());
        kept.inspect_err(|_| drop(fs::remove_file(file))).map_err(cannot("write", directory))?;
        Ok(bytes)
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        // Neither file exists if the copy succeeded.
        drop(fs::remove_file(&self.0));
        drop(fs::remove_file(with_suffix(&self.0, "-journal")));
    }
}

fn cannot_copy<E: std::fmt::Display>(url: &DatabaseUrl) -> impl FnOnce(E) -> BackupError {
    move |error| BackupError(format!("cannot copy {url}: {error}"))
}

fn cannot(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BackupError {
    move |error| BackupError(format!("cannot {what} {}: {error}", path.display()))
}
