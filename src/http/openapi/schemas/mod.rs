//! The JSON Schemas of bodies.

mod attributes;
mod brakes;
mod builders;
mod records;
mod reverts;

pub(super) use attributes::attribute_names;
pub(in crate::http) use attributes::{Write, ignored_value, key_text, request_property, storable_name};
pub(in crate::http) use builders::{reference, time};

use crate::domain::group::Group;
use crate::domain::schema::{GROUPS, Schema, USERS};
use crate::domain::user::User;
use crate::http::resources::Native as _;
use attributes::{projected, request_body, resource};
use builders::{array, id, object, page};
use serde_json::{Map, Value, json};

/// The schemas of the native API, by name. `codes` are the codes of problems.
pub(super) fn all(codes: &[&str]) -> Map<String, Value> {
    let records = records::all(codes).into_iter().chain(reverts::all());
    let records = records.map(|(name, schema)| (name.to_owned(), schema));
    let users = of_resource("User", &USERS, User::MEMBERSHIPS);
    let groups = of_resource("Group", &GROUPS, Group::MEMBERSHIPS);
    let brakes = brakes::all().map(|(name, schema)| (name.to_owned(), schema));
    users.into_iter().chain(groups).chain(records).chain(brakes).collect()
}

fn of_resource(name: &str, schema: &Schema, memberships: [&str; 2]) -> [(String, Value); 7] {
    let projected_name = format!("Projected{name}");
    let restored = object(memberships.map(|name| (name, array(id()))));
    let item = json!({ "anyOf": [reference(name), reference(&projected_name)] });
    [
        (name.to_owned(), resource(schema)),
        (projected_name, projected(schema)),
        (format!("New{name}"), request_body(schema, Write::New)),
        (format!("{name}Replacement"), request_body(schema, Write::Replacement)),
        (format!("{name}Patch"), request_body(schema, Write::Patch)),
        (format!("{name}Page"), page(item)),
        (format!("Restored{name}"), json!({ "allOf": [reference(name), object([("restored", restored)])] })),
    ]
}
