//! Suggestions for query parameters that an endpoint does not have.

use crate::domain::attribute::{Attribute, Kind};
use crate::domain::schema::{Schema, Vocabulary};
use crate::domain::similar::closest;

/// The maximum length of a name for which a suggestion is made, in bytes.
const MAX_LENGTH: usize = 40;

/// A sentence that suggests a filter, if resources with this schema can be filtered by `name`, or otherwise the known
/// parameter with the most similar name. `None` if there is neither.
pub(super) fn suggestion(name: &str, known: &[&str], schema: Option<&'static Schema>) -> Option<String> {
    if name.len() > MAX_LENGTH {
        return None;
    }
    if let Some(filter) = schema.and_then(|schema| filter_by(schema, name)) {
        return Some(format!("To search, use `filter={filter}`."));
    }
    closest(name, known.iter().copied()).map(|closest| format!("Did you mean `{closest}`?"))
}

/// A filter by the attribute with this name. The name may be in the singular, in another case, or without the name of the
/// object that contains the attribute.
fn filter_by(schema: &'static Schema, name: &str) -> Option<String> {
    let plain = name.replace(['-', '_'], "");
    let find = |name: &str| Vocabulary::Native.find_filterable(schema, name);
    let in_object = |object: &'static Attribute| match object.kind {
        Kind::Object(_) => object.part(&plain).map(|part| vec![object, part]),
        _ => None,
    };
    let found = find(&plain).or_else(|| find(&format!("{plain}s")));
    let mut path = found.or_else(|| schema.attributes.iter().find_map(in_object))?;
    path.extend(path.last().and_then(|last| last.parts().first()));
    let value = match path.last()?.kind {
        Kind::Boolean => "true",
        Kind::Integer => "1",
        Kind::Text | Kind::Exact | Kind::Binary | Kind::Time | Kind::Id => "\"…\"",
        Kind::Object(_) | Kind::List(_) | Kind::Constant(_) | Kind::Urns | Kind::Opaque => return None,
    };
    let names: Vec<_> = path.iter().map(|attribute| attribute.name).collect();
    Some(format!("{} eq {value}", names.join(".")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::{GROUPS, USERS};

    #[test]
    fn attributes_are_suggested_as_filters_and_other_names_by_similarity() {
        let known = ["limit", "include", "attributes", "excludedAttributes", "sort", "filter", "cursor"];
        for (name, users, groups) in [
            ("email", Some(r#"emails.value eq "…""#), None),
            ("e-mail", Some(r#"emails.value eq "…""#), None),
            ("USER_NAME", Some(r#"userName eq "…""#), None),
            ("familyName", Some(r#"name.familyName eq "…""#), None),
            ("department", Some(r#"enterprise.department eq "…""#), None),
            ("group", Some(r#"groups.value eq "…""#), None),
            ("active", Some("active eq true"), None),
            ("displayName", Some(r#"displayName eq "…""#), Some(r#"displayName eq "…""#)),
            ("member", None, Some(r#"members.value eq "…""#)),
            ("custom", None, None),
        ] {
            let expected =
                |filter: Option<&str>| filter.map(|filter| format!("To search, use `filter={filter}`."));
            assert_eq!(suggestion(name, &known, Some(&USERS)), expected(users), "{name}");
            assert_eq!(suggestion(name, &known, Some(&GROUPS)), expected(groups), "{name}");
        }
        for (name, meant) in [
            ("filters", Some("filter")),
            ("Limit", Some("limit")),
            ("limt", Some("limit")),
            ("sortBy", Some("sort")),
            ("excluded_attributes", Some("excludedAttributes")),
            ("q", None),
            ("frobnicate", None),
            (&"limit".repeat(100), None),
        ] {
            let expected = meant.map(|meant| format!("Did you mean `{meant}`?"));
            assert_eq!(suggestion(name, &known, Some(&USERS)), expected, "{name}");
            assert_eq!(suggestion(name, &known, None), expected, "{name}");
        }
    }
}
