//! Translates the body of a POST or PUT (RFC 7644, sections 3.3 and 3.5.1) into a native body.

use crate::domain::excerpt;
use crate::domain::fields::FieldError;
use crate::domain::scim::field_errors::from_field_error;
use crate::domain::scim::normalize::{self, duplicate_name, is_unassigned, reject_duplicate_names};
use crate::domain::scim::patch::member_ids;
use crate::domain::scim::reading::NoteCode;
use crate::domain::scim::resource_type::{is_built_in, is_urn, split_urn};
use crate::domain::scim::schema::{Definition, Mutability, Schema};
use crate::domain::scim::{Reading, ResourceType, ScimError, ScimType, intent};
use serde_json::{Map, Value, json};
use std::slice;
use uuid::Uuid;

/// A body in the native vocabulary.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Body {
    /// The attributes under their native names. Their values have the right types but are not validated otherwise.
    pub(super) native: Map<String, Value>,
    /// The valid ids of the members of a group.
    pub(super) members: Vec<Uuid>,
    /// The names of the attributes whose values are invalid.
    invalid: Vec<&'static str>,
}

/// Translates a body. Names are case-insensitive. Read-only attributes, passwords and unassigned values are left out.
/// Errors in attributes are recorded in `reading`: `invalidSyntax` for an attribute that no schema defines, unless it
/// is ignored, and `invalidValue` for a value of the wrong type.
///
/// # Errors
/// `invalidSyntax` for a body that is not an object of attributes.
pub(super) fn read(kind: ResourceType, body: Value, reading: &Reading) -> Result<Body, ScimError> {
    let Value::Object(map) = intent::object(body, reading, "the body") else {
        return Err(ScimType::InvalidSyntax.error("The body must be an object."));
    };
    reject_duplicate_names(&map, "the body")?;
    check_schemas(kind, &map, reading)?;
    let mut reader = Reader { kind, reading, body: Body::default(), unknown_extensions: Map::new() };
    for (name, value) in map {
        let read = reader.member(&name, value);
        reading.check(read);
    }
    Ok(reader.finish())
}

impl Body {
    /// Validates the native body with the rules of the native API, and reports all errors with SCIM names.
    pub(super) fn validate<D>(
        self,
        reading: &Reading,
        read: impl FnOnce(Value) -> Result<D, Vec<FieldError>>,
    ) -> Result<D, ScimError> {
        let mut errors = match read(self.native.clone().into()) {
            Ok(draft) => return reading.finish(Ok(draft)),
            Err(errors) => errors,
        };
        // A required attribute with an invalid value must not also be reported as missing.
        let is_invalid =
            |error: &FieldError| self.invalid.iter().any(|name| error.pointer == format!("/{name}"));
        errors.retain(|error| error.code != "required" || !is_invalid(error));
        errors.iter().for_each(|error| reading.record(from_field_error(error, &self.native)));
        Err(reading.error())
    }
}

struct Reader<'r> {
    kind: ResourceType,
    reading: &'r Reading,
    body: Body,
    /// Extensions without a schema in Roster, by URN.
    unknown_extensions: Map<String, Value>,
}

