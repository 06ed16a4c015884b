//! The JSON Schemas of bodies.

mod attributes;
mod builders;
mod records;

pub(super) use attributes::attribute_names;
pub(in crate::http) use attributes::{Write, ignored_value, key_text, request_property, storable_name};
pub(in crate::http) use builders::{reference, time};

use crate::domain::schema::{GROUPS, USERS};
use attributes::{complete, projected, request_body};
use builders::page;
use serde_json::{Map, Value, json};

/// The schemas of the native API, by name. `codes` are the codes of problems.
pub(super) fn all(codes: &[&str]) -> Map<String, Value> {
    let projectable =
        |name: &str| json!({ "anyOf": [reference(name), reference(&format!("Projected{name}"))] });
    let all = [
        ("User", complete(USERS.attributes)),
        ("ProjectedUser", projected(&USERS)),
        ("NewUser", request_body(&USERS, Write::New)),
        ("UserReplacement", request_body(&USERS, Write::Replacement)),
        ("UserPatch", request_body(&USERS, Write::Patch)),
        ("UserPage", page(projectable("User"))),
        ("Group", complete(GROUPS.attributes)),
        ("ProjectedGroup", projected(&GROUPS)),
        ("NewGroup", request_body(&GROUPS, Write::New)),
        ("GroupReplacement", request_body(&GROUPS, Write::Replacement)),
        ("GroupPatch", request_body(&GROUPS, Write::Patch)),
        ("GroupPage", page(projectable("Group"))),
    ];
    all.into_iter().chain(records::all(codes)).map(|(name, schema)| (name.to_owned(), schema)).collect()
}
