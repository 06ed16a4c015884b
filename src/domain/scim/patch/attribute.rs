//! Operations on attributes of known schemas.

use super::list;
use super::selection::Selection;
use super::target::Target;
use super::{Op, Reading, ScimError};
use crate::domain::scim::intent;
use crate::domain::scim::normalize::{self, is_unassigned};
use crate::domain::scim::path::AttributePath;
use crate::domain::scim::reading::NoteCode;
use crate::domain::scim::schema::{Mutability, Type};
use serde_json::{Map, Value};

/// Applies an operation to the attributes of one schema. For `remove`, `value` is optional and names the elements to remove.
pub(super) fn apply(
    map: &mut Map<String, Value>,
    path: &AttributePath<'_>,
    op: Op,
    value: Option<&Value>,
    reading: &Reading,
) -> Result<(), ScimError> {
    let name = path.name();
    let target_of = |attribute| Target { attribute, path: &name, appends: op == Op::Add, reading };
    let target = target_of(path.attribute);
    match (&path.value_filter, path.sub_attribute, value.filter(|_| op != Op::Remove)) {
        (Some(filter), sub_attribute, written) => {
            for converted in &filter.converted {
                reading.note(NoteCode::Converted, &format!("{}.{converted}", path.attribute.name));
            }
            Selection::take(map, target, filter).apply(sub_attribute, written)
        }
        (None, None, Some(value)) => write(map, target, value.clone()),
        (None, Some(sub_attribute), Some(value)) => {
            inside(map, path.attribute.name, |inner| write(inner, target_of(sub_attribute), value.clone()))
        }
        (None, Some(sub_attribute), None) => {
            inside(map, path.attribute.name, |inner| target_of(sub_attribute).unassign(inner))
        }
        (None, None, None) => match value.filter(|value| path.attribute.multi_valued && !value.is_null()) {
            Some(value) => list::remove_values(map, target, value.clone()),
            None => target.unassign(map),
        },
    }
}

/// Writes an attribute. Sub-attributes of a complex attribute that the value does not contain stay unchanged (RFC 7644,
/// section 3.5.2.3). In lenient, `active` without a value keeps its value, as in PUT. The errors of sub-attributes are recorded
/// in the target's `reading`.
pub(super) fn write(map: &mut Map<String, Value>, target: Target<'_>, value: Value) -> Result<(), ScimError> {
    let Target { attribute, path, reading, .. } = target;
    let value = intent::value(attribute, value, reading, path);
    if attribute.multi_valued {
        return list::write(map, target, value);
    }
    if attribute.kind != Type::Complex || is_unassigned(&value) {
        return match normalize::value(attribute, value, reading, path)? {
            Some(value) => {
                map.insert(attribute.name.to_owned(), value);
                Ok(())
            }
            None if attribute.is_always_assigned() && !attribute.required && reading.is_lenient() => {
                reading.note(NoteCode::NoValue, path);
                Ok(())
            }
            None => target.unassign(map),
        };
    }
    let object = normalize::object(attribute, value, path)?;
    inside(map, attribute.name, |inner| {
        for (name, value) in object {
            let found = reading.check(normalize::sub_attribute(attribute, &name, reading, path)).flatten();
            let Some(sub_attribute) = found else { continue };
            let path = format!("{path}.{}", sub_attribute.name);
            if sub_attribute.mutability == Mutability::ReadOnly {
                reading.ignored_read_only(&path, &value);
                continue;
            }
            reading.check(write(inner, Target { attribute: sub_attribute, path: &path, ..target }, value));
        }
        Ok(())
    })
}

/// Writes inside the object named `name`, which is created when absent and removed when it becomes empty.
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
