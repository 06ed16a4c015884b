//! The file with the refused lines, which can be corrected and imported again.

use super::cannot_read;
use super::checkpoint::Input;
use crate::error::AppError;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A line number, and the position of the line in the input.
pub(super) type NumberedRange = (u64, Range<u64>);

/// Copies lines from the input, so that lines of any length need no memory.
pub(super) struct Rejects {
    path: PathBuf,
    input: File,
    output: File,
    length: u64,
}

impl Rejects {
    /// Opens the file. It is overwritten after the first `length` bytes, which an earlier attempt has written. Only the
    /// owner can read a new file, because it contains values of users.
    pub(super) fn open(path: &Path, input: &Input, length: u64) -> Result<Self, AppError> {
        let source = input.file.as_deref().unwrap_or(Path::new("-"));
        let input = File::open(source).map_err(cannot_read(source))?;
        let output = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
        let mut output = output.map_err(cannot_write(path))?;
        let metadata = output.metadata().map_err(cannot_write(path))?;
        let source = input.metadata().map_err(cannot_read(source))?;
        if (metadata.dev(), metadata.ino()) == (source.dev(), source.ino()) {
            return Err(AppError::new(format!(
                "{} is the file to import: write the refused lines to another file",
                path.display()
            )));
        }
        if metadata.len() < length {
            return Err(AppError::new(format!(
                "{} does not contain the lines that the interrupted import refused: specify the same --rejects file, \
                 or import without --resume",
                path.display()
            )));
        }
        output.set_len(length).and_then(|()| output.seek(SeekFrom::End(0))).map_err(cannot_write(path))?;
        Ok(Self { path: path.to_owned(), input, output, length })
    }

    /// The length of the file in bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Writes the header of a CSV file, unless an earlier attempt has written it.
    pub(super) fn add_header(&mut self, header: Range<u64>) -> Result<(), AppError> {
        if self.length == 0 { self.copy(header) } else { Ok(()) }
    }

    /// Copies the lines with these numbers.
    pub(super) fn add(
        &mut self,
        numbers: impl Iterator<Item = u64>,
        ranges: &[NumberedRange],
    ) -> Result<(), AppError> {
        for number in numbers {
            let found = ranges.binary_search_by_key(&number, |(number, _)| *number).ok();
            if let Some((_, range)) = found.and_then(|index| ranges.get(index)) {
                self.copy(range.clone())?;
            }
        }
        Ok(())
    }

    fn copy(&mut self, range: Range<u64>) -> Result<(), AppError> {
        self.try_copy(range).map_err(cannot_write(&self.path))
    }

    fn try_copy(&mut self, range: Range<u64>) -> io::Result<()> {
        // The last line may have no line feed.
        self.input.seek(SeekFrom::Start(range.end.saturating_sub(1)))?;
        let mut last = [0];
        self.input.read_exact(&mut last)?;
        self.input.seek(SeekFrom::Start(range.start))?;
        let mut line = Read::by_ref(&mut self.input).take(range.end - range.start);
        self.length += io::copy(&mut line, &mut self.output)?;
        if last != *b"\n" {
            self.output.write_all(b"\n")?;
            self.length += 1;
        }
        Ok(())
    }
}

fn cannot_write(path: &Path) -> impl FnOnce(io::Error) -> AppError {
    move |error| AppError::new(format!("cannot write {}: {error}", path.display()))
}
