//! The body of a POST or PUT (RFC 7644, sections 3.3 and 3.5.1) as a native body.

use crate::domain::scim::error::excerpt;
use crate::domain::scim::normal::{self, is_unassigned, refuse_twins, unknown};
use crate::domain::scim::patch::member_ids;
use crate::domain::scim::resource_type::is_urn;
use crate::domain::scim::schema::{Definition, Mutability, Schema};
use crate::domain::scim::{Profile, ResourceType, ScimError, ScimType};
use serde_json::{Map, Value};
use uuid::Uuid;

/// What a body says, in the native vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Body {
    /// Attributes under their native names: the native reader says whether their values are good.
    pub(super) native: Map<String, Value>,
    /// The members of a group; none when the body does not name them.
    pub(super) members: Option<Vec<Uuid>>,
}

/// Reads a body. Names have no case; what is read-only is ignored, and so is a password; what is unassigned is not there.
///
/// # Errors
/// `invalidSyntax` for an attribute that no schema has, and `invalidValue` for a value of another type than its
/// attribute's.
pub(super) fn read(kind: ResourceType, sent: Value, profile: Profile) -> Result<Body, ScimError> {
    let Value::Object(map) = sent else {
        return Err(ScimType::InvalidSyntax.error("the body must be an object"));
    };
    refuse_twins(&map, "the body")?;
    check_schemas(kind, &map, profile)?;
    let mut reader =
        Reader { profile, body: Body { native: Map::new(), members: None }, extensions: Map::new() };
    for (name, value) in map {
        match (kind.attribute(&name), kind.extension(&name)) {
            (Some(attribute), _) => reader.attribute(attribute, value)?,
            (None, Some(extension)) => reader.extension(extension, value)?,
            (None, None) if is_urn(&name) => reader.foreign(name, value)?,
            (None, None) => return Err(unknown(&name)),
        }
    }
    Ok(reader.finish())
}

struct Reader {
    profile: Profile,
    body: Body,
    extensions: Map<String, Value>,
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
        let value = normal::value(attribute, value, self.profile, name)?;
        if attribute.mutability != Mutability::WriteOnly {
            self.body.native.extend(value.map(|value| (name.to_owned(), value)));
        }
        Ok(())
    }

    /// Of the known extensions, the native API has that of users as an object.
    fn extension(&mut self, extension: &'static Schema, value: Value) -> Result<(), ScimError> {
        let values = match value {
            value if is_unassigned(&value) => return Ok(()),
            Value::Object(values) => values,
            _ => return Err(no_object(extension.id)),
        };
        refuse_twins(&values, extension.id)?;
        let mut native = Map::new();
        for (name, value) in values {
            // Some clients say there too what the extension is.
            if name.eq_ignore_ascii_case("schemas") {
                continue;
            }
            let path = || format!("{}:{name}", extension.id);
            let attribute = extension.attribute(&name).ok_or_else(|| unknown(&path()))?;
            let value = normal::value(attribute, value, self.profile, &path())?;
            native.extend(value.map(|value| (attribute.name.to_owned(), value)));
        }
        self.body.native.insert("enterprise".to_owned(), native.into());
        Ok(())
    }

    fn foreign(&mut self, urn: String, value: Value) -> Result<(), ScimError> {
        if is_unassigned(&value) {
            return Ok(());
        }
        if !value.is_object() {
            return Err(no_object(&urn));
        }
        self.extensions.extend(assigned(&value).map(|own| (urn, own.into())));
        Ok(())
    }

    fn finish(mut self) -> Body {
        if !self.extensions.is_empty() {
            self.body.native.insert("extensions".to_owned(), self.extensions.into());
        }
        self.body
    }
}

/// The attributes of an extension that are assigned, if any is (RFC 7643, section 2.5).
pub(super) fn assigned(extension: &Value) -> Option<Map<String, Value>> {
    let own = extension.as_object()?.iter().filter(|(_, value)| !is_unassigned(value));
    let own: Map<_, _> = own.map(|(name, value)| (name.clone(), value.clone())).collect();
    (!own.is_empty()).then_some(own)
}

/// `schemas` may name more than is here: Entra ID does. Strictly, it must name the core schema.
fn check_schemas(kind: ResourceType, map: &Map<String, Value>, profile: Profile) -> Result<(), ScimError> {
    let sent = map.iter().find(|(name, _)| name.eq_ignore_ascii_case("schemas"));
    let urns: &[Value] = match sent.map(|(_, value)| value) {
        None | Some(Value::Null) => &[],
        Some(Value::Array(urns)) if urns.iter().all(Value::is_string) => urns,
        Some(_) => return Err(ScimType::InvalidSyntax.error("schemas must be a list of URNs")),
    };
    let core = kind.schema().id;
    let is_core = |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(core));
    if profile == Profile::Lenient || urns.iter().any(is_core) {
        return Ok(());
    }
    Err(ScimType::InvalidSyntax.error(format!("schemas must name {core}")))
}

fn no_object(urn: &str) -> ScimError {
    ScimType::InvalidValue.error(format!("{} must be an object", excerpt(urn)))
}
