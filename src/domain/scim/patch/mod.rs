//! PATCH (RFC 7644, section 3.5.2) as a pure function of a resource. A request is applied in full or not at all.

mod attribute;
mod list;
mod members;
#[cfg(test)]
mod properties;
mod request;
mod selection;
mod target;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_lists;
#[cfg(test)]
mod tests_members;
mod unknown_extension;

pub(super) use members::ids as member_ids;
pub use request::{Op, Operation, read};

use super::intent;
use super::normalize::{self, duplicate_name, is_unassigned, reject_duplicate_names};
use super::path::{AttributePath, Path, no_attribute};
use super::reading::{NoteCode, Reading};
use super::schema::{Mutability, Schema};
use super::{Profile, ResourceType, ScimError, ScimType};
use crate::domain::member::MembershipEdit;
use attribute::inside;
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// The result of a PATCH.
#[derive(Clone, Debug, PartialEq)]
pub struct Patched {
    /// The attributes. Computed attributes, such as `schemas` and the display name of a manager, are not updated.
    pub resource: Map<String, Value>,
    /// The changes to a group's members. They are independent of the stored members, which are rows and are not loaded;
    /// the database checks that the ids belong to users.
    pub members: MembershipEdit,
}

/// The maximum total size of the operations on attributes, in bytes. It equals the maximum size of a user.
const BYTE_BUDGET: usize = 64 * 1024;

/// An operation on a list reads the whole list. It is charged one byte of the budget for this many bytes of the list.
const LIST_BYTES_PER_CHARGE: usize = 64;

/// Applies operations to a resource as [`resource`](super::resource) renders it without members. Errors are recorded in
/// `reading`; if there are any, the result must not be used.
pub fn apply(
    kind: ResourceType,
    resource: &Map<String, Value>,
    operations: &[Operation],
    reading: &Reading,
) -> Patched {
    let patched = Patched { resource: resource.clone(), members: MembershipEdit::default() };
    let mut patch = Patch { kind, reading, patched, budget: BYTE_BUDGET, written: HashSet::new() };
    for operation in operations {
        reading.check(patch.apply(operation));
    }
    if reading.is_lenient() {
        patch.drop_elements_without_value(resource);
    }
    patch.patched
}

/// The users that operations on a group add as members.
pub fn added_members(operations: &[Operation]) -> BTreeSet<Uuid> {
    let reading = Reading::new(Profile::Lenient);
    apply(ResourceType::Group, &Map::new(), operations, &reading).members.added().clone()
}

struct Patch<'r> {
    kind: ResourceType,
    reading: &'r Reading,
    patched: Patched,
    /// The bytes that further operations may use.
    budget: usize,
    /// The attributes that the current operation has written. A client can send an attribute under several names.
    written: HashSet<String>,
}

