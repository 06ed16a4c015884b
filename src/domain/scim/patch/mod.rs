//! PATCH (RFC 7644, section 3.5.2) as a function of a resource: the whole request, or nothing of it.

mod attribute;
mod foreign;
mod list;
mod members;
#[cfg(test)]
mod properties;
mod request;
mod selection;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_members;

pub(super) use members::ids as member_ids;
pub use request::{Operation, Verb, read};

use super::normal::{self, is_unassigned, refuse_twins, unknown};
use super::path::{AttributePath, Path};
use super::schema::{Mutability, Schema};
use super::{Profile, ResourceType, ScimError, ScimType};
use crate::domain::member::Membership;
use attribute::inside;
use serde_json::{Map, Value};

/// What becomes of a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Patched {
    /// Its attributes. What is computed is as it was: `schemas`, and what is shown of a new manager.
    pub resource: Map<String, Value>,
    /// What becomes of a group's members, whoever they are: they are rows, never a list at hand. Whether an id is a user's
    /// is for the database to say.
    pub members: Membership,
}

/// How much operations on attributes may have to say, in bytes: as much as a user may have.
const LIMIT: usize = 64 * 1024;

/// To look at so many bytes of a list is as much as to say one: an operation on a list looks at all of it.
const LOOK: usize = 64;

/// Carries out operations on a resource as [`resource`](super::resource) shows it, without its members.
///
/// # Errors
/// The first operation that cannot be carried out says why: then nothing is.
pub fn apply(
    kind: ResourceType,
    resource: &Map<String, Value>,
    operations: &[Operation],
    profile: Profile,
) -> Result<Patched, ScimError> {
    let patched = Patched { resource: resource.clone(), members: Membership::default() };
    let mut patch = Patch { kind, profile, patched, room: LIMIT };
    operations.iter().try_for_each(|operation| patch.carry_out(operation))?;
    Ok(patch.patched)
}

struct Patch {
    kind: ResourceType,
    profile: Profile,
    patched: Patched,
    /// How many bytes operations may still say.
    room: usize,
}

impl Patch {
    fn carry_out(&mut self, operation: &Operation) -> Result<(), ScimError> {
        let Operation { verb, path, value } = operation;
        match (path, verb) {
            (Some(path), _) => self.at(*verb, path, value.as_ref()),
            (None, Verb::Remove) => Err(ScimType::NoTarget.error("remove needs a path")),
            (None, _) => self.everywhere(*verb, needed(value.as_ref(), "the resource")?),
        }
    }

    /// Without a path the value names what is written; a name may be a whole path, as Entra ID sends it.
    fn everywhere(&mut self, verb: Verb, value: &Value) -> Result<(), ScimError> {
        let Value::Object(map) = value else {
            return Err(ScimType::InvalidValue.error("without a path, the value must be an object"));
        };
        refuse_twins(map, "the value")?;
        map.iter().try_for_each(|(name, value)| {
            // What is wrong with a name is not wrong with a path that was sent.
            self.at(verb, name, Some(value)).map_err(|error| match error.scim_type {
                Some(ScimType::InvalidPath) => error.with_type(ScimType::InvalidSyntax),
                _ => error,
            })
        })
    }

    fn at(&mut self, verb: Verb, path: &str, value: Option<&Value>) -> Result<(), ScimError> {
        let whole = value.is_some_and(Value::is_object);
        let read = Path::read(path, self.kind, &self.patched.resource, whole, self.profile)?;
        if let Path::Attribute(AttributePath { attribute, part, brackets, .. }) = &read
            && attribute.name == "members"
        {
            let (brackets, members) = (brackets.as_ref(), &mut self.patched.members);
            return members::change(attribute, brackets, *part, verb, value, self.profile, members);
        }
        self.weigh(path, value)?;
        match read {
            Path::Attribute(path) => self.attribute(verb, &path, value),
            Path::Extension(extension) => self.extension(verb, extension, value),
            Path::Foreign(path) => foreign::write(&mut self.patched.resource, &path, verb, value),
        }
    }

