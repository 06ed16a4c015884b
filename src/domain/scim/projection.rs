//! The attributes that a response contains (RFC 7644, section 3.9).

use super::path::{AttributePath, Path};
use super::reading::NoteCode;
use super::schema::{COMMON, Returned};
use super::{Errors, Profile, Reading, ResourceType, ScimError, ScimType};
use crate::domain::excerpt;
use serde_json::{Map, Value};

/// Selects the attributes of one resource type that a response contains. Attributes with `returned: always` are always
/// included.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    kind: ResourceType,
    selection: Selection,
}

/// The client's selection of attributes.
#[derive(Clone, Debug, PartialEq)]
enum Selection {
    /// The attributes that are returned by default.
    Default,
    /// The attributes that the parameter `attributes` names.
    Only(Vec<KeyPath>),
    /// All attributes except those that the parameter `excludedAttributes` names.
    Except(Vec<KeyPath>),
}

/// The keys that lead to an attribute in a resource.
type KeyPath = Vec<String>;

/// The maximum number of names in one parameter.
const MAX_NAMES: usize = 100;

impl Projection {
    /// Selects the attributes that are returned by default.
    pub fn by_default(kind: ResourceType) -> Self {
        Self { kind, selection: Selection::Default }
    }

    /// Whether the client has not selected any attributes.
    pub fn is_default(&self) -> bool {
        self.selection == Selection::Default
    }

    /// Parses the comma-separated names of `attributes` and `excludedAttributes`. In the lenient profile, unknown names
    /// are ignored.
    ///
    /// # Errors
    /// `invalidSyntax` when a name is invalid or, in the strict profile, unknown; `invalidValue` when both parameters
    /// are present or one of them has more than 100 names.
    pub fn parse(
        kind: ResourceType,
        attributes: Option<&str>,
        excluded: Option<&str>,
        reading: &Reading,
    ) -> Result<Self, ScimError> {
        let only = key_paths(kind, attributes, false, reading)?;
        let selection = match (only, key_paths(kind, excluded, true, reading)?) {
            (None, None) => Selection::Default,
            (Some(only), None) => Selection::Only(only),
            (None, Some(except)) => Selection::Except(except),
            _ => {
                let detail = "attributes and excludedAttributes cannot be combined.";
                return Err(ScimType::InvalidValue.error(detail));
            }
        };
        Ok(Self { kind, selection })
    }

    /// Splits the value of `attributes` or `excludedAttributes` into names.
    ///
    /// # Errors
    /// `invalidValue` when there are more than 100 names.
    pub fn names(text: &str) -> Result<Vec<&str>, ScimError> {
        let names = || Self::split(text);
        if names().nth(MAX_NAMES).is_some() {
            let detail =
                format!("attributes and excludedAttributes can each name at most {MAX_NAMES} attributes.");
            return Err(ScimType::InvalidValue.error(detail));
        }
        Ok(names().collect())
    }

    /// The names between commas. A comma in a value filter does not end a name.
    pub fn split(text: &str) -> impl Iterator<Item = &str> {
        let mut in_filter = false;
        let ends_name = move |c| {
            in_filter = c == '[' || in_filter && c != ']';
            c == ',' && !in_filter
        };
        text.split(ends_name).map(str::trim).filter(|name| !name.is_empty())
    }

    /// Whether a name, which may be invalid, belongs to the resource type or to an extension.
    pub fn knows(kind: ResourceType, name: &str) -> bool {
        !matches!(parse_name(kind, name), Ok(Path::Unknown))
    }

    /// Whether the response can contain the attribute or a part of it. If not, its value need not be loaded.
    pub fn includes(&self, attribute: &str) -> bool {
        let returned = self.kind.attribute(attribute).map(|definition| definition.returned);
        match (&self.selection, returned) {
            (_, Some(Returned::Always)) => true,
            (_, Some(Returned::Never) | None) => false,
            (Selection::Only(paths), _) => paths.iter().any(|keys| starts_with(keys, attribute)),
            (_, Some(Returned::Request)) => false,
            (Selection::Except(paths), _) => {
                !paths.iter().any(|keys| starts_with(keys, attribute) && keys.len() == 1)
            }
            (Selection::Default, _) => true,
        }
    }

