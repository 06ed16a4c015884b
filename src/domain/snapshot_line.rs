//! The lines of an export (NDJSON), which an import reads as well.

use super::change::{Auditable, Stamp};
use super::fields::{FieldError, Fields};
use super::group::Group;
use super::parse_id;
use super::time::Timestamp;
use super::user::{StoredUser, User};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::io::Write;
use uuid::Uuid;

/// A line of an export: first the head, then an entry for each resource, last the end.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum SnapshotLine {
    /// The first line.
    Head(SnapshotHead),
    /// A resource.
    Entry(SnapshotEntry),
    /// The last line.
    End(SnapshotEnd),
}

/// The position in the change feed from which a follower continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SnapshotHead {
    /// The newest revision before the first resource was read.
    pub revision: i64,
    /// The epoch of the history.
    pub epoch: Uuid,
}

/// An existing resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "resource", rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum SnapshotEntry {
    User(ResourceEntry),
    Group(ResourceEntry),
    Member(MemberEntry),
}

/// A user or group.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct ResourceEntry {
    pub id: Uuid,
    pub version: i64,
    /// The `updatedAt` of the resource.
    pub time: Timestamp,
    pub created_at: Timestamp,
    /// The attributes, as the change of a creation shows them.
    pub after: Map<String, Value>,
}

/// A member of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct MemberEntry {
    pub group_id: Uuid,
    pub user_id: Uuid,
    /// The version of the group when the member was read.
    pub version: i64,
    pub added_at: Timestamp,
}

/// The number of entries of each kind. An export without this line is incomplete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
#[expect(clippy::manual_non_exhaustive, reason = "the private field is part of the line")]
pub struct SnapshotEnd {
    #[serde(serialize_with = "serialize_true")]
    end: (),
    pub users: i64,
    pub groups: i64,
    pub members: i64,
}

fn serialize_true<S: Serializer>((): &(), serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(true)
}

impl ResourceEntry {
    fn of(resource: &impl Auditable, created_at: Timestamp) -> Self {
        let Stamp { id, version, time } = resource.stamp();
        Self { id, version, time, created_at, after: resource.snapshot() }
    }
}

impl From<&User> for SnapshotEntry {
    fn from(user: &User) -> Self {
        Self::User(ResourceEntry::of(user, user.created_at))
    }
}

impl From<&Group> for SnapshotEntry {
    fn from(group: &Group) -> Self {
        Self::Group(ResourceEntry::of(group, group.created_at))
    }
}

/// Appends the line of a stored user, as a [`SnapshotEntry`] is serialized.
///
/// # Errors
/// The document is not that of a user.
pub fn write_user(user: &StoredUser, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let start = out.len();
    let StoredUser { id, version, updated_at, created_at, .. } = user;
    // Writing to memory cannot fail.
    drop(write!(
        out,
        r#"{{"resource":"user","id":"{id}","version":{version},"time":"{updated_at}","createdAt":"{created_at}","after":"#
    ));
    match user.write_snapshot(out) {
        Some(()) => out.push(b'}'),
        // An earlier release wrote the document.
        None => {
            out.truncate(start);
            serde_json::to_writer(&mut *out, &SnapshotEntry::from(&User::try_from(user.clone())?))?;
        }
    }
    out.push(b'\n');
    Ok(())
}

/// Appends any other line.
///
/// # Errors
/// None in practice, because every line can be serialized.
pub fn write_line(line: &SnapshotLine, out: &mut Vec<u8>) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.push(b'\n');
    Ok(())
}

impl SnapshotLine {
    /// Whether a JSON value is a line of an export and not, for example, a plain user: no attribute of a user or group
    /// has one of these names.
    pub fn recognizes(line: &Value) -> bool {
        ["resource", "revision", "end"].iter().any(|name| line.get(name).is_some())
    }

    /// Reads a line. The attributes in `after` are not checked, and unknown fields of the head are ignored, because a
    /// newer release may have written them.
    ///
    /// # Errors
    /// A [`FieldError`] for each invalid field.
    pub fn read(line: Value) -> Result<Self, Vec<FieldError>> {
        Fields::read(line, |fields| match fields.string("resource").as_deref() {
            Some("user") => Self::Entry(SnapshotEntry::User(read_resource(fields))),
            Some("group") => Self::Entry(SnapshotEntry::Group(read_resource(fields))),
            Some("member") => Self::Entry(SnapshotEntry::Member(read_member(fields))),
            Some(_) => {
                fields.error("resource", "wrong-type", "must be user, group or member");
                fields.ignore_rest();
                Self::End(SnapshotEnd::default())
            }
            None if fields.has("end") => Self::End(read_end(fields)),
            None => Self::Head(read_head(fields)),
        })
    }
}