    /// What operations cost is bounded by what they say.
    fn weigh(&mut self, path: &str, value: Option<&Value>) -> Result<(), ScimError> {
        self.spend(16 + path.len() + value.map_or(0, weight))
    }

    fn spend(&mut self, bytes: usize) -> Result<(), ScimError> {
        let room = self.room.checked_sub(bytes);
        self.room = room.ok_or_else(|| {
            let detail = "the operations on attributes must have at most 64 KiB together, \
                          of which each takes a byte for 64 of a list that it changes";
            ScimType::InvalidValue.error(detail)
        })?;
        Ok(())
    }

    fn attribute(
        &mut self,
        verb: Verb,
        path: &AttributePath<'_>,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        let name = path.name();
        match path.attribute.mutability {
            Mutability::ReadOnly => return self.computed(verb, path, value),
            Mutability::WriteOnly if verb == Verb::Remove => return Ok(()),
            Mutability::WriteOnly => {
                let sent = needed(value, &name)?.clone();
                return normal::value(path.attribute, sent, self.profile, &name).map(drop);
            }
            _ => {}
        }
        if path.part.is_some_and(|part| part.mutability == Mutability::ReadOnly) {
            return Err(read_only(&name));
        }
        if path.attribute.multi_valued && path.part.is_some() && path.brackets.is_none() {
            // A part of all elements at once is nothing that the RFC has paths for, and written twice, with elements
            // added between, it would not be the same as once.
            return Err(
                ScimType::InvalidPath.error(format!("{name} must say in brackets which elements are meant"))
            );
        }
        if path.attribute.multi_valued {
            self.spend(self.patched.resource.get(path.attribute.name).map_or(0, weight) / LOOK)?;
        }
        let value = if verb == Verb::Remove { value } else { Some(needed(value, &name)?) };
        let profile = self.profile;
        self.within(path.extension, |map| attribute::change(map, path, verb, value, profile))
    }

    /// What Roster computes may be sent as it is; `schemas` follows from what else is there.
    fn computed(&self, verb: Verb, path: &AttributePath<'_>, value: Option<&Value>) -> Result<(), ScimError> {
        let (name, writes) = (path.attribute.name, verb != Verb::Remove && path.part.is_none());
        let same = value.is_some() && self.patched.resource.get(name) == value;
        if writes && (same || name == "schemas") { Ok(()) } else { Err(read_only(&path.name())) }
    }

    /// All of an extension at once is like a complex attribute: parts that are not said stay.
    fn extension(
        &mut self,
        verb: Verb,
        extension: &'static Schema,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        if verb == Verb::Remove || is_unassigned(needed(value, extension.id)?) {
            self.patched.resource.remove(extension.id);
            return Ok(());
        }
        let Some(Value::Object(values)) = value else {
            return Err(ScimType::InvalidValue.error(format!("{} must be an object", extension.id)));
        };
        refuse_twins(values, extension.id)?;
        for (name, value) in values.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("schemas")) {
            let attribute =
                extension.attribute(name).ok_or_else(|| unknown(&format!("{}:{name}", extension.id)))?;
            let path = AttributePath { extension: Some(extension), attribute, brackets: None, part: None };
            self.attribute(verb, &path, Some(value))?;
        }
        Ok(())
    }

    /// Writes among the attributes of the core schema or of an extension.
    fn within(
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

/// The value that `add` and `replace` must have; null is one.
fn needed<'v>(value: Option<&'v Value>, name: &str) -> Result<&'v Value, ScimError> {
    value.ok_or_else(|| ScimType::InvalidValue.error(format!("the operation on {name} needs a value")))
}

fn read_only(name: &str) -> ScimError {
    ScimType::Mutability.error(format!("{name} is read-only"))
}

/// About as many bytes as the value has in JSON.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 3,
        Value::Array(items) => 2 + items.iter().map(weight).sum::<usize>(),
        Value::Object(map) => {
            2 + map.iter().map(|(name, value)| name.len() + 4 + weight(value)).sum::<usize>()
        }
        _ => 4,
    }
}
