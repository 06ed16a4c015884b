//! What every resource has (RFC 7643, sections 3 and 3.1). `/Schemas` does not name it: these attributes belong to no
//! schema.

use super::{Definition, Returned, Type};

/// `schemas` and the common attributes.
pub(super) fn attributes() -> Vec<Definition> {
    vec![
        Definition::reference(
            "schemas",
            &["uri"],
            "The URNs of the schemas whose attributes the resource has.",
        )
        .many()
        .required()
        .read_only()
        .returned(Returned::Always),
        Definition::text("id", "The id that the server gave the resource.")
            .exact()
            .required()
            .read_only()
            .unique()
            .returned(Returned::Always),
        Definition::text(
            "externalId",
            "The id that the client knows the resource by: each connection has its own.",
        )
        .exact(),
        meta().read_only(),
    ]
}

fn meta() -> Definition {
    Definition::complex(
        "meta",
        "What the server knows about the resource.",
        vec![
            Definition::text("resourceType", "The kind of the resource.").exact(),
            Definition::new("created", Type::DateTime, "When the resource was created."),
            Definition::new("lastModified", Type::DateTime, "When the resource last changed."),
            Definition::reference("location", &["uri"], "The URI of the resource."),
            Definition::text("version", "The entity tag of the resource.").exact(),
        ],
    )
}
