//! The schemas of the discovery resources, whose attributes are all read-only.

use super::{Definition, Schema, Type};
use crate::domain::scim::urn;

/// RFC 7643, section 5, with `pagination` from RFC 9865, section 4.
pub(super) fn service_provider_config() -> Schema {
    let attributes = vec![
        Definition::reference("documentationUri", &["external"], "The URL of the service's documentation."),
        feature("patch", "Support for PATCH.", vec![]),
        feature(
            "bulk",
            "Support for bulk requests.",
            vec![
                integer("maxOperations", "The maximum number of operations in a bulk request."),
                integer("maxPayloadSize", "The maximum size of a bulk request, in bytes."),
            ],
        ),
        feature(
            "filter",
            "Support for filters.",
            vec![integer("maxResults", "The maximum number of resources on a page.")],
        ),
        feature("changePassword", "Support for changing passwords.", vec![]),
        feature("sort", "Support for sorting.", vec![]),
        feature("etag", "Support for ETags.", vec![]),
        authentication_schemes(),
        pagination(),
    ];
    let description = "The service provider's configuration";
    read_only_schema(urn::SERVICE_PROVIDER_CONFIG, "ServiceProviderConfig", description, attributes)
}

/// A feature that a service provider can support, with its further sub-attributes.
fn feature(name: &'static str, description: &'static str, more: Vec<Definition>) -> Definition {
    let mut sub_attributes = vec![boolean("supported", "Whether the feature is supported.")];
    sub_attributes.extend(more);
    Definition::complex(name, description, sub_attributes).required()
}

fn authentication_schemes() -> Definition {
    let types = &["oauth", "oauth2", "oauthbearertoken", "httpbasic", "httpdigest"];
    let sub_attributes = vec![
        Definition::text("type", "The authentication scheme.").required().canonical(types),
        Definition::text("name", "The name of the scheme.").required(),
        Definition::text("description", "A description of the scheme.").required(),
        Definition::reference("specUri", &["external"], "The URL of the scheme's specification."),
        Definition::reference("documentationUri", &["external"], "The URL of the scheme's documentation."),
        Definition::new("primary", Type::Boolean, "Whether this is the preferred scheme."),
    ];
    let description = "The supported authentication schemes.";
    Definition::complex("authenticationSchemes", description, sub_attributes).multi_valued().required()
}

fn pagination() -> Definition {
    let sub_attributes = vec![
        boolean("cursor", "Whether cursor-based pagination is supported."),
        boolean("index", "Whether index-based pagination is supported."),
        Definition::text(
            "defaultPaginationMethod",
            "The pagination method used when the request specifies none.",
        )
        .canonical(&["cursor", "index"]),
        Definition::new(
            "defaultPageSize",
            Type::Integer,
            "The number of resources on a page when the request does not specify count.",
        ),
        Definition::new("maxPageSize", Type::Integer, "The maximum number of resources on a page."),
        Definition::new("cursorTimeout", Type::Integer, "The minimum lifetime of a cursor, in seconds."),
    ];
    Definition::complex("pagination", "Support for pagination.", sub_attributes)
}

/// RFC 7643, section 6.
pub(super) fn resource_type() -> Schema {
    let extension = vec![
        Definition::reference("schema", &["uri"], "The URN of the extension.").required(),
        boolean("required", "Whether every resource must include the extension."),
    ];
    let attributes = vec![
        Definition::text("id", "The id of the resource type."),
        Definition::text("name", "The name of the resource type.").required(),
        Definition::text("description", "A description of the resource type."),
        Definition::reference(
            "endpoint",
            &["uri"],
            "The path of the type's resources, relative to the base URL.",
        )
        .required(),
        Definition::reference("schema", &["uri"], "The URN of the core schema.").required(),
        Definition::complex("schemaExtensions", "The extensions of the core schema.", extension)
            .multi_valued(),
    ];
    read_only_schema(urn::RESOURCE_TYPE, "ResourceType", "A resource type", attributes)
}

/// RFC 7643, section 7.
pub(super) fn schema() -> Schema {
    let mut attribute = characteristics();
    let sub_attributes = "The sub-attributes of a complex attribute.";
    attribute.push(Definition::complex("subAttributes", sub_attributes, characteristics()).multi_valued());
    let attributes = vec![
        Definition::reference("id", &["uri"], "The URN of the schema.").required(),
        Definition::text("name", "The name of the schema."),
        Definition::text("description", "A description of the schema."),
        Definition::complex("attributes", "The attributes of the schema.", attribute)
            .multi_valued()
            .required(),
    ];
    read_only_schema(urn::SCHEMA, "Schema", "A schema", attributes)
}

/// The characteristics of an attribute.
fn characteristics() -> Vec<Definition> {
    let types = &["string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"];
    let mutabilities = &["readOnly", "readWrite", "immutable", "writeOnly"];
    vec![
        Definition::text("name", "The name of the attribute.").case_exact().required(),
        Definition::text("type", "The data type of the values.").case_exact().required().canonical(types),
        boolean("multiValued", "Whether the attribute has a list of values."),
        Definition::text("description", "A description of the attribute."),
        boolean("required", "Whether every resource must have a value."),
        Definition::text("canonicalValues", "Suggested values.").case_exact().multi_valued(),
        Definition::new("caseExact", Type::Boolean, "Whether comparisons are case-sensitive."),
        Definition::text("mutability", "Whether and when clients can write the attribute.")
            .case_exact()
            .required()
            .canonical(mutabilities),
        Definition::text("returned", "When responses contain the attribute.")
            .case_exact()
            .required()
            .canonical(&["always", "never", "default", "request"]),
        Definition::text("uniqueness", "The set of resources in which a value is unique.")
            .case_exact()
            .canonical(&["none", "server", "global"]),
        Definition::text("referenceTypes", "The resource types that a reference can point to.")
            .case_exact()
            .multi_valued(),
    ]
}

fn boolean(name: &'static str, description: &'static str) -> Definition {
    Definition::new(name, Type::Boolean, description).required()
}

fn integer(name: &'static str, description: &'static str) -> Definition {
    Definition::new(name, Type::Integer, description).required()
}

fn read_only_schema(
    id: &'static str,
    name: &'static str,
    description: &'static str,
    attributes: Vec<Definition>,
) -> Schema {
    let attributes = attributes.into_iter().map(Definition::read_only).collect();
    Schema { id, name, description, attributes }
}
