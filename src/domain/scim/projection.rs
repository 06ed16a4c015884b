//! What of a resource an answer shows (RFC 7644, section 3.9).

use super::error::excerpt;
use super::path::{AttributePath, Path};
use super::schema::{COMMON, Returned};
use super::{Profile, ResourceType, ScimError, ScimType};
use serde_json::{Map, Value};

/// What of resources of one kind is shown. What is returned always, comes always.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    kind: ResourceType,
    named: Named,
}

/// What the client names: each attribute by the keys that lead to it.
#[derive(Clone, Debug, PartialEq)]
enum Named {
    /// Nothing: what is returned by default is shown.
    Nothing,
    /// Only these.
    Only(Vec<Keys>),
    /// All but these.
    Without(Vec<Keys>),
}

type Keys = Vec<String>;

/// The most names.
const NAME_LIMIT: usize = 100;

impl Projection {
    /// Everything that is returned by default.
    #[must_use]
    pub fn whole(kind: ResourceType) -> Self {
        Self { kind, named: Named::Nothing }
    }

    /// Reads `attributes` and `excludedAttributes`, names with commas between them.
    ///
    /// # Errors
    /// `invalidSyntax` for a name that no attribute has, `invalidValue` for both parameters together and for too many
    /// names.
    pub fn read(
        kind: ResourceType,
        attributes: Option<&str>,
        excluded: Option<&str>,
    ) -> Result<Self, ScimError> {
        let named = match (read_names(kind, attributes)?, read_names(kind, excluded)?) {
            (None, None) => Named::Nothing,
            (Some(only), None) => Named::Only(only),
            (None, Some(without)) => Named::Without(without),
            _ => {
                let detail = "attributes and excludedAttributes exclude each other";
                return Err(ScimType::InvalidValue.error(detail));
            }
        };
        Ok(Self { kind, named })
    }

    /// The names in `attributes` or `excludedAttributes`.
    ///
    /// # Errors
    /// `invalidValue` for too many.
    pub fn names(text: &str) -> Result<Vec<&str>, ScimError> {
        let names = || text.split(',').map(str::trim).filter(|name| !name.is_empty());
        if names().nth(NAME_LIMIT).is_some() {
            return Err(ScimType::InvalidValue.error(format!("at most {NAME_LIMIT} attributes can be named")));
        }
        Ok(names().collect())
    }

    /// Whether a resource may show anything of an attribute: if not, it need not be looked up.
    #[must_use]
    pub fn shows(&self, attribute: &str) -> bool {
        let returned = self.kind.attribute(attribute).map(|definition| definition.returned);
        match (&self.named, returned) {
            (_, Some(Returned::Always)) => true,
            (_, Some(Returned::Never) | None) => false,
            (Named::Only(names), _) => names.iter().any(|keys| is_first(keys, attribute)),
            (_, Some(Returned::Request)) => false,
            (Named::Without(names), _) => {
                !names.iter().any(|keys| is_first(keys, attribute) && keys.len() == 1)
            }
            (Named::Nothing, _) => true,
        }
    }

    /// Whether that is so of a part of an attribute.
    #[must_use]
    pub fn shows_part(&self, attribute: &str, part: &str) -> bool {
        let names_it = |keys: &Keys| {
            let inner = keys.get(1).is_none_or(|inner| inner.eq_ignore_ascii_case(part));
            is_first(keys, attribute) && inner
        };
        let is_named = match &self.named {
            Named::Nothing => true,
            Named::Only(names) => names.iter().any(names_it),
            Named::Without(names) => !names.iter().any(names_it),
        };
        is_named && self.shows(attribute)
    }

    /// What is shown of a resource, of which nothing was looked up that need not be.
    #[must_use]
    pub fn apply(&self, resource: Map<String, Value>) -> Map<String, Value> {
        let (names, named) = match &self.named {
            Named::Nothing => return resource,
            Named::Only(names) => (names, true),
            Named::Without(names) => (names, false),
        };
        let always = |name: &String| {
            COMMON.iter().any(|common| common.returned == Returned::Always && common.name == name)
        };
        let (mut shown, rest): (Map<_, _>, Map<_, _>) =
            resource.into_iter().partition(|(name, _)| always(name));
        shown.extend(select(rest, &names.iter().map(Vec::as_slice).collect::<Vec<_>>(), named));
        shown
    }
}

fn read_names(kind: ResourceType, text: Option<&str>) -> Result<Option<Vec<Keys>>, ScimError> {
    let names = Projection::names(text.unwrap_or_default())?;
    let read: Vec<Vec<Keys>> = names.into_iter().map(|name| keys(kind, name)).collect::<Result<_, _>>()?;
    Ok((!read.is_empty()).then(|| read.concat()))
}

/// The keys that lead to what a name means, or to each of what it may mean.
fn keys(kind: ResourceType, name: &str) -> Result<Vec<Keys>, ScimError> {
    let path = Path::read(name, kind, &Map::new(), false, Profile::Strict)
        .map_err(|error| error.with_type(ScimType::InvalidSyntax))?;
    match path {
        Path::Attribute(AttributePath { extension, attribute, brackets: None, part }) => {
            let keys = extension.map(|extension| extension.id).into_iter();
            let keys = keys.chain([attribute.name]).chain(part.map(|part| part.name));
            Ok(vec![keys.map(str::to_owned).collect()])
        }
        Path::Extension(extension) => Ok(vec![vec![extension.id.to_owned()]]),
        // Where a URN has no version, nothing tells an extension from an attribute of one.
        Path::Foreign(foreign) => {
            let keys = [foreign.urn].into_iter().chain(foreign.names).collect();
            Ok(vec![vec![name.to_owned()], keys])
        }
        Path::Attribute(_) => {
            let detail = format!("'{}' is not the name of an attribute", excerpt(name));
            Err(ScimType::InvalidSyntax.error(detail))
        }
    }
}

