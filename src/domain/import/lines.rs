//! Splits the input of an import into lines.

use std::mem;
use std::ops::Range;

/// The maximum length of a line in bytes, without the line ending: twice that of a user, whose JSON can contain escapes
/// and white space.
pub const LINE_LIMIT: usize = 128 * 1024;

/// The byte order mark of UTF-8, which is ignored.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// A line of the input. In CSV, it is a record, which can contain line feeds in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawLine {
    /// The number of the line, or of the first line of a record. The first line of the input has number 1.
    pub number: u64,
    /// The position in the input, in bytes, with the line ending.
    pub range: Range<u64>,
    /// The text without the line ending; `None` if it is longer than [`LINE_LIMIT`].
    pub text: Option<Vec<u8>>,
    /// Whether the line ends with a line feed. Only the last one can lack it.
    pub is_complete: bool,
}

/// The syntax that decides where a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// Each line feed ends a line.
    Ndjson,
    /// A line feed in quotes (RFC 4180) does not end a line.
    Csv,
}

/// Splits an input that arrives in pieces. It holds at most one line, and nothing of a line that is too long. Blank lines
/// are skipped.
#[derive(Debug)]
pub struct Splitter {
    syntax: Syntax,
    place: Place,
    /// The position in the input.
    position: u64,
    /// The number of line feeds so far.
    feeds: u64,
    /// The start and the number of the current line.
    start: u64,
    number: u64,
    /// The current line, with its line ending.
    text: Vec<u8>,
    is_too_long: bool,
}

/// The place within a record of CSV, as the crate `csv` sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before a cell.
    Start,
    /// In a cell without quotes, or after the closing quote of a cell.
    Plain,
    /// In quotes.
    Quoted,
    /// After a quote within quotes, which either ends them or begins an escaped quote.
    Quote,
}

impl Splitter {
    /// A splitter at the start of the input.
    #[must_use]
    pub fn new(syntax: Syntax) -> Self {
        let (place, text) = (Place::Start, Vec::new());
        Self { syntax, place, position: 0, feeds: 0, start: 0, number: 1, text, is_too_long: false }
    }

    /// Appends the lines that end in the next piece of the input.
    pub fn push(&mut self, mut piece: &[u8], lines: &mut Vec<RawLine>) {
        while !piece.is_empty() {
            let end = self.end_of_line(piece);
            let (part, rest) = piece.split_at(end.unwrap_or(piece.len()));
            self.append(part);
            if end.is_some() {
                lines.extend(self.take_line(true));
            }
            piece = rest;
        }
    }

    /// The rest of the input, if it does not end with a line feed.
    pub fn finish(&mut self) -> Option<RawLine> {
        self.take_line(false)
    }

    /// The length of the current line in a piece, if the line ends there.
    fn end_of_line(&mut self, piece: &[u8]) -> Option<usize> {
        // The byte order mark is not part of the first cell. It can arrive in two pieces.
        let mark = BOM.strip_prefix(&*self.text).filter(|_| self.start == 0).unwrap_or_default();
        let mark = piece.iter().zip(mark).take_while(|(byte, expected)| byte == expected).count();
        let is_end = |byte: &u8| match self.syntax {
            Syntax::Ndjson => *byte == b'\n',
            Syntax::Csv => {
                self.place = self.place.after(*byte);
                *byte == b'\n' && self.place == Place::Start
            }
        };
        Some(mark + piece.iter().skip(mark).position(is_end)? + 1)
    }

    fn append(&mut self, part: &[u8]) {
        self.position += part.len() as u64;
        self.feeds += part.iter().filter(|byte| **byte == b'\n').count() as u64;
        let longest = LINE_LIMIT + BOM.len() + b"\r\n".len();
        self.is_too_long |= self.text.len() + part.len() > longest;
        if self.is_too_long {
            self.text = Vec::new();
        } else {
            self.text.extend_from_slice(part);
        }
    }

    /// Ends the current line. Returns `None` if it is blank.
    fn take_line(&mut self, is_complete: bool) -> Option<RawLine> {
        let mut range = mem::replace(&mut self.start, self.position)..self.position;
        let number = mem::replace(&mut self.number, self.feeds + 1);
        let mut text = mem::take(&mut self.text);
        let is_too_long = mem::take(&mut self.is_too_long);
        if range.start == 0 && text.starts_with(BOM) {
            text.drain(..BOM.len());
            range.start += BOM.len() as u64;
        }
        for ending in [b'\n', b'\r'] {
            text.pop_if(|last| *last == ending && self.place != Place::Quoted);
        }
        let is_blank = !is_too_long && text.trim_ascii().is_empty();
        let text = (!is_too_long && text.len() <= LINE_LIMIT).then_some(text);
        (!is_blank).then_some(RawLine { number, range, text, is_complete })
    }
}

