//! The input of an import as a stream of batches.

use crate::db::DbError;
use crate::domain::fields::FieldError;
use crate::domain::import::{Columns, Format, Line, Parser, RawLine, Splitter, check_start};
use futures_util::stream::{self, Stream, StreamExt as _};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// The maximum number of lines in a batch.
pub const BATCH: usize = 200;

/// The size, in bytes, at which a batch is complete.
const BATCH_BYTES: u64 = 1024 * 1024;

/// The number of batches that are parsed at once, while an earlier one is applied.
const PARSED_AHEAD: usize = 2;

/// The reason why an import cannot begin.
#[derive(Debug)]
pub enum OpenError<E> {
    /// The first line shows that no line can be read.
    Invalid(Vec<FieldError>),
    /// The input cannot be read.
    Input(E),
}

impl<E> From<E> for OpenError<E> {
    fn from(error: E) -> Self {
        Self::Input(error)
    }
}

/// The input after its header.
pub struct Batches<S> {
    /// The position of the header in the input, if there is one.
    pub header: Option<Range<u64>>,
    /// The batches of lines. Blank lines are left out.
    pub batches: S,
}

/// Splits an input into batches and parses them. The beginning is read at once, so that an input that cannot be imported
/// at all has no effect. Memory holds about four batches: one read, two being parsed, and one being applied.
///
/// # Errors
/// See [`OpenError`].
pub async fn batches<E: From<DbError>, B: AsRef<[u8]>>(
    pieces: impl Stream<Item = Result<B, E>> + Unpin,
    format: Format,
) -> Result<Batches<impl Stream<Item = Result<Vec<Line>, E>>>, OpenError<E>> {
    let mut reader =
        Reader { pieces, splitter: Splitter::new(format.syntax()), lines: VecDeque::new(), ended: false };
    let start = reader.peek().await?.and_then(|line| line.text.as_deref()).unwrap_or_default();
    check_start(start).map_err(OpenError::Invalid)?;
    let (parser, header) = match &format {
        Format::Ndjson => (Parser::Ndjson, None),
        Format::Csv(mapping) => {
            let missing = || OpenError::Invalid(vec![FieldError::new("", "required", "must have a header")]);
            let header = reader.lines.pop_front().ok_or_else(missing)?;
            let range = header.range.clone();
            (Parser::Csv(Columns::read(header, mapping).map_err(OpenError::Invalid)?), Some(range))
        }
    };
    let parser = Arc::new(parser);
    let raw = stream::try_unfold(reader, |mut reader| async move {
        let batch = reader.batch().await?;
        Ok::<_, E>((!batch.is_empty()).then_some((batch, reader)))
    });
    // Not `try_buffered`, with which an error would overtake the batches before it.
    let parse = move |batch: Result<_, E>| {
        let parser = parser.clone();
        async move { parse(parser, batch?).await }
    };
    let parsed = raw.map(parse).buffered(PARSED_AHEAD);
    Ok(Batches { header, batches: parsed })
}

/// Parses a batch in another thread, so that neither the other requests nor the writes wait for it.
async fn parse<E: From<DbError>>(parser: Arc<Parser>, batch: Vec<RawLine>) -> Result<Vec<Line>, E> {
    let parse = move || batch.into_iter().map(|line| parser.parse(line)).collect();
    tokio::task::spawn_blocking(parse).await.map_err(|error| DbError::Internal(error.to_string()).into())
}

struct Reader<S> {
    pieces: S,
    splitter: Splitter,
    lines: VecDeque<RawLine>,
    ended: bool,
}

impl<E, B: AsRef<[u8]>, S: Stream<Item = Result<B, E>> + Unpin> Reader<S> {
    /// The next line, which remains in the queue.
    async fn peek(&mut self) -> Result<Option<&RawLine>, E> {
        while self.lines.is_empty() && !self.ended {
            let mut lines = Vec::new();
            match self.pieces.next().await.transpose()? {
                Some(piece) => self.splitter.push(piece.as_ref(), &mut lines),
                None => {
                    self.ended = true;
                    lines.extend(self.splitter.finish());
                }
            }
            self.lines.extend(lines);
        }
        Ok(self.lines.front())
    }

    /// The next lines; none at the end of the input.
    async fn batch(&mut self) -> Result<Vec<RawLine>, E> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH && bytes < BATCH_BYTES && self.peek().await?.is_some() {
            let line = self.lines.pop_front();
            bytes += line.iter().flat_map(|line| &line.text).map(|text| text.len() as u64).sum::<u64>();
            batch.extend(line);
        }
        Ok(batch)
    }
}
