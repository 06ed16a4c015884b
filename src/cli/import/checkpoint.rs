//! The position of an import in its file, so that it can continue after the process was killed.

use super::cannot_read;
use crate::error::AppError;
use crate::ops::import::Totals;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use uuid::Uuid;

/// The input of an import.
pub(super) struct Input {
    /// The path; `None` for standard input.
    pub(super) file: Option<PathBuf>,
    /// Whether the input can be read again: it is neither standard input nor a pipe.
    pub(super) is_regular: bool,
    version: FileVersion,
}

/// Identifies the content of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct FileVersion {
    /// The size in bytes.
    size: u64,
    /// The time of the last change, in nanoseconds since 1970.
    modified: String,
}

impl Input {
    pub(super) fn open(file: &Path) -> Result<Self, AppError> {
        if file == Path::new("-") {
            return Ok(Self { file: None, is_regular: false, version: FileVersion::default() });
        }
        let metadata = fs::metadata(file).map_err(cannot_read(file))?;
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = modified.map(|time| time.as_nanos().to_string()).unwrap_or_default();
        let version = FileVersion { size: metadata.len(), modified };
        Ok(Self { file: Some(file.to_owned()), is_regular: metadata.is_file(), version })
    }

    pub(super) fn reader(&self) -> Result<Box<dyn Read>, AppError> {
        match &self.file {
            None => Ok(Box::new(io::stdin())),
            Some(file) => Ok(Box::new(File::open(file).map_err(cannot_read(file))?)),
        }
    }

    /// The length in bytes, if it is known.
    pub(super) fn length(&self) -> Option<u64> {
        self.is_regular.then_some(self.version.size)
    }
}

/// The position up to which a file has been imported. It is stored next to the file, as `FILE.progress`, after each batch.
pub(super) struct Checkpoint {
    /// The path of the stored position. `None` if it is not stored.
    path: Option<PathBuf>,
    stored: Stored,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    file: FileVersion,
    /// The epoch of the tenant, which identifies the tenant and its database.
    epoch: Uuid,
    /// The position in the file, in bytes.
    position: u64,
    /// The number of lines before the position with each result.
    totals: Totals,
    /// The length of the file with the refused lines, in bytes.
    rejects: u64,
}

impl Checkpoint {
    /// The start of the input.
    pub(super) fn new(input: &Input, epoch: Uuid, is_stored: bool) -> Self {
        let path = input
            .file
            .as_deref()
            .filter(|_| is_stored && input.is_regular)
            .map(|file| with_suffix(file, ".progress"));
        Self { path, stored: Stored { file: input.version.clone(), epoch, ..Stored::default() } }
    }

    /// Continues from the stored position, if there is one.
    pub(super) fn load(&mut self) -> Result<(), AppError> {
        let Some(path) = &self.path else { return Ok(()) };
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            bytes => bytes.map_err(cannot_read(path))?,
        };
        let stored: Stored = serde_json::from_slice(&bytes)
            .map_err(|error| AppError::new(format!("{} is damaged: {error}", path.display())))?;
        let start_again =
            "import the file without --resume, which changes nothing for lines that were imported before";
        if stored.file != self.stored.file {
            return Err(AppError::new(format!("the file has changed since it was imported: {start_again}")));
        }
        if stored.epoch != self.stored.epoch {
            return Err(AppError::new(format!("the file was imported into another tenant: {start_again}")));
        }
        self.stored = stored;
        Ok(())
    }

    pub(super) fn position(&self) -> u64 {
        self.stored.position
    }

    pub(super) fn totals(&self) -> Totals {
        self.stored.totals
    }

    pub(super) fn rejects(&self) -> u64 {
        self.stored.rejects
    }

    /// Stores the position after a batch. Renaming a file replaces the earlier position at once.
    pub(super) fn save(&mut self, position: u64, totals: Totals, rejects: u64) -> Result<(), AppError> {
        self.stored = Stored { position, totals, rejects, ..self.stored.clone() };
        let Some(path) = &self.path else { return Ok(()) };
        let temporary = with_suffix(path, ".tmp");
        let json = serde_json::to_vec(&self.stored).map_err(AppError::new)?;
        let written = fs::write(&temporary, json).and_then(|()| fs::rename(&temporary, path));
        written.map_err(|error| AppError::new(format!("cannot write {}: {error}", path.display())))
    }

    /// Removes the stored position at the end of the import.
    pub(super) fn remove(&self) -> Result<(), AppError> {
        let Some(path) = &self.path else { return Ok(()) };
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(AppError::new(format!("cannot remove {}: {error}", path.display())))
            }
            _ => Ok(()),
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
