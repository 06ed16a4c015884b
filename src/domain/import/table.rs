//! The records of a CSV file.

use super::lines::has_open_quote;
use super::values::{Form, Values};
use super::{Content, Mapping, RawLine, error, valid_text};
use crate::domain::attribute::{Kind, USER, find};
use crate::domain::fields::FieldError;
use crate::domain::json::{parse_boolean, pointer_token};
use crate::domain::parse_id;
use csv::{ReaderBuilder, StringRecord, Terminator};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// The columns of a CSV file.
#[derive(Debug)]
pub struct Columns(Vec<Column>);

/// The meaning of a column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Column {
    Ignored,
    Id,
    /// The names of groups, separated by `;`.
    Groups,
    /// An attribute, or a sub-attribute in an object.
    Attribute {
        path: Vec<String>,
        is_boolean: bool,
    },
    /// A sub-attribute in the only element of a list.
    Element {
        list: &'static str,
        name: &'static str,
        is_boolean: bool,
    },
}

/// The attributes that Roster writes itself.
const READ_ONLY: [&str; 4] = ["externalIds", "version", "createdAt", "updatedAt"];

impl Columns {
    /// Reads the header.
    ///
    /// # Errors
    /// A [`FieldError`] for each column that the mapping neither maps to an attribute nor ignores and whose name is not
    /// that of an attribute. The pointer contains the name of the column.
    pub fn read(header: RawLine, mapping: &Mapping) -> Result<Self, Vec<FieldError>> {
        let text = valid_text(header.text)?;
        let header = cells(&text.into_bytes()).unwrap_or_default();
        let (mut columns, mut errors, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        for name in header.iter().map(str::trim) {
            match Column::named(name, mapping) {
                None => errors.push(column_error(name, "is not an attribute: map or ignore the column")),
                Some(column) if column != Column::Ignored && !seen.insert(column.clone()) => {
                    errors.push(column_error(name, "has the same attribute as another column: ignore one"));
                }
                Some(column) => columns.push(column),
            }
        }
        let missing =
            mapping.columns.keys().filter(|column| !header.iter().any(|name| name.trim() == *column));
        errors.extend(missing.map(|column| column_error(column, "is mapped, but is not in the header")));
        if errors.is_empty() { Ok(Self(columns)) } else { Err(errors) }
    }

    /// Reads a record.
    pub(super) fn parse(&self, text: &str) -> Result<Content, Vec<FieldError>> {
        if has_open_quote(text) {
            return Err(error("malformed", "has a quote that is not closed"));
        }
        let cells = cells(text.as_bytes()).unwrap_or_default();
        if cells.len() != self.0.len() {
            let detail = format!("has {} cells, but the header has {}", cells.len(), self.0.len());
            return Err(error("malformed", detail));
        }
        if text.contains('\0') {
            return Err(error("unstorable", "must not contain U+0000"));
        }
        let (id, groups, form) = (None, Vec::new(), Form::Record);
        let mut values = Values { id, attributes: Map::new(), form, external_ids: None, groups };
        for (column, cell) in self.0.iter().zip(&cells) {
            column.read(cell, &mut values);
        }
        Ok(Content::User(values))
    }
}

fn column_error(column: &str, detail: &str) -> FieldError {
    FieldError::new(format!("/{}", pointer_token(column)), "unknown-field", detail)
}

/// The cells of a record; `None` if there are none.
pub(super) fn cells(record: &[u8]) -> Option<StringRecord> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .terminator(Terminator::Any(b'\n'))
        .buffer_capacity(record.len() + 1)
        .from_reader(record);
    let mut cells = StringRecord::new();
    reader.read_record(&mut cells).ok()?.then_some(cells)
}

impl Column {
    /// The column with this name; `None` if it is unknown.
    fn named(name: &str, mapping: &Mapping) -> Option<Self> {
        if mapping.ignored.contains(name) {
            return Some(Self::Ignored);
        }
        let name = mapping.columns.get(name).map_or(name, String::as_str);
        match name.split_once('.') {
            None if name.eq_ignore_ascii_case("id") => Some(Self::Id),
            None if name.eq_ignore_ascii_case("groups") => Some(Self::Groups),
            Some(("custom", key)) if !key.is_empty() && !key.contains('\0') => {
                Some(Self::Attribute { path: vec!["custom".to_owned(), key.to_owned()], is_boolean: false })
            }
            _ => Self::attribute(name),
        }
    }

    fn attribute(name: &str) -> Option<Self> {
        let mut names = name.split('.');
        let mut attribute = names.next().and_then(|name| find(USER, name))?;
        let mut path = vec![attribute];
        for name in names {
            attribute = attribute.part(name)?;
            path.push(attribute);
        }
        let is_boolean = matches!(attribute.kind, Kind::Boolean);
        let is_leaf = is_boolean || matches!(attribute.kind, Kind::Text | Kind::Exact | Kind::Binary);
        match &path[..] {
            [first, ..] if !is_leaf || READ_ONLY.contains(&first.name) => None,
            [list, part] if matches!(list.kind, Kind::List(_)) => {
                Some(Self::Element { list: list.name, name: part.name, is_boolean })
            }
            path => {
                let path = path.iter().map(|attribute| attribute.name.to_owned()).collect();
                Some(Self::Attribute { path, is_boolean })
            }
        }
    }

    /// Adds the value of a cell. An empty cell clears the attribute.
    fn read(&self, cell: &str, values: &mut Values) {
        match self {
            Self::Ignored => {}
            Self::Id => values.id = parse_id(cell.trim()),
            Self::Groups => {
                let names = cell.split(';').map(str::trim).filter(|name| !name.is_empty());
                values.groups = names.map(str::to_owned).collect();
            }
            // An existing user keeps the value; a new one is active.
            Self::Attribute { path, .. } if cell.is_empty() && *path == ["active"] => {}
            Self::Attribute { path, is_boolean } => {
                set(&mut values.attributes, path, value(cell, *is_boolean))
            }
            Self::Element { list, name, is_boolean } => {
                let list = values.attributes.entry(*list).or_insert(Value::Null);
                if !cell.is_empty() {
                    let first = list.get_mut(0).and_then(Value::as_object_mut);
                    match first {
                        Some(element) => drop(element.insert((*name).to_owned(), value(cell, *is_boolean))),
                        None => *list = json!([{ *name: value(cell, *is_boolean) }]),
                    }
                }
            }
        }
    }
}

/// The value of a cell. Other text in a Boolean is left for the validation to report.
fn value(cell: &str, is_boolean: bool) -> Value {
    match parse_boolean(cell.trim()).filter(|_| is_boolean) {
        _ if cell.is_empty() => Value::Null,
        Some(truth) => truth.into(),
        None => cell.into(),
    }
}

/// Sets a value inside nested objects.
fn set(object: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => drop(object.insert(name.clone(), value)),
        [name, rest @ ..] => {
            let inner = object.entry(name.clone()).or_insert_with(|| Map::new().into());
            if let Some(inner) = inner.as_object_mut() {
                set(inner, rest, value);
            }
        }
    }
}