impl Patch<'_> {
    fn apply(&mut self, operation: &Operation) -> Result<(), ScimError> {
        let Operation { op, path, value } = operation;
        self.written.clear();
        match (path, op) {
            (Some(path), _) => self.apply_at(*op, path, value.as_ref(), Naming::Path),
            (None, Op::Remove) => Err(ScimType::NoTarget.error("A remove operation must have a path.")),
            (None, _) => self.apply_without_path(*op, require_value(value.as_ref(), "the resource")?),
        }
    }

    /// Applies an operation whose value is an object of attributes. As Entra ID sends them, its keys can be full paths.
    fn apply_without_path(&mut self, op: Op, value: &Value) -> Result<(), ScimError> {
        let Value::Object(map) = intent::object(value.clone(), self.reading, "value") else {
            let detail = "The value of an operation without a path must be an object.";
            return Err(ScimType::InvalidValue.error(detail));
        };
        reject_duplicate_names(&map, "the value")?;
        for (name, value) in &map {
            // The client sent no path, so the lenient profile ignores an invalid key, as it does in the body of a POST.
            // In the strict profile, the key is a syntax error.
            let applied = self.apply_at(op, name, Some(value), Naming::Key);
            self.reading.check(applied.or_else(|error| match error.scim_type {
                Some(ScimType::InvalidPath) if self.reading.is_lenient() => self.reading.unknown(name),
                Some(ScimType::InvalidPath) => Err(error.with_type(ScimType::InvalidSyntax)),
                _ => Err(error),
            }));
        }
        Ok(())
    }

    fn apply_at(
        &mut self,
        op: Op,
        path: &str,
        value: Option<&Value>,
        naming: Naming,
    ) -> Result<(), ScimError> {
        let is_object = value.is_some_and(Value::is_object);
        let profile = self.reading.profile();
        let parsed = Path::parse(path, self.kind, &self.patched.resource, is_object, profile)?;
        if let Path::Attribute(path) = &parsed
            && path.attribute.name == "members"
        {
            return members::apply(path, op, value, self.reading, &mut self.patched.members);
        }
        let stored = match &parsed {
            Path::Attribute(path) => {
                !matches!(path.attribute.mutability, Mutability::ReadOnly | Mutability::WriteOnly)
            }
            // The attributes of the core schema are charged one by one.
            Path::Core | Path::Unknown => false,
            Path::Extension(_) | Path::UnknownExtension(_) => true,
        };
        self.charge(16 + path.len() + value.filter(|_| stored).map_or(0, json_size))?;
        match parsed {
            Path::Attribute(path) => self.attribute(op, &path, value),
            Path::Core if op == Op::Remove || !self.reading.is_lenient() => Err(no_attribute(path)),
            Path::Core => {
                self.reading.note(NoteCode::Converted, path);
                self.apply_without_path(op, require_value(value, path)?)
            }
            Path::Extension(extension) => self.extension(op, extension, value),
            Path::UnknownExtension(extension) => {
                let resource = &mut self.patched.resource;
                let written = unknown_extension::apply(resource, &extension, op, value, self.reading);
                let is_ignored = naming == Naming::Key && self.reading.is_lenient();
                written.or_else(|error| if is_ignored { self.reading.unknown(path) } else { Err(error) })
            }
            Path::Unknown if naming == Naming::Key => self.reading.unknown(path),
            Path::Unknown => Err(no_attribute(path)),
        }
    }

    /// Charges the budget, which bounds the cost of a request.
    fn charge(&mut self, bytes: usize) -> Result<(), ScimError> {
        let budget = self.budget.checked_sub(bytes);
        self.budget = budget.unwrap_or(0);
        budget.map(drop).ok_or_else(|| {
            let detail = "The operations on attributes exceed 64 KiB in total, where each operation on a list also \
                          counts 1/64 of the list's size. Split the request.";
            ScimType::InvalidValue.error(detail)
        })
    }

    fn attribute(
        &mut self,
        op: Op,
        path: &AttributePath<'_>,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        let name = path.name();
        if path.value_filter.is_none() && !self.written.insert(name.clone()) {
            return Err(duplicate_name(&name, "the value"));
        }
        match path.attribute.mutability {
            Mutability::ReadOnly => return self.read_only(op, path, value),
            Mutability::WriteOnly if op == Op::Remove => return Ok(()),
            Mutability::WriteOnly => {
                let value = require_value(value, &name)?.clone();
                return normalize::value(path.attribute, value, self.reading, &name).map(drop);
            }
            _ => {}
        }
        if path.sub_attribute.is_some_and(|inner| inner.mutability == Mutability::ReadOnly) {
            return self.reading.read_only(&name);
        }
        if path.attribute.multi_valued && path.sub_attribute.is_some() && path.value_filter.is_none() {
            // The RFC has no paths to a sub-attribute of all elements, and repeating such an operation after adding
            // elements would have a different effect.
            let example = path.attribute.name;
            let detail = format!(
                "{name} requires a filter that selects the values, such as {example}[type eq \"work\"]."
            );
            return Err(ScimType::InvalidPath.error(detail));
        }
        if path.attribute.multi_valued {
            let list = self.patched.resource.get(path.attribute.name);
            self.charge(list.map_or(0, json_size) / LIST_BYTES_PER_CHARGE)?;
        }
        let value = if op == Op::Remove { value } else { Some(require_value(value, &name)?) };
        let reading = self.reading;
        self.in_schema(path.extension, |map| attribute::apply(map, path, op, value, reading))
    }

    /// Accepts a read-only attribute when the value is unchanged, and any value of `schemas`, which is computed. In the
    /// lenient profile, other values are ignored and noted.
    fn read_only(&self, op: Op, path: &AttributePath<'_>, value: Option<&Value>) -> Result<(), ScimError> {
        let (name, writes) = (path.attribute.name, op != Op::Remove && path.sub_attribute.is_none());
        let unchanged = value.is_some() && self.patched.resource.get(name) == value;
        if writes && (unchanged || name == "schemas") { Ok(()) } else { self.reading.read_only(&path.name()) }
    }

    /// Treats an extension like a complex attribute: attributes that the value does not contain stay unchanged.
    fn extension(
        &mut self,
        op: Op,
        extension: &'static Schema,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        let value = match op {
            Op::Remove => Value::Null,
            _ => intent::object(require_value(value, extension.id)?.clone(), self.reading, extension.id),
        };
        if is_unassigned(&value) {
            self.patched.resource.remove(extension.id);
            return Ok(());
        }
        let Value::Object(values) = value else {
            return Err(ScimType::InvalidValue.error(format!("{} must be an object.", extension.id)));
        };
        reject_duplicate_names(&values, extension.id)?;
        for (name, value) in values.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("schemas")) {
            let written = match extension.attribute(name) {
                None => self.reading.unknown(&format!("{}:{name}", extension.id)),
                Some(attribute) => {
                    let extension = Some(extension);
                    let path =
                        AttributePath { extension, attribute, value_filter: None, sub_attribute: None };
                    self.attribute(op, &path, Some(value))
                }
            };
            self.reading.check(written);
        }
        Ok(())
    }

    /// Drops list elements that the request added or changed and that have no value. If such an element had become
    /// primary, the element that was primary before is primary again.
    fn drop_elements_without_value(&mut self, before: &Map<String, Value>) {
        let lists = self.kind.schema().attributes.iter().filter(|attribute| attribute.multi_valued);
        for definition in lists {
            let Some(Value::Array(items)) = self.patched.resource.get_mut(definition.name) else { continue };
            let before = before.get(definition.name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let had_primary = list::has_primary(items);
            normalize::retain_elements(definition, items, before, self.reading);
            if had_primary && !list::has_primary(items) {
                list::restore_primary(definition, items, before);
            }
            if items.is_empty() {
                self.patched.resource.remove(definition.name);
            }
        }
    }

    /// Writes attributes of the core schema, or of an extension inside its object.
    fn in_schema(
        &mut self,
        extension: Option<&'static Schema>,
        write: impl FnOnce(&mut Map<String, Value>) -> Result<(), ScimError>,
    ) -> Result<(), ScimError> {
        match extension {
            Some(extension) => inside(&mut self.patched.resource, extension.id, write),
            None => write(&mut self.patched.resource),
        }
    }
}

/// How a client names an attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// The path of an operation.
    Path,
    /// A key of a value without a path.
    Key,
}

/// The value of an `add` or `replace`. It can be null but not absent.
fn require_value<'v>(value: Option<&'v Value>, name: &str) -> Result<&'v Value, ScimError> {
    value.ok_or_else(|| ScimType::InvalidValue.error(format!("The operation on {name} must have a value.")))
}

/// The approximate size of a value in JSON, in bytes.
fn json_size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 3,
        Value::Array(items) => 2 + items.iter().map(json_size).sum::<usize>(),
        Value::Object(map) => {
            2 + map.iter().map(|(name, value)| name.len() + 4 + json_size(value)).sum::<usize>()
        }
        _ => 4,
    }
}
