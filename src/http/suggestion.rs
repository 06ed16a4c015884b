//! Suggestions for query parameters that an endpoint does not have.

use crate::domain::attribute::{Attribute, Kind};
use crate::domain::filter::Filter;
use crate::domain::schema::{Schema, Vocabulary};
use crate::domain::similar::closest;

/// The maximum length of a name for which a suggestion is made, in bytes.
const MAX_LENGTH: usize = 40;

/// A search that finds resources with this schema.
pub(super) struct Search {
    pub(super) schema: &'static Schema,
    /// The text before the filter, such as `/users?filter=`.
    pub(super) prefix: String,
}

/// A sentence that suggests a filter, if the search can filter by `name`, or otherwise the known parameter with the most
/// similar name. `None` if there is neither.
pub(super) fn suggestion(name: &str, known: &[&str], search: Option<&Search>) -> Option<String> {
    if name.len() > MAX_LENGTH {
        return None;
    }
    if let Some(Search { schema, prefix }) = search
        && let Some(filter) = filter_by(schema, name)
    {
        return Some(format!("To search, use `{prefix}{filter}`."));
    }
    closest(&plain(name), known.iter().copied()).map(|closest| format!("Did you mean `{closest}`?"))
}

/// The name without separators.
fn plain(name: &str) -> String {
    name.replace(['-', '_'], "")
}

/// A filter by the attribute with this name. The name may be in the singular, in another case, without the name of the
/// object that contains the attribute, or only the beginning or end of the attribute's name.
fn filter_by(schema: &'static Schema, name: &str) -> Option<String> {
    if name.starts_with("custom.") {
        let filter = format!("{name} eq \"…\"");
        return Filter::parse(&filter, schema, Vocabulary::Native).is_ok().then_some(filter);
    }
    let plain = plain(name);
    let find = |name: &str| Vocabulary::Native.find_filterable(schema, name);
    let partly = || schema.attributes.iter().find(|attribute| is_part(&plain, attribute.name));
    let in_object = |object: &'static Attribute| match object.kind {
        Kind::Object(_) => object.part(&plain).map(|part| vec![object, part]),
        _ => None,
    };
    let found = find(&plain).or_else(|| find(&format!("{plain}s")));
    let found = found.or_else(|| schema.attributes.iter().find_map(in_object));
    let mut path = found.or_else(|| find(partly()?.name))?;
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

/// Whether an attribute's name begins or ends with `part`, ignoring case. Parts of less than four letters are ambiguous.
fn is_part(part: &str, attribute: &str) -> bool {
    let [part, attribute] = [part, attribute].map(str::to_ascii_lowercase);
    part.len() >= 4 && (attribute.starts_with(&part) || attribute.ends_with(&part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::{GROUPS, USERS};

    #[test]
    fn attributes_are_suggested_as_filters_and_other_names_by_similarity() {
        let search = |schema| Search { schema, prefix: "filter=".to_owned() };
        let (in_users, in_groups) = (search(&USERS), search(&GROUPS));
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
            ("phone", Some(r#"phoneNumbers.value eq "…""#), None),
            ("name", Some(r#"name.formatted eq "…""#), Some(r#"displayName eq "…""#)),
            ("custom.plan", Some(r#"custom.plan eq "…""#), Some(r#"custom.plan eq "…""#)),
            ("custom", None, None),
            ("custom.", None, None),
        ] {
            let expected =
                |filter: Option<&str>| filter.map(|filter| format!("To search, use `filter={filter}`."));
            assert_eq!(suggestion(name, &known, Some(&in_users)), expected(users), "{name}");
            assert_eq!(suggestion(name, &known, Some(&in_groups)), expected(groups), "{name}");
        }
        for (name, meant) in [
            ("filters", Some("filter")),
            ("Limit", Some("limit")),
            ("limt", Some("limit")),
            ("sortBy", Some("sort")),
            ("sort_by", Some("sort")),
            ("excluded_attributes", Some("excludedAttributes")),
            ("q", None),
            ("frobnicate", None),
            (&"limit".repeat(100), None),
        ] {
            let expected = meant.map(|meant| format!("Did you mean `{meant}`?"));
            assert_eq!(suggestion(name, &known, Some(&in_users)), expected, "{name}");
            assert_eq!(suggestion(name, &known, None), expected, "{name}");
        }
    }
}