fn is_first(keys: &[String], name: &str) -> bool {
    keys.first().is_some_and(|first| first.eq_ignore_ascii_case(name))
}

/// Keeps of an object what is named, or what is not. What is left without anything in it goes too.
fn select(map: Map<String, Value>, names: &[&[String]], named: bool) -> Map<String, Value> {
    let select = |(key, value): (String, Value)| {
        let about = names.iter().copied().filter(|keys| is_first(keys, &key));
        let inside: Vec<&[String]> = about.filter_map(|keys| keys.get(1..)).collect();
        let whole = inside.iter().any(|keys| keys.is_empty());
        match (whole, named) {
            (true, true) => Some((key, value)),
            (true, false) => None,
            (false, named) if inside.is_empty() => (!named).then_some((key, value)),
            (false, _) => select_inside(value, &inside, named).map(|value| (key, value)),
        }
    };
    map.into_iter().filter_map(select).collect()
}

/// The same of each object in a list.
fn select_inside(value: Value, names: &[&[String]], named: bool) -> Option<Value> {
    match value {
        Value::Object(map) => Some(select(map, names, named)).filter(|map| !map.is_empty()).map(Value::from),
        Value::Array(items) => {
            let items = items.into_iter().filter_map(|item| select_inside(item, names, named));
            Some(items.collect::<Vec<_>>()).filter(|items| !items.is_empty()).map(Value::from)
        }
        other => (!named).then_some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scim::urn;
    use serde_json::json;

    fn read(attributes: Option<&str>, excluded: Option<&str>) -> Result<Projection, ScimError> {
        Projection::read(ResourceType::User, attributes, excluded)
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

    fn only(names: &str) -> Value {
        let mut shown = read(Some(names), None).unwrap().apply(ada());
        assert_eq!(shown.remove("schemas"), Some(json!([urn::USER])), "{names}");
        assert_eq!(shown.remove("id"), Some(json!("i")), "{names}");
        shown.into()
    }

    fn without(names: &str) -> Vec<String> {
        let shown = read(None, Some(names)).unwrap().apply(ada());
        let gone = |(name, value): (String, Value)| (shown.get(&name) != Some(&value)).then_some(name);
        ada().into_iter().filter_map(gone).collect()
    }

    #[test]
    fn item_15_only_what_is_named_and_what_always_comes() {
        let enterprise = |value: Value| json!({(urn::ENTERPRISE_USER): value});
        for (names, shown) in [
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
            assert_eq!(only(names), shown, "{names}");
        }
    }

    #[test]
    fn item_15_all_but_what_is_named() {
        assert_eq!(without("userName,meta"), ["meta", "userName"]);
        assert_eq!(without("id,schemas"), Vec::<String>::new());
        assert_eq!(without("emails.type,title"), ["emails"]);
        assert_eq!(without("name.givenName"), ["name"]);
        assert_eq!(without(urn::ENTERPRISE_USER), [urn::ENTERPRISE_USER]);
        assert_eq!(without("urn:acme:ext"), ["urn:acme:ext"]);
        assert_eq!(without("urn:acme:ext:desk"), ["urn:acme:ext"]);
    }

    #[test]
    fn item_15_not_both_and_nothing_unknown() {
        assert_eq!(read(Some("id"), Some("meta")).unwrap_err().status, 400);
        assert_eq!(read(Some(""), Some(" , ")), Ok(Projection::whole(ResourceType::User)));
        for name in ["nope", "name.nope", "members", "emails[type pr]", "userName.x"] {
            let error = read(Some(name), None).expect_err(name);
            assert_eq!(error.status, 400);
        }
        assert!(read(Some(&vec!["id"; NAME_LIMIT + 1].join(",")), None).is_err());
    }

    #[test]
    fn item_15_members_are_not_looked_up_for_nothing() {
        let group =
            |attributes, excluded| Projection::read(ResourceType::Group, attributes, excluded).unwrap();
        assert!(!group(None, Some("MEMBERS")).shows("members"));
        assert!(!group(Some("id"), None).shows("members"));
        assert!(group(Some("members.value"), None).shows("members"));
        assert!(group(None, Some("members.display")).shows("members"));
        assert!(group(None, None).shows("members"));
        assert!(group(None, None).shows_part("members", "display"));
        assert!(group(Some("members"), None).shows_part("members", "display"));
        assert!(group(None, Some("members.value")).shows_part("members", "display"));
        assert!(!group(Some("members.value"), None).shows_part("members", "display"));
        assert!(!group(None, Some("members.display")).shows_part("members", "display"));
        assert!(group(None, Some("id")).shows("id"));
    }

    #[test]
    fn item_55_groups_come_when_they_are_asked_for() {
        assert!(!Projection::whole(ResourceType::User).shows("groups"));
        assert!(!read(None, Some("title")).unwrap().shows("groups"));
        assert!(read(Some("groups.display"), None).unwrap().shows("groups"));
        assert!(!read(Some("password"), None).unwrap().shows("password"));
    }
}
