//! Groups (RFC 7643, section 4.2).

use super::{Meta, View, show_extensions};
use crate::domain::scim::ResourceType;
use crate::domain::time::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// What SCIM shows of a group.
#[derive(Clone, Debug)]
pub struct Group<'g> {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub display_name: &'g str,
    /// Its externalId of the caller's source.
    pub external_id: Option<&'g str>,
    /// Its members, when they are shown.
    pub members: Option<&'g [Member]>,
    /// Extensions, by URN.
    pub extensions: &'g Map<String, Value>,
    /// Its version.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it, or its members, last changed.
    pub updated_at: Timestamp,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The user's id.
    pub id: Uuid,
    /// The user's name.
    pub display: Option<String>,
}

/// A group as SCIM shows it, without attributes that have no value.
#[must_use]
pub fn group(group: &Group<'_>, view: &View<'_>) -> Map<String, Value> {
    let mut shown = Map::from_iter([("displayName".to_owned(), group.display_name.into())]);
    show_extensions(&mut shown, group.extensions);
    if let Some(external_id) = group.external_id {
        shown.insert("externalId".to_owned(), external_id.into());
    }
    if let Some(members) = group.members.filter(|members| !members.is_empty()) {
        shown.insert("members".to_owned(), members.iter().map(|one| member(one, view)).collect());
    }
    let (created, last_modified) = (group.created_at, group.updated_at);
    let meta =
        Meta { kind: ResourceType::Group, id: group.id, version: group.version, created, last_modified };
    meta.write(&mut shown, view);
    shown
}

fn member(member: &Member, view: &View<'_>) -> Value {
    let id = member.id.to_string();
    let mut shown = json!({ "$ref": view.location(ResourceType::User, &id), "type": "User", "value": id });
    if let (Value::Object(shown), Some(display)) = (&mut shown, &member.display) {
        shown.insert("display".to_owned(), display.clone().into());
    }
    shown
}
