//! The parts of a request that identify other resources: the members of a group and the manager of a user. In a bulk
//! request, they can refer to resources that the request creates (RFC 7644, section 3.7.2).

use super::patch::Operation;
use super::resource_type::split_urn;
use super::{Reading, ResourceType, intent, urn};
use serde_json::Value;

/// The identifiers in the body of a POST or PUT.
pub fn of_body<'v>(kind: ResourceType, body: &'v mut Value, reading: &Reading) -> Vec<&'v mut String> {
    let mut found = Vec::new();
    Search { kind, is_patch: false, reading }.inside(None, body, &mut found);
    found
}

/// The identifiers in the values of PATCH operations, and the paths that can contain identifiers in their value filters.
pub fn of_patch<'v>(
    kind: ResourceType,
    operations: &'v mut [Operation],
    reading: &Reading,
) -> Vec<&'v mut String> {
    let search = Search { kind, is_patch: true, reading };
    let mut found = Vec::new();
    for Operation { path, value, .. } in operations {
        match (path, value) {
            (Some(path), value) => {
                if let Some(value) = value {
                    search.attribute(path, value, &mut found);
                }
                found.extend(search.refers(path).then_some(path));
            }
            (None, Some(value)) => search.inside(None, value, &mut found),
            (None, None) => {}
        }
    }
    found
}

struct Search<'r> {
    kind: ResourceType,
    is_patch: bool,
    reading: &'r Reading,
}

impl Search<'_> {
    /// Searches an object of attributes, which may be those of the schema with this URN.
    fn inside<'v>(&self, urn: Option<&str>, value: &'v mut Value, found: &mut Vec<&'v mut String>) {
        *value = intent::object(std::mem::take(value), self.reading, urn.unwrap_or("value"));
        for (name, value) in value.as_object_mut().into_iter().flatten() {
            match urn {
                None => self.attribute(name, value, found),
                Some(urn) => self.attribute(&format!("{urn}:{name}"), value, found),
            }
        }
    }

    /// Searches the value of an attribute, or of an extension.
    fn attribute<'v>(&self, name: &str, value: &'v mut Value, found: &mut Vec<&'v mut String>) {
        match split_urn(name, self.kind.urns()) {
            Some((urn, "")) => self.inside(Some(urn), value, found),
            _ if self.refers(name) => self.identifiers(value, found),
            _ => {}
        }
    }

    /// Whether an attribute refers to other resources. Only a PATCH may name the manager without the URN of its schema.
    fn refers(&self, name: &str) -> bool {
        let (urn, rest) =
            split_urn(name, self.kind.urns()).map_or((None, name), |(urn, rest)| (Some(urn), rest));
        let first = rest.split(['.', '[']).next().unwrap_or_default();
        match self.kind {
            ResourceType::Group => first.eq_ignore_ascii_case("members"),
            ResourceType::User => {
                let is_enterprise = urn.map_or(self.is_patch, |urn| urn == urn::ENTERPRISE_USER);
                is_enterprise && first.eq_ignore_ascii_case("manager")
            }
        }
    }

    /// Collects the identifiers in a value: strings, and the `value` or else the `$ref` of objects.
    fn identifiers<'v>(&self, value: &'v mut Value, found: &mut Vec<&'v mut String>) {
        *value = intent::list(std::mem::take(value), self.reading, "value");
        match value {
            Value::String(text) => found.push(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.identifiers(item, found)),
            Value::Object(map) => {
                let find = |wanted: &str| {
                    let named = map.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
                    named.filter(|(_, value)| !value.is_null()).map(|(name, _)| name.clone())
                };
                // The `$ref` of a manager is ignored.
                let uri = || find("$ref").filter(|_| self.kind == ResourceType::Group);
                let name = find("value").or_else(uri);
                if let Some(value) = name.and_then(|name| map.get_mut(&name)) {
                    self.identifiers(value, found);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scim::Profile;
    use crate::domain::scim::patch::Op;
    use serde_json::json;

    #[test]
    fn only_members_and_managers_refer_to_other_resources() {
        use ResourceType::{Group, User};
        let enterprise = |value: Value| json!({(urn::ENTERPRISE_USER): value});
        let manager = format!("{}:manager", urn::ENTERPRISE_USER);
        for (kind, mut body, expected) in [
            (
                Group,
                json!({"members": [{"value": "a", "display": "x", "$ref": "y"}, "b", {"$REF": "c"}]}),
                "a b c",
            ),
            (Group, json!({"Members": {"value": "a"}, "displayName": "x", "manager": "y"}), "a"),
            (Group, json!({"members": "[{\"value\":\"a\"}]", "urn:x:y": {"members": ["x"]}}), "a"),
            (Group, json!({"foo": {"members": ["x"]}, (urn::GROUP): {"members": ["a"]}}), "a"),
            (
                User,
                enterprise(json!({"manager": {"value": "a", "displayName": "x"}, "department": "y"})),
                "a",
            ),
            (User, enterprise(json!({"manager": {"$ref": "x"}})), ""),
            (User, json!({(manager.clone()): "a", "manager": "x", "members": ["y"]}), "a"),
        ] {
            let found = of_body(kind, &mut body, &Reading::new(Profile::Lenient));
            let found: Vec<_> = found.into_iter().map(|text| text.as_str()).collect();
            assert_eq!(found.join(" "), expected);
        }
    }

    #[test]
    fn paths_and_values_of_operations_are_searched() {
        let operation = |path: Option<&str>, value: Value| Operation {
            op: Op::Add,
            path: path.map(str::to_owned),
            value: Some(value),
        };
        let reading = Reading::new(Profile::Strict);
        let mut of_group = [
            operation(Some("members"), json!([{"value": "a"}])),
            operation(Some("members[value eq \"b\"]"), Value::Null),
            operation(Some("displayName"), json!("x")),
            operation(None, json!({"members": ["c"], "externalId": "y"})),
        ];
        let found: Vec<_> = of_patch(ResourceType::Group, &mut of_group, &reading)
            .into_iter()
            .map(|text| text.clone())
            .collect();
        assert_eq!(found, ["a", "members", "members[value eq \"b\"]", "c"]);
        let mut of_user = [
            operation(Some("manager"), json!("a")),
            operation(Some(&format!("{}:manager.value", urn::ENTERPRISE_USER)), json!("b")),
            operation(Some(urn::ENTERPRISE_USER), json!({"manager": {"value": "c"}})),
            operation(None, json!({"manager": {"value": "d"}, "title": "x"})),
        ];
        let found = of_patch(ResourceType::User, &mut of_user, &reading);
        let values: Vec<_> =
            found.into_iter().filter(|text| text.len() == 1).map(|text| text.clone()).collect();
        assert_eq!(values, ["a", "b", "c", "d"]);
    }
}
