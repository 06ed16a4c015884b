//! Schemas as `/Schemas` shows them (RFC 7643, section 7 and 8.7).

use super::{Definition, Schema, Type};
use crate::domain::scim::urn;
use serde_json::{Map, Value, json};

impl Schema {
    /// The schema as a resource of the service at `base`. It says nothing with null.
    #[must_use]
    pub fn shown(&self, base: &str) -> Value {
        json!({
            "schemas": [urn::SCHEMA],
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "attributes": self.attributes.iter().map(attribute).collect::<Vec<_>>(),
            "meta": { "resourceType": "Schema", "location": format!("{base}/Schemas/{}", self.id) },
        })
    }
}

fn attribute(definition: &Definition) -> Value {
    let mut shown = Map::new();
    let mut say = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    say("name", definition.name.into());
    say("type", definition.kind.to_string().into());
    say("multiValued", definition.multi_valued.into());
    say("description", definition.description.into());
    say("required", definition.required.into());
    if matches!(definition.kind, Type::String | Type::Reference | Type::Binary) {
        say("caseExact", definition.case_exact.into());
    }
    say("mutability", definition.mutability.to_string().into());
    say("returned", definition.returned.to_string().into());
    say("uniqueness", definition.uniqueness.to_string().into());
    if !definition.canonical_values.is_empty() {
        say("canonicalValues", definition.canonical_values.into());
    }
    if !definition.reference_types.is_empty() {
        say("referenceTypes", definition.reference_types.into());
    }
    if !definition.parts.is_empty() {
        say("subAttributes", definition.parts.iter().map(attribute).collect());
    }
    shown.into()
}
