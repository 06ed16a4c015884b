//! The values of a line for a user or a group.

use super::Match;
use crate::domain::NATIVE_SOURCE;
use crate::domain::fields::FieldError;
use crate::domain::json::to_map;
use crate::domain::merge_patch::apply_patch;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The values of a line for a user or a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// The id.
    pub id: Option<Uuid>,
    /// The attributes.
    pub(super) attributes: Map<String, Value>,
    /// How the attributes change an existing resource.
    pub(super) form: Form,
    /// The externalIds of all sources. `None` if the line can only have that of the source `native`, as an attribute.
    pub external_ids: Option<BTreeMap<String, String>>,
    /// The names of the groups to which the user is added.
    pub groups: Vec<String>,
}

/// The form of the attributes. Attributes that a line does not name keep their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A line of an export: each attribute replaces the stored one.
    Export,
    /// A JSON Merge Patch (RFC 7396).
    Patch,
    /// A record of CSV: a JSON Merge Patch whose lists have one element.
    Record,
}

impl Values {
    /// The attribute by which a resource is found if the import does not specify one.
    #[must_use]
    pub fn usual_match(&self) -> Match {
        if self.form == Form::Export { Match::Id } else { Match::UserName }
    }

    /// The value of a text attribute.
    fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str)
    }

    /// The userName.
    #[must_use]
    pub fn user_name(&self) -> Option<&str> {
        self.text("userName")
    }

    /// The externalId of the source `native`.
    #[must_use]
    pub fn external_id(&self) -> Option<&str> {
        match &self.external_ids {
            Some(ids) => ids.get(NATIVE_SOURCE).map(String::as_str),
            None => self.text("externalId"),
        }
    }

    /// Reads a new resource with `read`.
    ///
    /// # Errors
    /// The errors of `read`.
    pub fn create<T>(
        &self,
        read: impl FnOnce(Value) -> Result<T, Vec<FieldError>>,
    ) -> Result<T, Vec<FieldError>> {
        let mut attributes = self.attributes.clone();
        if self.form != Form::Export {
            // An update is a merge patch, which removes nulls. If a creation kept them, repeating an import would change
            // something.
            for name in ["custom", "extensions"] {
                if let Some(value) = attributes.get_mut(name) {
                    let patch = value.take();
                    json_patch::merge(value, &patch);
                }
            }
        }
        read(attributes.into()).map_err(|errors| self.located(errors))
    }

    /// Applies the attributes to the representation of an existing resource, and reads the result with `read`.
    ///
    /// # Errors
    /// The errors of `read`, and those of a merge patch.
    pub fn update<T>(
        &self,
        representation: &impl Serialize,
        read: impl FnOnce(Value) -> Result<T, Vec<FieldError>>,
    ) -> Result<T, Vec<FieldError>> {
        match self.form {
            Form::Export => {
                let mut attributes = to_map(representation);
                attributes.extend(self.attributes.clone());
                read(attributes.into()).map_err(|errors| self.located(errors))
            }
            Form::Patch => apply_patch(representation, &self.attributes.clone().into(), read),
            Form::Record => {
                let stored = to_map(representation);
                let mut patch = self.attributes.clone();
                patch.retain(|name, value| !stored.get(name).is_some_and(|list| has_element(list, value)));
                apply_patch(&stored, &patch.into(), read)
            }
        }
    }

    /// The errors with pointers into the line.
    fn located(&self, mut errors: Vec<FieldError>) -> Vec<FieldError> {
        if self.form == Form::Export {
            errors.iter_mut().for_each(|error| error.pointer.insert_str(0, "/after"));
        }
        errors
    }
}

/// Whether an element of a stored list has all values of the element that a record of CSV describes. The list then stays
/// as it is, because the record does not name the other elements and values.
fn has_element(stored: &Value, list: &Value) -> bool {
    let (Some(stored), Some(element)) = (stored.as_array(), list.get(0).and_then(Value::as_object)) else {
        return false;
    };
    stored.iter().any(|other| element.iter().all(|(name, value)| other.get(name) == Some(value)))
}