    /// Whether the response can contain the sub-attribute.
    pub fn includes_sub_attribute(&self, attribute: &str, sub_attribute: &str) -> bool {
        let covers = |keys: &KeyPath| {
            let inner = keys.get(1).is_none_or(|inner| inner.eq_ignore_ascii_case(sub_attribute));
            starts_with(keys, attribute) && inner
        };
        let is_selected = match &self.selection {
            Selection::Default => true,
            Selection::Only(paths) => paths.iter().any(covers),
            Selection::Except(paths) => !paths.iter().any(covers),
        };
        is_selected && self.includes(attribute)
    }

    /// Removes the attributes that are not selected from a resource.
    #[must_use]
    pub fn apply(&self, resource: Map<String, Value>) -> Map<String, Value> {
        let (paths, keep) = match &self.selection {
            Selection::Default => return resource,
            Selection::Only(paths) => (paths, true),
            Selection::Except(paths) => (paths, false),
        };
        let always = |name: &String| {
            COMMON.iter().any(|common| common.returned == Returned::Always && common.name == name)
        };
        let (mut selected, rest): (Map<_, _>, Map<_, _>) =
            resource.into_iter().partition(|(name, _)| always(name));
        selected.extend(select(rest, &paths.iter().map(Vec::as_slice).collect::<Vec<_>>(), keep));
        selected
    }
}

/// Parses a parameter; `None` when it names nothing.
fn key_paths(
    kind: ResourceType,
    text: Option<&str>,
    excludes: bool,
    reading: &Reading,
) -> Result<Option<Vec<KeyPath>>, ScimError> {
    let names = Projection::names(text.unwrap_or_default())?;
    let (mut paths, mut errors) = (Vec::new(), Errors::default());
    for name in &names {
        match key_paths_of(kind, name, excludes, reading) {
            Ok(found) => paths.extend(found),
            Err(error) => errors.add(error),
        }
    }
    errors.combine().map_or_else(|| Ok((!names.is_empty()).then_some(paths)), Err)
}

fn parse_name(kind: ResourceType, name: &str) -> Result<Path<'_>, ScimError> {
    Path::parse(name, kind, &Map::new(), false, Profile::Strict)
        .map_err(|error| error.with_type(ScimType::InvalidSyntax))
}

/// The key path of a name, or both key paths if the name is ambiguous. Empty if the name is unknown and ignored.
fn key_paths_of(
    kind: ResourceType,
    name: &str,
    excludes: bool,
    reading: &Reading,
) -> Result<Vec<KeyPath>, ScimError> {
    match parse_name(kind, name)? {
        Path::Unknown => reading.unknown(name).map(|()| Vec::new()),
        Path::Core => Ok(kind.schema().attributes.iter().map(|inner| vec![inner.name.to_owned()]).collect()),
        Path::Attribute(AttributePath { value_filter: Some(_), .. }) if !reading.is_lenient() => {
            let detail = format!("'{}' is not an attribute name.", excerpt(name));
            Err(ScimType::InvalidSyntax.error(detail))
        }
        // Without its filter, the name would exclude elements that the client wants.
        Path::Attribute(AttributePath { value_filter: Some(_), .. }) if excludes => {
            reading.unknown(name).map(|()| Vec::new())
        }
        Path::Attribute(AttributePath { extension, attribute, sub_attribute, value_filter }) => {
            if value_filter.is_some() {
                reading.note(NoteCode::Converted, name);
            }
            let keys = extension.map(|extension| extension.id).into_iter();
            let keys = keys.chain([attribute.name]).chain(sub_attribute.map(|inner| inner.name));
            Ok(vec![keys.map(str::to_owned).collect()])
        }
        Path::Extension(extension) => Ok(vec![vec![extension.id.to_owned()]]),
        // A URN without a version can mean an extension or an attribute of one.
        Path::UnknownExtension(path) => {
            let keys = [path.urn].into_iter().chain(path.names).collect();
            Ok(vec![vec![name.to_owned()], keys])
        }
    }
}

fn starts_with(keys: &[String], name: &str) -> bool {
    keys.first().is_some_and(|first| first.eq_ignore_ascii_case(name))
}

