//! The schema of groups (RFC 7643, section 4.2).

use super::{Definition, Schema};
use crate::domain::attribute::{Attribute, Kind};
use crate::domain::scim::urn;

/// Describes how members are compared in filters.
static MEMBERS: Attribute = Attribute {
    name: "members",
    kind: Kind::List(&[
        Attribute { name: "value", kind: Kind::Exact },
        Attribute { name: "display", kind: Kind::Text },
        Attribute { name: "type", kind: Kind::Text },
    ]),
};

pub(super) fn schema() -> Schema {
    let display_name =
        Definition::text("displayName", "The group's name. Unique only if the tenant requires unique names.");
    Schema {
        id: urn::GROUP,
        name: "Group",
        description: "A group of users",
        attributes: vec![display_name.required(), members()],
    }
}

/// Members are added and removed, never modified, so their sub-attributes are immutable.
fn members() -> Definition {
    let sub_attributes = vec![
        Definition::text("value", "The id of the member.").case_exact().required().immutable(),
        Definition::reference("$ref", &["User"], "The URI of the member, used when value is absent.")
            .immutable(),
        Definition::text("display", "The display name of the member.").read_only(),
        Definition::text("type", "The resource type of the member.").canonical(&["User"]).immutable(),
    ];
    let members = Definition::complex("members", "The members of the group.", sub_attributes).multi_valued();
    Definition { attribute: Some(&MEMBERS), ..members }
}
