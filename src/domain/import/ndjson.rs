//! Lines of JSON.

use super::values::{Form, Values};
use super::{Content, error};
use crate::domain::fields::{FieldError, Fields, wrong_type};
use crate::domain::json::{self, JsonError};
use crate::domain::snapshot_line::{ResourceEntry, SnapshotEntry, SnapshotLine};
use crate::domain::unstorable::unstorable;
use crate::domain::{NATIVE_SOURCE, parse_id};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Reads a line of an export, or a user.
pub(super) fn parse(text: &str) -> Result<Content, Vec<FieldError>> {
    let line = json::parse(text.as_bytes()).map_err(malformed)?;
    let unstorable = unstorable(&line, text.as_bytes());
    if !unstorable.is_empty() {
        return Err(unstorable);
    }
    match line {
        line if SnapshotLine::recognizes(&line) => of_export(SnapshotLine::read(line)?),
        Value::Object(attributes) => Ok(Content::User(of_user(attributes))),
        other => Err(vec![wrong_type("", "an object", &other)]),
    }
}

fn malformed(json_error: JsonError) -> Vec<FieldError> {
    match json_error {
        JsonError::Syntax(text) => error(
            "malformed",
            format!("is not valid JSON: {}", text.replace(" at line 1 column ", " at column ")),
        ),
        JsonError::OutOfRange(text) => error("unstorable", format!("contains a {text}")),
    }
}

fn of_user(mut attributes: Map<String, Value>) -> Values {
    let id = attributes.remove("id").and_then(|id| parse_id(id.as_str()?));
    // An existing user keeps the value; a new one is active.
    attributes.retain(|name, value| name != "active" || !value.is_null());
    Values { id, attributes, form: Form::Patch, external_ids: None, groups: Vec::new() }
}

fn of_export(line: SnapshotLine) -> Result<Content, Vec<FieldError>> {
    Ok(match line {
        SnapshotLine::Head(_) => Content::Head,
        SnapshotLine::End(_) => Content::End,
        SnapshotLine::Entry(SnapshotEntry::User(entry)) => Content::User(of_entry(entry)?),
        SnapshotLine::Entry(SnapshotEntry::Group(entry)) => Content::Group(of_entry(entry)?),
        SnapshotLine::Entry(SnapshotEntry::Member(member)) => {
            Content::Member { group: member.group_id, user: member.user_id }
        }
    })
}

fn of_entry(
    ResourceEntry { id, after: mut attributes, .. }: ResourceEntry,
) -> Result<Values, Vec<FieldError>> {
    let external_ids = attributes.remove("externalIds").map(read_external_ids).transpose()?;
    Ok(Values { id: Some(id), attributes, form: Form::Export, external_ids, groups: Vec::new() })
}

/// Reads externalIds by source. A source is `native` or the id of a connection, which need not exist.
fn read_external_ids(ids: Value) -> Result<BTreeMap<String, String>, Vec<FieldError>> {
    let sources: Vec<String> =
        ids.as_object().into_iter().flatten().map(|(source, _)| source.clone()).collect();
    let is_source = |source: &String| source == NATIVE_SOURCE || parse_id(source).is_some();
    let read = Fields::read(ids, |fields| {
        let known = sources.into_iter().filter(is_source);
        known.filter_map(|source| Some((source.clone(), fields.key_string(&source)?))).collect()
    });
    read.map_err(|mut errors: Vec<FieldError>| {
        errors.iter_mut().for_each(|error| error.pointer.insert_str(0, "/after/externalIds"));
        errors
    })
}