fn read_head(fields: &mut Fields<'_>) -> SnapshotHead {
    let head = SnapshotHead { revision: number(fields, "revision"), epoch: id(fields, "epoch") };
    fields.ignore_rest();
    head
}

fn read_resource(fields: &mut Fields<'_>) -> ResourceEntry {
    fields.require("after");
    ResourceEntry {
        id: id(fields, "id"),
        version: number(fields, "version"),
        time: time(fields, "time"),
        created_at: time(fields, "createdAt"),
        after: fields.raw_object("after"),
    }
}

fn read_member(fields: &mut Fields<'_>) -> MemberEntry {
    MemberEntry {
        group_id: id(fields, "groupId"),
        user_id: id(fields, "userId"),
        version: number(fields, "version"),
        added_at: time(fields, "addedAt"),
    }
}

fn read_end(fields: &mut Fields<'_>) -> SnapshotEnd {
    if fields.boolean("end") == Some(false) {
        fields.error("end", "wrong-type", "must be true");
    }
    let mut count = |name| number(fields, name);
    SnapshotEnd { end: (), users: count("users"), groups: count("groups"), members: count("members") }
}

fn id(fields: &mut Fields<'_>, name: &str) -> Uuid {
    fields.require(name);
    let Some(text) = fields.string(name) else { return Uuid::nil() };
    parse_id(&text).unwrap_or_else(|| {
        fields.error(name, "wrong-type", "must be a UUID of 36 characters");
        Uuid::nil()
    })
}

fn number(fields: &mut Fields<'_>, name: &str) -> i64 {
    fields.require(name);
    let Some(value) = fields.take(name) else { return 0 };
    value.as_i64().unwrap_or_else(|| {
        fields.wrong_type::<()>(name, "a 64-bit integer", &value);
        0
    })
}

fn time(fields: &mut Fields<'_>, name: &str) -> Timestamp {
    fields.require(name);
    fields.time(name).unwrap_or(Timestamp::from(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "0191d6ae-5f00-7000-8000-00000000000a";
    const TIME: &str = "2026-01-02T03:04:05.678901Z";

    fn lines() -> [Value; 5] {
        let resource = |kind: &str| {
            json!({
                "resource": kind, "id": ID, "version": 3, "time": TIME, "createdAt": TIME,
                "after": {"displayName": "a", "externalIds": {"native": "e-1"}},
            })
        };
        [
            json!({"revision": 42, "epoch": ID}),
            resource("user"),
            resource("group"),
            json!({"resource": "member", "groupId": ID, "userId": ID, "version": 7, "addedAt": TIME}),
            json!({"end": true, "users": 1, "groups": 1, "members": 1}),
        ]
    }

    #[test]
    fn every_line_is_recognized_and_unchanged_after_reading_and_writing() {
        for line in lines() {
            assert!(SnapshotLine::recognizes(&line), "{line}");
            let read = SnapshotLine::read(line.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), line);
        }
        assert!(!SnapshotLine::recognizes(&json!({"id": ID, "userName": "ada", "version": 3})));
    }

    #[test]
    fn the_head_may_have_members_of_a_newer_release() {
        let head = json!({"revision": 42, "epoch": ID, "digest": "0123456789abcdef"});
        assert!(matches!(
            SnapshotLine::read(head),
            Ok(SnapshotLine::Head(SnapshotHead { revision: 42, .. }))
        ));
    }

    #[test]
    fn every_invalid_field_is_reported() {
        for (line, expected) in [
            (json!({}), vec!["/revision", "/epoch"]),
            (json!({"resource": "user"}), vec!["/after", "/id", "/version", "/time", "/createdAt"]),
            (json!({"resource": "key", "id": ID}), vec!["/resource"]),
            (
                json!({"end": false, "users": "1", "groups": 1.5}),
                vec!["/end", "/users", "/groups", "/members"],
            ),
            (
                json!({"resource": "member", "groupId": "x", "userId": 1, "version": 1, "addedAt": TIME, "id": ID}),
                vec!["/groupId", "/userId", "/id"],
            ),
        ] {
            let errors = SnapshotLine::read(line.clone()).unwrap_err();
            let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
            assert_eq!(pointers, expected, "{line}");
        }
    }
}
