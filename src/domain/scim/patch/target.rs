//! The attribute that an operation writes.

use super::{Reading, ScimError, ScimType};
use crate::domain::scim::schema::Definition;
use serde_json::{Map, Value};

/// An attribute, and the way in which an operation writes it.
#[derive(Clone, Copy)]
pub(super) struct Target<'p> {
    pub(super) attribute: &'static Definition,
    /// Names the attribute in errors.
    pub(super) path: &'p str,
    /// Whether existing elements of a list stay, as with `add`.
    pub(super) appends: bool,
    pub(super) reading: &'p Reading,
}

impl Target<'_> {
    /// Removes the attribute, unless it must always have a value (RFC 7644, section 3.5.2.2).
    pub(super) fn unassign(self, map: &mut Map<String, Value>) -> Result<(), ScimError> {
        if self.attribute.is_always_assigned() {
            return Err(ScimType::Mutability.error(format!("{} cannot be removed.", self.path)));
        }
        map.remove(self.attribute.name);
        Ok(())
    }
}