/// Whether a record of CSV ends in quotes. Only the last record of the input can.
pub(super) fn has_open_quote(record: &str) -> bool {
    record.bytes().fold(Place::Start, Place::after) == Place::Quoted
}

impl Place {
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Start, b'"') | (Self::Quote, b'"') => Self::Quoted,
            (Self::Quoted, b'"') => Self::Quote,
            (Self::Quoted, _) => Self::Quoted,
            (_, b',' | b'\n') => Self::Start,
            _ => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(syntax: Syntax, pieces: &[&[u8]]) -> Vec<RawLine> {
        let (mut splitter, mut lines) = (Splitter::new(syntax), Vec::new());
        pieces.iter().for_each(|piece| splitter.push(piece, &mut lines));
        lines.extend(splitter.finish());
        lines
    }

    fn texts(lines: &[RawLine]) -> Vec<(u64, &str)> {
        lines.iter().map(|line| (line.number, line.text.as_deref().map_or("too long", utf8))).collect()
    }

    fn utf8(text: &[u8]) -> &str {
        str::from_utf8(text).unwrap()
    }

    #[test]
    fn line_endings_marks_and_blank_lines_are_removed() {
        let lines = split(Syntax::Ndjson, &[b"\xef\xbb", b"\xbf{1}\r\n\n \r\n{\"\n{3}"]);
        assert_eq!(texts(&lines), [(1, "{1}"), (4, "{\""), (5, "{3}")]);
        assert_eq!(lines.iter().map(|line| line.is_complete).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(lines.iter().map(|line| line.range.clone()).collect::<Vec<_>>(), [3..8, 12..15, 15..18]);
    }

    #[test]
    fn records_contain_line_feeds_only_in_quotes() {
        let text = b"\xef\xbb\xbf\"a\nb\",c\r\n5\" disk,\"x\"\"\ny\"\n\"a\"\"b\"z\"\nlast,\"\n";
        let lines = split(Syntax::Csv, &[text]);
        let expected =
            [(1, "\"a\nb\",c"), (3, "5\" disk,\"x\"\"\ny\""), (5, "\"a\"\"b\"z\""), (6, "last,\"\n")];
        assert_eq!(texts(&lines), expected);
        assert!(!lines[3].is_complete, "the quote is not closed");
    }

    #[test]
    fn a_line_that_is_too_long_is_not_kept() {
        let (mut splitter, mut lines) = (Splitter::new(Syntax::Csv), Vec::new());
        splitter.push(b"a,\"", &mut lines);
        for _ in 0..1_000 {
            splitter.push(&[b'\n'; 10_000], &mut lines);
            assert!(splitter.text.capacity() <= 2 * LINE_LIMIT);
        }
        splitter.push(b"\"\nb\n", &mut lines);
        assert_eq!(texts(&lines), [(1, "too long"), (10_000_002, "b")]);
        let longest = [vec![b'x'; LINE_LIMIT], b"\r\n".to_vec()].concat();
        assert!(split(Syntax::Ndjson, &[&longest])[0].text.is_some());
        assert!(split(Syntax::Ndjson, &[b"x", &longest])[0].text.is_none());
    }

    proptest! {
        #[test]
        fn the_boundaries_of_pieces_do_not_matter(
            text in "\u{feff}?[a\",\r\n]{0,40}",
            cuts in prop::collection::vec(0..40_usize, 0..6),
            is_csv: bool,
        ) {
            let syntax = if is_csv { Syntax::Csv } else { Syntax::Ndjson };
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]).collect();
            let lines = split(syntax, &pieces);
            prop_assert_eq!(&lines, &split(syntax, &[text.as_bytes()]));
            let ranges = lines.iter().map(|line| line.range.clone());
            prop_assert!(ranges.clone().zip(ranges.skip(1)).all(|(one, next)| one.end <= next.start));
        }

        /// The crate finds the same records in the whole text, except that it does not count carriage returns as data.
        #[test]
        fn records_are_those_of_the_csv_crate(text in "[a\",\n]{0,40}") {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let expected: Vec<_> = reader.records().map(Result::unwrap).collect();
            let lines = split(Syntax::Csv, &[text.as_bytes()]);
            let found: Vec<_> = lines.iter().filter_map(|line| super::super::table::cells(line.text.as_deref()?)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