impl Reader<'_> {
    /// Reads a member of the body.
    fn member(&mut self, name: &str, value: Value) -> Result<(), ScimError> {
        match (self.kind.attribute(name), self.kind.extension(name)) {
            (Some(attribute), _) => self.attribute(attribute, value),
            (None, Some(extension)) => self.extension(extension, value),
            (None, None) if is_urn(name) => self.urn(name, value),
            (None, None) => match self.sub_attribute(name) {
                Some((attribute, inner)) => {
                    self.reading.note(NoteCode::Converted, name);
                    self.attribute(attribute, json!({ (inner): value }))
                }
                None => self.reading.unknown(name),
            },
        }
    }

    /// Splits a name such as `name.givenName`, as some clients flatten an object. The lenient profile accepts it.
    fn sub_attribute<'n>(&self, name: &'n str) -> Option<(&'static Definition, &'n str)> {
        let (outer, inner) = name.split_once('.').filter(|_| self.reading.is_lenient())?;
        let attribute = self.kind.attribute(outer).filter(|attribute| !attribute.multi_valued)?;
        attribute.sub_attribute(inner).map(|_| (attribute, inner))
    }

    fn attribute(&mut self, attribute: &'static Definition, value: Value) -> Result<(), ScimError> {
        let name = attribute.name;
        if attribute.mutability == Mutability::ReadOnly {
            if name != "schemas" {
                self.reading.ignored_read_only(name, &value);
            }
            return Ok(());
        }
        if name == "members" {
            self.body.members = member_ids(attribute, value, self.reading);
            return Ok(());
        }
        let value = normalize::value(attribute, value, self.reading, name);
        let value = value.inspect_err(|_| self.body.invalid.push(name))?;
        match value {
            Some(value) if attribute.mutability != Mutability::WriteOnly => self.insert(name, value),
            _ => Ok(()),
        }
    }

    /// Inserts a value, or the parts of an object, which a client can send under several names.
    fn insert(&mut self, name: &str, value: Value) -> Result<(), ScimError> {
        match (self.body.native.get_mut(name), value) {
            (None, value) => drop(self.body.native.insert(name.to_owned(), value)),
            (Some(Value::Object(known)), Value::Object(parts))
                if !parts.keys().any(|part| known.contains_key(part)) =>
            {
                known.extend(parts);
            }
            _ => return Err(duplicate_name(name, "the body")),
        }
        Ok(())
    }

    /// The enterprise extension is the only known one. The native API has it as an object.
    fn extension(&mut self, extension: &'static Schema, value: Value) -> Result<(), ScimError> {
        let values = match intent::object(value, self.reading, extension.id) {
            value if is_unassigned(&value) => return Ok(()),
            Value::Object(values) => values,
            _ => return Err(not_an_object(extension.id)),
        };
        reject_duplicate_names(&values, extension.id)?;
        let mut native = Map::new();
        // Some clients repeat `schemas` inside the extension.
        for (name, value) in values.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("schemas")) {
            let path = format!("{}:{name}", extension.id);
            let read = match extension.attribute(&name) {
                None => self.reading.unknown(&path).map(|()| None),
                Some(attribute) => normalize::value(attribute, value, self.reading, &path)
                    .map(|value| Some((attribute.name.to_owned(), value?))),
            };
            native.extend(self.reading.check(read).flatten());
        }
        self.insert("enterprise", native.into())
    }

    /// Reads a member whose name is a URN or starts with one. The lenient profile accepts an attribute under its full name,
    /// and the attributes of the core schema under its URN.
    fn urn(&mut self, name: &str, value: Value) -> Result<(), ScimError> {
        let split = split_urn(name, self.kind.urns()).filter(|_| self.reading.is_lenient());
        let Some((urn, attribute)) = split else { return self.unknown_extension(name, value) };
        match (self.kind.extension(urn), attribute) {
            (Some(extension), attribute) => {
                self.extension(extension, Map::from_iter([(attribute.to_owned(), value)]).into())
            }
            (None, "") => {
                let Value::Object(values) = intent::object(value, self.reading, urn) else {
                    return Err(not_an_object(urn));
                };
                self.reading.note(NoteCode::Converted, urn);
                for (name, value) in values {
                    let read = self.member(&name, value);
                    self.reading.check(read);
                }
                Ok(())
            }
            (None, attribute) => self.member(attribute, value),
        }
    }

    fn unknown_extension(&mut self, urn: &str, value: Value) -> Result<(), ScimError> {
        let value = intent::object(value, self.reading, urn);
        if is_unassigned(&value) {
            return Ok(());
        }
        if self.reading.is_lenient() && (is_built_in(urn) || !value.is_object()) {
            return self.reading.unknown(urn);
        }
        if !value.is_object() {
            return Err(not_an_object(urn));
        }
        let assigned = assigned(&value).map(|attributes| (urn.to_owned(), attributes.into()));
        self.unknown_extensions.extend(assigned);
        Ok(())
    }

    fn finish(mut self) -> Body {
        if !self.unknown_extensions.is_empty() {
            self.body.native.insert("extensions".to_owned(), self.unknown_extensions.into());
        }
        self.body
    }
}

/// The assigned attributes of an extension (RFC 7643, section 2.5); `None` when there are none.
pub(super) fn assigned(extension: &Value) -> Option<Map<String, Value>> {
    let assigned = extension.as_object()?.iter().filter(|(_, value)| !is_unassigned(value));
    let assigned: Map<_, _> = assigned.map(|(name, value)| (name.clone(), value.clone())).collect();
    (!assigned.is_empty()).then_some(assigned)
}

/// Checks `schemas`. Unknown URNs are accepted, since Entra ID sends one. The strict profile requires the core schema.
fn check_schemas(kind: ResourceType, map: &Map<String, Value>, reading: &Reading) -> Result<(), ScimError> {
    let schemas = map.iter().find(|(name, _)| name.eq_ignore_ascii_case("schemas"));
    let urns: &[Value] = match schemas.map(|(_, value)| value) {
        None | Some(Value::Null) => &[],
        Some(Value::Array(urns)) if urns.iter().all(Value::is_string) => urns,
        Some(urn @ Value::String(_)) if reading.is_lenient() => {
            reading.note(NoteCode::Converted, "schemas");
            slice::from_ref(urn)
        }
        Some(_) => return Err(ScimType::InvalidSyntax.error("schemas must be a list of URNs.")),
    };
    let core = kind.schema().id;
    let is_core = |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(core));
    if reading.is_lenient() && urns.is_empty() {
        reading.note(NoteCode::NoValue, "schemas");
    }
    if reading.is_lenient() || urns.iter().any(is_core) {
        return Ok(());
    }
    Err(ScimType::InvalidSyntax.error(format!("schemas must contain {core}.")))
}

fn not_an_object(urn: &str) -> ScimError {
    ScimType::InvalidValue.error(format!("{} must be an object.", excerpt(urn)))
}
