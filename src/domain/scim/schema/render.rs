//! The representation of schemas at `/Schemas` (RFC 7643, sections 7 and 8.7).

use super::{Definition, Schema, Type};
use crate::domain::scim::urn;
use serde_json::{Map, Value, json};

impl Schema {
    /// Renders the schema as a resource of the service at `base`. Characteristics without a value are omitted rather than
    /// null.
    pub fn render(&self, base: &str) -> Value {
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
    let mut rendered = Map::new();
    let mut set = |name: &str, value: Value| rendered.insert(name.to_owned(), value);
    set("name", definition.name.into());
    set("type", definition.kind.to_string().into());
    set("multiValued", definition.multi_valued.into());
    set("description", definition.description.into());
    set("required", definition.required.into());
    if matches!(definition.kind, Type::String | Type::Reference | Type::Binary) {
        set("caseExact", definition.case_exact.into());
    }
    set("mutability", definition.mutability.to_string().into());
    set("returned", definition.returned.to_string().into());
    set("uniqueness", definition.uniqueness.to_string().into());
    if !definition.canonical_values.is_empty() {
        set("canonicalValues", definition.canonical_values.into());
    }
    if !definition.reference_types.is_empty() {
        set("referenceTypes", definition.reference_types.into());
    }
    if !definition.sub_attributes.is_empty() {
        set("subAttributes", definition.sub_attributes.iter().map(attribute).collect());
    }
    rendered.into()
}
