//! The attributes of every resource (RFC 7643, sections 3 and 3.1). `/Schemas` does not list them, because they belong to
//! no schema.

use super::{Definition, Returned, Type};

/// `schemas` and the common attributes.
pub(super) fn attributes() -> Vec<Definition> {
    vec![
        Definition::reference("schemas", &["uri"], "The URNs of the schemas that the resource conforms to.")
            .multi_valued()
            .required()
            .read_only()
            .returned(Returned::Always),
        Definition::text("id", "The resource's id, assigned by the server.")
            .case_exact()
            .required()
            .read_only()
            .unique()
            .returned(Returned::Always),
        Definition::text(
            "externalId",
            "The client's own identifier of the resource. Each connection has a separate one.",
        )
        .case_exact(),
        meta().read_only(),
    ]
}

fn meta() -> Definition {
    Definition::complex(
        "meta",
        "Metadata that the server maintains.",
        vec![
            Definition::text("resourceType", "The name of the resource type.").case_exact(),
            Definition::new("created", Type::DateTime, "The time when the resource was created."),
            Definition::new("lastModified", Type::DateTime, "The time of the last change to the resource."),
            Definition::reference("location", &["uri"], "The URI of the resource."),
            Definition::text("version", "The version of the resource, equal to its ETag.").case_exact(),
        ],
    )
}
