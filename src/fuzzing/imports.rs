//! The input of imports.

use super::bodies::valid;
use super::samples::{USER, new_group, new_user};
use crate::domain::import::{
    Columns, Content, LINE_LIMIT, Mapping, Parser, RawLine, Splitter, Syntax, Values,
};
use crate::domain::user::{Representation, User, WriteMode};
use crate::domain::{group, user};

/// CSV with a header.
pub(super) fn csv(input: &[u8]) {
    let mut lines = lines(Syntax::Csv, input).into_iter();
    let header = lines.next().map(|header| Columns::read(header, &Mapping::default()));
    let Some(columns) = header.and_then(valid) else { return };
    parse(&Parser::Csv(columns), lines);
}

/// Lines of JSON.
pub(super) fn ndjson(input: &[u8]) {
    parse(&Parser::Ndjson, lines(Syntax::Ndjson, input).into_iter());
}

/// Splits the input. Its lines do not depend on the pieces in which it arrives, have a bounded length, and do not overlap.
fn lines(syntax: Syntax, input: &[u8]) -> Vec<RawLine> {
    let lines = split(syntax, [input]);
    assert_eq!(lines, split(syntax, input.chunks(1)));
    let mut end = 0;
    for RawLine { range, text, .. } in &lines {
        assert!(end <= range.start && range.start < range.end && range.end <= input.len() as u64);
        assert!(text.as_ref().is_none_or(|text| text.len() <= LINE_LIMIT));
        end = range.end;
    }
    lines
}

fn split<'i>(syntax: Syntax, pieces: impl IntoIterator<Item = &'i [u8]>) -> Vec<RawLine> {
    let (mut splitter, mut lines) = (Splitter::new(syntax), Vec::new());
    pieces.into_iter().for_each(|piece| splitter.push(piece, &mut lines));
    lines.extend(splitter.finish());
    lines
}

fn parse(parser: &Parser, lines: impl Iterator<Item = RawLine>) {
    for line in lines {
        match valid(parser.parse(line).content) {
            Some(Content::User(values)) => import_user(&values),
            Some(Content::Group(values)) => import_group(&values),
            _ => {}
        }
    }
}

/// A line that is imported a second time changes nothing, whether the first time created or updated the user.
fn import_user(values: &Values) {
    let update = |user: &User| {
        let read = |body| user::Draft::read(body, WriteMode::Patch(user.id));
        values.update(&Representation::from(user), read).map(|draft| user.with(draft))
    };
    let created = valid(values.create(|body| user::Draft::read(body, WriteMode::Create))).map(new_user);
    for user in created.into_iter().chain(valid(update(&USER))) {
        assert_eq!(update(&user), Ok(user));
    }
}

/// The same for groups.
fn import_group(values: &Values) {
    let Some(draft) = valid(values.create(|body| group::Draft::read(body, WriteMode::Create))) else {
        return;
    };
    let group = new_group(draft);
    let read = |body| group::Draft::read(body, WriteMode::Patch(group.id));
    let again = values.update(&group::Representation::from(&group), read);
    assert_eq!(again.map(|draft| group.with(draft)), Ok(group));
}
