//! Operations on attributes whose definitions are known.

use super::list;
use super::selection::select;
use super::{Profile, ScimError, ScimType, Verb};
use crate::domain::scim::normal::{self, is_unassigned};
use crate::domain::scim::path::AttributePath;
use crate::domain::scim::schema::{Definition, Mutability, Type};
use serde_json::{Map, Value};

/// How values are written.
#[derive(Clone, Copy)]
pub(super) struct Writing {
    /// Whether a list keeps what it has.
    pub(super) adds: bool,
    pub(super) profile: Profile,
}

/// Carries out an operation among the attributes of a schema. `remove` may come without a value.
pub(super) fn change(
    map: &mut Map<String, Value>,
    path: &AttributePath<'_>,
    verb: Verb,
    value: Option<&Value>,
    profile: Profile,
) -> Result<(), ScimError> {
    let (attribute, name) = (path.attribute, path.name());
    let how = Writing { adds: verb == Verb::Add, profile };
    let written = value.filter(|_| verb != Verb::Remove);
    match (&path.brackets, path.part, written) {
        (Some(brackets), part, written) => select(map, attribute, brackets, &name).change(part, written, how),
        (None, None, Some(value)) => write(map, attribute, value.clone(), how, &name),
        (None, Some(part), Some(value)) => {
            inside(map, attribute.name, |inner| write(inner, part, value.clone(), how, &name))
        }
        (None, Some(part), None) => inside(map, attribute.name, |inner| unassign(inner, part, &name)),
        (None, None, None) => match value.filter(|value| attribute.multi_valued && !value.is_null()) {
            Some(value) => list::take_out(map, attribute, value.clone(), profile, &name),
            None => unassign(map, attribute, &name),
        },
    }
}

/// Writes an attribute. Of a complex one, what is not said stays (RFC 7644, section 3.5.2.3).
pub(super) fn write(
    map: &mut Map<String, Value>,
    attribute: &'static Definition,
    value: Value,
    how: Writing,
    at: &str,
) -> Result<(), ScimError> {
    if attribute.multi_valued {
        return list::write(map, attribute, value, how, at);
    }
    if attribute.kind != Type::Complex || is_unassigned(&value) {
        return match normal::value(attribute, value, how.profile, at)? {
            Some(value) => {
                map.insert(attribute.name.to_owned(), value);
                Ok(())
            }
            None => unassign(map, attribute, at),
        };
    }
    let parts = normal::object(attribute, value, at)?;
    inside(map, attribute.name, |inner| {
        for (name, value) in parts {
            let part = normal::part(attribute, &name, at)?;
            if part.mutability != Mutability::ReadOnly {
                write(inner, part, value, how, &format!("{at}.{}", part.name))?;
            }
        }
        Ok(())
    })
}

/// Removes an attribute, unless a resource must have it (RFC 7644, section 3.5.2.2).
pub(super) fn unassign(
    map: &mut Map<String, Value>,
    attribute: &Definition,
    at: &str,
) -> Result<(), ScimError> {
    if attribute.is_kept() {
        return Err(ScimType::Mutability.error(format!("{at} must not be removed")));
    }
    map.remove(attribute.name);
    Ok(())
}

/// Writes inside an object, which is there only while there is something in it.
pub(super) fn inside(
    map: &mut Map<String, Value>,
    name: &str,
    write: impl FnOnce(&mut Map<String, Value>) -> Result<(), ScimError>,
) -> Result<(), ScimError> {
    let mut inner = match map.remove(name) {
        Some(Value::Object(inner)) => inner,
        _ => Map::new(),
    };
    write(&mut inner)?;
    if !inner.is_empty() {
        map.insert(name.to_owned(), inner.into());
    }
    Ok(())
}
