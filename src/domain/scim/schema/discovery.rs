//! The schemas of what describes the service itself. All of it is read-only.

use super::{Definition, Schema, Type};
use crate::domain::scim::urn;

/// RFC 7643, section 5, with `pagination` of RFC 9865, section 4.
pub(super) fn service_provider_config() -> Schema {
    let attributes = vec![
        Definition::reference("documentationUri", &["external"], "The URL of the service's documentation."),
        supported("patch", "Whether PATCH is there.", vec![]),
        supported(
            "bulk",
            "Bulk requests.",
            vec![
                integer("maxOperations", "The most operations in a bulk request."),
                integer("maxPayloadSize", "The most bytes of a bulk request."),
            ],
        ),
        supported("filter", "Filters.", vec![integer("maxResults", "The most resources on a page.")]),
        supported("changePassword", "Whether passwords can be changed.", vec![]),
        supported("sort", "Whether lists can be sorted.", vec![]),
        supported("etag", "Whether resources have entity tags.", vec![]),
        authentication_schemes(),
        pagination(),
    ];
    schema_of(urn::SERVICE_PROVIDER_CONFIG, "ServiceProviderConfig", "What the service can do", attributes)
}

fn supported(name: &'static str, description: &'static str, more: Vec<Definition>) -> Definition {
    let mut parts = vec![boolean("supported", "Whether it is there.")];
    parts.extend(more);
    Definition::complex(name, description, parts).required()
}

fn authentication_schemes() -> Definition {
    let types = &["oauth", "oauth2", "oauthbearertoken", "httpbasic", "httpdigest"];
    let parts = vec![
        Definition::text("type", "The kind of the scheme.").required().one_of(types),
        Definition::text("name", "The name of the scheme.").required(),
        Definition::text("description", "What the scheme is.").required(),
        Definition::reference("specUri", &["external"], "The URL of the scheme's specification."),
        Definition::reference("documentationUri", &["external"], "The URL of the scheme's documentation."),
        Definition::new("primary", Type::Boolean, "Whether this is the preferred scheme."),
    ];
    Definition::complex("authenticationSchemes", "How clients prove who they are.", parts).many().required()
}

fn pagination() -> Definition {
    let parts = vec![
        boolean("cursor", "Whether pages are found by cursors."),
        boolean("index", "Whether pages are found by an index."),
        Definition::text("defaultPaginationMethod", "What a request gets that asks for neither.")
            .one_of(&["cursor", "index"]),
        Definition::new(
            "defaultPageSize",
            Type::Integer,
            "How many resources a page has when it is not said.",
        ),
        Definition::new("maxPageSize", Type::Integer, "The most resources on a page."),
        Definition::new("cursorTimeout", Type::Integer, "How many seconds a cursor is good for at least."),
    ];
    Definition::complex("pagination", "How lists are cut into pages.", parts)
}

/// RFC 7643, section 6.
pub(super) fn resource_type() -> Schema {
    let extension = vec![
        Definition::reference("schema", &["uri"], "The URN of the extension.").required(),
        boolean("required", "Whether a resource must have the extension."),
    ];
    let attributes = vec![
        Definition::text("id", "The id of the kind."),
        Definition::text("name", "The name of the kind.").required(),
        Definition::text("description", "What the kind is."),
        Definition::reference("endpoint", &["uri"], "Where the resources are, below the base.").required(),
        Definition::reference("schema", &["uri"], "The URN of the core schema.").required(),
        Definition::complex("schemaExtensions", "The extensions of the schema.", extension).many(),
    ];
    schema_of(urn::RESOURCE_TYPE, "ResourceType", "A kind of resource", attributes)
}

/// RFC 7643, section 7.
pub(super) fn schema() -> Schema {
    let mut attribute = characteristics();
    attribute.push(Definition::complex("subAttributes", "The attribute's parts.", characteristics()).many());
    let attributes = vec![
        Definition::reference("id", &["uri"], "The URN of the schema.").required(),
        Definition::text("name", "The name of the schema."),
        Definition::text("description", "What the schema is about."),
        Definition::complex("attributes", "The attributes of the schema.", attribute).many().required(),
    ];
    schema_of(urn::SCHEMA, "Schema", "A schema", attributes)
}

/// What is said of an attribute.
fn characteristics() -> Vec<Definition> {
    let types = &["string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"];
    let mutabilities = &["readOnly", "readWrite", "immutable", "writeOnly"];
    vec![
        Definition::text("name", "The name of the attribute.").exact().required(),
        Definition::text("type", "What its values are.").exact().required().one_of(types),
        boolean("multiValued", "Whether it is a list of such values."),
        Definition::text("description", "What it is for."),
        boolean("required", "Whether a resource must have it."),
        Definition::text("canonicalValues", "What its values usually are.").exact().many(),
        Definition::new("caseExact", Type::Boolean, "Whether its values are compared with case."),
        Definition::text("mutability", "Who may write it.").exact().required().one_of(mutabilities),
        Definition::text("returned", "When it is shown.")
            .exact()
            .required()
            .one_of(&["always", "never", "default", "request"]),
        Definition::text("uniqueness", "Among which resources a value is unique.")
            .exact()
            .one_of(&["none", "server", "global"]),
        Definition::text("referenceTypes", "What it refers to.").exact().many(),
    ]
}

fn boolean(name: &'static str, description: &'static str) -> Definition {
    Definition::new(name, Type::Boolean, description).required()
}

fn integer(name: &'static str, description: &'static str) -> Definition {
    Definition::new(name, Type::Integer, description).required()
}

fn schema_of(
    id: &'static str,
    name: &'static str,
    description: &'static str,
    attributes: Vec<Definition>,
) -> Schema {
    let attributes = attributes.into_iter().map(Definition::read_only).collect();
    Schema { id, name, description, attributes }
}
