//! The file or stream to which an export is written.

use crate::db::backup::PartialFile;
use crate::error::AppError;
use clap::ValueEnum;
use flate2::write::GzEncoder;
use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use zstd::stream::write::Encoder as ZstdEncoder;

/// A compression format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// The format that the suffix of a file names, if it does.
    fn of_suffix(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()? {
            "gz" => Some(Self::Gzip),
            "zst" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// The destination of an export. If it is dropped before it is finished, no file remains.
pub(super) struct Output {
    writer: Writer,
    /// The unfinished file and the path to which it is moved; `None` for standard output.
    file: Option<(PartialFile, PathBuf)>,
    /// The name for error messages.
    name: String,
}

/// A buffered file or standard output, directly or behind an encoder.
enum Writer {
    Plain(Sink),
    Gzip(GzEncoder<Sink>),
    Zstd(ZstdEncoder<'static, Sink>),
}

type Sink = BufWriter<Box<dyn Write>>;

impl Output {
    /// Creates the output: `-` is standard output. A file is written under a temporary name in the same directory.
    ///
    /// # Errors
    /// If the file exists or cannot be created.
    pub(super) fn create(path: &Path, compression: Option<Compression>) -> Result<Self, AppError> {
        let compression = compression.or_else(|| Compression::of_suffix(path));
        if path == Path::new("-") {
            let writer = Writer::new(Box::new(std::io::stdout()), compression).map_err(AppError::new)?;
            return Ok(Self { writer, file: None, name: "standard output".to_owned() });
        }
        let name = path.display().to_string();
        let path = std::path::absolute(path).map_err(cannot_write(&name))?;
        if fs::symlink_metadata(&path).is_ok() {
            return Err(AppError::new(format!("{name} already exists; write the export to a new file")));
        }
        let partial = PartialFile::create(&path).map_err(AppError::new)?;
        let file = OpenOptions::new().write(true).open(partial.path()).map_err(cannot_write(&name))?;
        let writer = Writer::new(Box::new(file), compression).map_err(cannot_write(&name))?;
        Ok(Self { writer, file: Some((partial, path)), name })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), AppError> {
        self.writer.as_write().write_all(bytes).map_err(cannot_write(&self.name))
    }

    /// Writes what is buffered, and gives a file its name once the file is on disk.
    pub(super) fn finish(self) -> Result<(), AppError> {
        self.writer.finish().map_err(cannot_write(&self.name))?;
        match self.file {
            Some((partial, path)) => partial.finish(&path).map(drop).map_err(AppError::new),
            None => Ok(()),
        }
    }
}

impl Writer {
    fn new(output: Box<dyn Write>, compression: Option<Compression>) -> std::io::Result<Self> {
        let sink = BufWriter::new(output);
        Ok(match compression {
            None => Self::Plain(sink),
            Some(Compression::Gzip) => Self::Gzip(GzEncoder::new(sink, flate2::Compression::default())),
            Some(Compression::Zstd) => Self::Zstd(ZstdEncoder::new(sink, zstd::DEFAULT_COMPRESSION_LEVEL)?),
        })
    }

    fn as_write(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(sink) => sink,
            Self::Gzip(encoder) => encoder,
            Self::Zstd(encoder) => encoder,
        }
    }

    fn finish(self) -> std::io::Result<()> {
        match self {
            Self::Plain(mut sink) => sink.flush(),
            Self::Gzip(encoder) => encoder.finish()?.flush(),
            Self::Zstd(encoder) => encoder.finish()?.flush(),
        }
    }
}

fn cannot_write<E: Display>(name: &str) -> impl FnOnce(E) -> AppError {
    let name = name.to_owned();
    move |error| AppError::new(format!("cannot write {name}: {error}"))
}
