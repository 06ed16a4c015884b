//! The schema of groups (RFC 7643, section 4.2).

use super::{Definition, Schema};
use crate::domain::attribute::{Attribute, Kind};
use crate::domain::scim::urn;

/// How members are compared.
static MEMBERS: Attribute = Attribute {
    name: "members",
    kind: Kind::List(&[
        Attribute { name: "value", kind: Kind::Exact },
        Attribute { name: "display", kind: Kind::Text },
        Attribute { name: "type", kind: Kind::Text },
    ]),
};

pub(super) fn schema() -> Schema {
    Schema {
        id: urn::GROUP,
        name: "Group",
        description: "A group of users",
        attributes: vec![
            Definition::text("displayName", "The name of the group; unique only where the tenant says so.")
                .required(),
            members(),
        ],
    }
}

/// A member comes and goes, and is never another one.
fn members() -> Definition {
    let parts = vec![
        Definition::text("value", "The id of the member.").exact().required().immutable(),
        Definition::reference("$ref", &["User"], "The URI of the member; it names who has no value.")
            .immutable(),
        Definition::text("display", "The name of the member.").read_only(),
        Definition::text("type", "What the member is.").one_of(&["User"]).immutable(),
    ];
    let members = Definition::complex("members", "The members of the group.", parts).many();
    Definition { attribute: Some(&MEMBERS), ..members }
}
