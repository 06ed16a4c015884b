//! A copy of a SQLite database, made while servers go on using it.

use super::conn::SQLITE_SETTINGS;
use super::{Connection, DatabaseUrl};
use derive_more::{Display, Error};
use diesel::sql_query;
use diesel::sql_types::Text;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Why there is no copy.
#[derive(Debug, Display, Error)]
#[display("{_0}")]
pub struct BackupError(#[error(not(source))] String);

/// Copies a SQLite database, as it is at one moment, into a new file that only its owner may read; gives its bytes. The
/// file is whole and on the disk, or not there.
///
/// # Errors
/// When the database is not a SQLite file that exists, when `file` exists, or when it cannot be written.
pub fn run(url: &DatabaseUrl, file: &Path) -> Result<u64, BackupError> {
    match url {
        DatabaseUrl::Postgres(_) => {
            return Err(BackupError("a PostgreSQL database is copied by pg_dump, not by roster".to_owned()));
        }
        DatabaseUrl::Memory(_) => {
            return Err(BackupError(
                "a database in memory cannot be copied: only its server sees it".to_owned(),
            ));
        }
        DatabaseUrl::Sqlite(_) if url.is_missing() => {
            return Err(BackupError(format!("the database {url} does not exist")));
        }
        DatabaseUrl::Sqlite(_) => {}
    }
    // A name that begins with `file:` would be a URI to SQLite; no absolute one does.
    let file = std::path::absolute(file).map_err(cannot("find", file))?;
    if fs::symlink_metadata(&file).is_ok() {
        return Err(BackupError(format!("{} exists already", file.display())));
    }
    let partial = Partial::create(&file)?;
    copy(url, &partial.0)?;
    partial.finish(&file)
}

/// VACUUM INTO reads in one transaction, for which no writer waits. What was deleted is not in the copy.
fn copy(url: &DatabaseUrl, into: &Path) -> Result<(), BackupError> {
    let no_text = || BackupError(format!("{} is not UTF-8", into.display()));
    let path = into.to_str().ok_or_else(no_text)?;
    let mut connection = Connection::open(url).map_err(cannot_copy(url))?;
    connection.batch_execute(SQLITE_SETTINGS).map_err(cannot_copy(url))?;
    let vacuum = sql_query("VACUUM INTO ?").bind::<Text, _>(path);
    connection.execute(vacuum).map(drop).map_err(cannot_copy(url))
}

/// A copy that is being made, beside the place where it will be. It is removed unless it is finished.
struct Partial(PathBuf);

impl Partial {
    /// The name is always the same, so that of two that make one file the second is refused, and what a killed process
    /// left is seen.
    fn create(file: &Path) -> Result<Self, BackupError> {
        let path = with_suffix(file, ".partial");
        let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match created {
            Ok(_) => Ok(Self(path)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(BackupError(format!(
                "{} exists: another backup writes it, or left it when it was killed",
                path.display()
            ))),
            Err(error) => Err(cannot("create", &path)(error)),
        }
    }

    /// Puts it in its place; gives its bytes.
    fn finish(self, file: &Path) -> Result<u64, BackupError> {
        let written = File::open(&self.0).and_then(|copy| copy.sync_all().and_then(|()| copy.metadata()));
        let bytes = written.map_err(cannot("write", &self.0))?.len();
        fs::rename(&self.0, file).map_err(cannot("create", file))?;
        let directory = file.parent().unwrap_or(file);
        let kept = File::open(directory).and_then(|directory| directory.sync_all());
        kept.inspect_err(|_| drop(fs::remove_file(file))).map_err(cannot("write", directory))?;
        Ok(bytes)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // They are gone when all went well.
        drop(fs::remove_file(&self.0));
        drop(fs::remove_file(with_suffix(&self.0, "-journal")));
    }
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = file.into();
    name.push(suffix);
    name.into()
}

fn cannot_copy<E: std::fmt::Display>(url: &DatabaseUrl) -> impl FnOnce(E) -> BackupError {
    move |error| BackupError(format!("cannot copy {url}: {error}"))
}

fn cannot(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BackupError {
    move |error| BackupError(format!("cannot {what} {}: {error}", path.display()))
}
