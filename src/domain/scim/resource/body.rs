//! Translates the body of a POST or PUT (RFC 7644, sections 3.3 and 3.5.1) into a native body.

use crate::domain::excerpt;
use crate::domain::fields::FieldError;
use crate::domain::scim::from_field_errors;
use crate::domain::scim::normalize::{self, is_unassigned, reject_duplicate_names, unknown_attribute};
use crate::domain::scim::patch::member_ids;
use crate::domain::scim::resource_type::is_urn;
use crate::domain::scim::schema::{Definition, Mutability, Schema};
use crate::domain::scim::{Profile, ResourceType, ScimError, ScimType};
use serde_json::{Map, Value};
use uuid::Uuid;

/// A body in the native vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Body {
    /// The attributes under their native names. Their values have the right types but are not validated otherwise.
    pub(super) native: Map<String, Value>,
    /// The members of a group; `None` when the body does not contain `members`.
    pub(super) members: Option<Vec<Uuid>>,
}

/// Translates a body. Names are case-insensitive. Read-only attributes, passwords and unassigned values are left out.
///
/// # Errors
/// `invalidSyntax` for an attribute that no schema defines, and `invalidValue` for a value of the wrong type.
pub(super) fn read(kind: ResourceType, body: Value, profile: Profile) -> Result<Body, ScimError> {
    let Value::Object(map) = body else {
        return Err(ScimType::InvalidSyntax.error("The body must be an object."));
    };
    reject_duplicate_names(&map, "the body")?;
    check_schemas(kind, &map, profile)?;
    let body = Body { native: Map::new(), members: None };
    let mut reader = Reader { profile, body, unknown_extensions: Map::new() };
    for (name, value) in map {
        match (kind.attribute(&name), kind.extension(&name)) {
            (Some(attribute), _) => reader.attribute(attribute, value)?,
            (None, Some(extension)) => reader.extension(extension, value)?,
            (None, None) if is_urn(&name) => reader.unknown_extension(name, value)?,
            (None, None) => return Err(unknown_attribute(&name)),
        }
    }
    Ok(reader.finish())
}

/// Validates a native body with the rules of the native API, and reports errors in SCIM's vocabulary.
pub(super) fn validate<D>(
    native: Map<String, Value>,
    read: impl FnOnce(Value) -> Result<D, Vec<FieldError>>,
) -> Result<D, ScimError> {
    read(native.clone().into()).map_err(|errors| from_field_errors(&errors, &native))
}

struct Reader {
    profile: Profile,
    body: Body,
    /// Extensions without a schema in Roster, by URN.
    unknown_extensions: Map<String, Value>,
}

impl Reader {
    fn attribute(&mut self, attribute: &Definition, value: Value) -> Result<(), ScimError> {
        let name = attribute.name;
        if attribute.mutability == Mutability::ReadOnly {
            return Ok(());
        }
        if name == "members" {
            self.body.members = Some(member_ids(attribute, value, self.profile)?);
            return Ok(());
        }
        let value = normalize::value(attribute, value, self.profile, name)?;
        if attribute.mutability != Mutability::WriteOnly {
            self.body.native.extend(value.map(|value| (name.to_owned(), value)));
        }
        Ok(())
    }

    /// The enterprise extension is the only known one. The native API has it as an object.
    fn extension(&mut self, extension: &'static Schema, value: Value) -> Result<(), ScimError> {
        let values = match value {
            value if is_unassigned(&value) => return Ok(()),
            Value::Object(values) => values,
            _ => return Err(not_an_object(extension.id)),
        };
        reject_duplicate_names(&values, extension.id)?;
        let mut native = Map::new();
        for (name, value) in values {
            // Some clients repeat `schemas` inside the extension.
            if name.eq_ignore_ascii_case("schemas") {
                continue;
            }
            let path = || format!("{}:{name}", extension.id);
            let attribute = extension.attribute(&name).ok_or_else(|| unknown_attribute(&path()))?;
            let value = normalize::value(attribute, value, self.profile, &path())?;
            native.extend(value.map(|value| (attribute.name.to_owned(), value)));
        }
        self.body.native.insert("enterprise".to_owned(), native.into());
        Ok(())
    }

    fn unknown_extension(&mut self, urn: String, value: Value) -> Result<(), ScimError> {
        if is_unassigned(&value) {
            return Ok(());
        }
        if !value.is_object() {
            return Err(not_an_object(&urn));
        }
        self.unknown_extensions.extend(assigned(&value).map(|attributes| (urn, attributes.into())));
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
fn check_schemas(kind: ResourceType, map: &Map<String, Value>, profile: Profile) -> Result<(), ScimError> {
    let schemas = map.iter().find(|(name, _)| name.eq_ignore_ascii_case("schemas"));
    let urns: &[Value] = match schemas.map(|(_, value)| value) {
        None | Some(Value::Null) => &[],
        Some(Value::Array(urns)) if urns.iter().all(Value::is_string) => urns,
        Some(_) => return Err(ScimType::InvalidSyntax.error("schemas must be a list of URNs.")),
    };
    let core = kind.schema().id;
    let is_core = |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(core));
    if profile == Profile::Lenient || urns.iter().any(is_core) {
        return Ok(());
    }
    Err(ScimType::InvalidSyntax.error(format!("schemas must contain {core}.")))
}

fn not_an_object(urn: &str) -> ScimError {
    ScimType::InvalidValue.error(format!("{} must be an object.", excerpt(urn)))
}