/// Keeps the members of an object that `paths` name, or removes them. Objects and lists that become empty are removed.
fn select(map: Map<String, Value>, paths: &[&[String]], keep: bool) -> Map<String, Value> {
    let select = |(key, value): (String, Value)| {
        let matching = paths.iter().copied().filter(|keys| starts_with(keys, &key));
        let inner: Vec<&[String]> = matching.filter_map(|keys| keys.get(1..)).collect();
        let whole = inner.iter().any(|keys| keys.is_empty());
        match (whole, keep) {
            (true, true) => Some((key, value)),
            (true, false) => None,
            (false, keep) if inner.is_empty() => (!keep).then_some((key, value)),
            (false, _) => select_inside(value, &inner, keep).map(|value| (key, value)),
        }
    };
    map.into_iter().filter_map(select).collect()
}

/// Applies [`select`] to an object, or to each object in a list.
fn select_inside(value: Value, paths: &[&[String]], keep: bool) -> Option<Value> {
    match value {
        Value::Object(map) => Some(select(map, paths, keep)).filter(|map| !map.is_empty()).map(Value::from),
        Value::Array(items) => {
            let items = items.into_iter().filter_map(|item| select_inside(item, paths, keep));
            Some(items.collect::<Vec<_>>()).filter(|items| !items.is_empty()).map(Value::from)
        }
        other => (!keep).then_some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scim::urn;
    use serde_json::json;

    fn parse(attributes: Option<&str>, excluded: Option<&str>) -> Result<Projection, ScimError> {
        Projection::parse(ResourceType::User, attributes, excluded, &Reading::new(Profile::Strict))
    }

    fn ada() -> Map<String, Value> {
        let ada = json!({
            "schemas": [urn::USER], "id": "i", "meta": {"resourceType": "User"}, "userName": "ada",
            "name": {"givenName": "Ada"}, "emails": [{"value": "a@x", "type": "work"}, {"type": "home"}],
            (urn::ENTERPRISE_USER): {"department": "d", "manager": {"value": "m", "displayName": "M"}},
            "urn:x:acme:1.0:User": {"badge": 7, "floor": 1}, "urn:acme:ext": {"desk": {"no": 1}},
        });
        ada.as_object().cloned().unwrap()
    }

    /// The user with `attributes`, without `schemas` and `id`, which are always present.
    fn only(names: &str) -> Value {
        let mut selected = parse(Some(names), None).unwrap().apply(ada());
        assert_eq!(selected.remove("schemas"), Some(json!([urn::USER])), "{names}");
        assert_eq!(selected.remove("id"), Some(json!("i")), "{names}");
        selected.into()
    }

    /// The attributes that `excludedAttributes` removes or changes.
    fn affected(names: &str) -> Vec<String> {
        let rest = parse(None, Some(names)).unwrap().apply(ada());
        let differs = |(name, value): (String, Value)| (rest.get(&name) != Some(&value)).then_some(name);
        ada().into_iter().filter_map(differs).collect()
    }

    #[test]
    fn attributes_selects_the_named_attributes_and_those_always_returned() {
        let enterprise = |value: Value| json!({(urn::ENTERPRISE_USER): value});
        for (names, expected) in [
            ("USERNAME", json!({"userName": "ada"})),
            ("id", json!({})),
            ("meta", json!({"meta": {"resourceType": "User"}})),
            ("name.givenName, name.givenName", json!({"name": {"givenName": "Ada"}})),
            ("name.familyName", json!({})),
            ("name.familyName,name", json!({"name": {"givenName": "Ada"}})),
            ("emails.value", json!({"emails": [{"value": "a@x"}]})),
            ("urn:ietf:params:scim:schemas:core:2.0:User:userName", json!({"userName": "ada"})),
            (
                urn::ENTERPRISE_USER,
                enterprise(json!({"department": "d", "manager": {"value": "m", "displayName": "M"}})),
            ),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
                enterprise(json!({"manager": {"value": "m"}})),
            ),
            ("urn:x:acme:1.0:User:BADGE", json!({"urn:x:acme:1.0:User": {"badge": 7}})),
            ("URN:x:acme:1.0:User", json!({"urn:x:acme:1.0:User": {"badge": 7, "floor": 1}})),
            ("urn:acme:EXT", json!({"urn:acme:ext": {"desk": {"no": 1}}})),
            ("urn:acme:ext:desk.no", json!({"urn:acme:ext": {"desk": {"no": 1}}})),
            ("password,title", json!({})),
        ] {
            assert_eq!(only(names), expected, "{names}");
        }
    }

    #[test]
    fn excluded_attributes_removes_the_named_attributes() {
        assert_eq!(affected("userName,meta"), ["meta", "userName"]);
        assert_eq!(affected("id,schemas"), Vec::<String>::new());
        assert_eq!(affected("emails.type,title"), ["emails"]);
        assert_eq!(affected("name.givenName"), ["name"]);
        assert_eq!(affected(urn::ENTERPRISE_USER), [urn::ENTERPRISE_USER]);
        assert_eq!(affected("urn:acme:ext"), ["urn:acme:ext"]);
        assert_eq!(affected("urn:acme:ext:desk"), ["urn:acme:ext"]);
    }

    #[test]
    fn conflicting_parameters_and_unknown_names_are_refused() {
        assert_eq!(parse(Some("id"), Some("meta")).unwrap_err().status, 400);
        assert_eq!(parse(Some(""), Some(" , ")), Ok(Projection::by_default(ResourceType::User)));
        for name in ["nope", "name.nope", "members", "emails[type pr]", "userName.x"] {
            let error = parse(Some(name), None).expect_err(name);
            assert_eq!(error.status, 400);
        }
        assert!(parse(Some(&vec!["id"; MAX_NAMES + 1].join(",")), None).is_err());
    }

    #[test]
    fn the_lenient_profile_ignores_and_notes_unknown_names() {
        let reading = Reading::new(Profile::Lenient);
        let parse =
            |attributes, excluded| Projection::parse(ResourceType::User, attributes, excluded, &reading);
        let selected = parse(Some("employeeType,title, name.initials"), None).unwrap().apply(ada());
        assert_eq!(selected.keys().collect::<Vec<_>>(), ["id", "schemas"]);
        assert_eq!(parse(Some("nope"), None).unwrap().apply(ada()), selected, "it selects nothing");
        assert_eq!(parse(None, Some("nope")).unwrap().apply(ada()), ada());
        let emails = parse(Some("emails[type pr].type"), None).unwrap().apply(ada());
        assert_eq!(emails["emails"], json!([{"type": "work"}, {"type": "home"}]));
        assert!(parse(Some("emails[nope pr]"), None).is_err(), "the filter is invalid");
        let notes = "unknown-attribute employeeType, unknown-attribute name.initials, unknown-attribute nope, converted emails";
        assert_eq!(reading.into_notes().to_string(), notes);
    }

    #[test]
    fn members_are_included_only_where_the_response_can_contain_them() {
        let reading = Reading::new(Profile::Strict);
        let group = |attributes, excluded| {
            Projection::parse(ResourceType::Group, attributes, excluded, &reading).unwrap()
        };
        assert!(!group(None, Some("MEMBERS")).includes("members"));
        assert!(!group(Some("id"), None).includes("members"));
        assert!(group(Some("members.value"), None).includes("members"));
        assert!(group(None, Some("members.display")).includes("members"));
        assert!(group(None, None).includes("members"));
        assert!(group(None, None).includes_sub_attribute("members", "display"));
        assert!(group(Some("members"), None).includes_sub_attribute("members", "display"));
        assert!(group(None, Some("members.value")).includes_sub_attribute("members", "display"));
        assert!(!group(Some("members.value"), None).includes_sub_attribute("members", "display"));
        assert!(!group(None, Some("members.display")).includes_sub_attribute("members", "display"));
        assert!(group(None, Some("id")).includes("id"));
    }

    #[test]
    fn groups_of_a_user_are_included_unless_they_are_excluded() {
        assert!(Projection::by_default(ResourceType::User).includes("groups"));
        assert!(parse(None, Some("title")).unwrap().includes("groups"));
        assert!(!parse(None, Some("Groups")).unwrap().includes("groups"));
        assert!(!parse(Some("userName"), None).unwrap().includes("groups"));
        assert!(parse(Some("groups.display"), None).unwrap().includes("groups"));
        assert!(!parse(Some("password"), None).unwrap().includes("password"));
    }
}
