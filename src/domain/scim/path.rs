//! The paths of PATCH operations (RFC 7644, section 3.5.2, figure 7).

use super::normalize::unknown_attribute;
use super::resource_type::{is_built_in, is_urn, split_urn};
use super::schema::{Definition, Mutability, Schema};
use super::{Profile, ResourceType, ScimError, ScimType, urn};
use crate::domain::excerpt;
use crate::domain::filter::{LENGTH_LIMIT, ValueFilter};
use serde_json::{Map, Value};

#[derive(Debug)]
pub(super) enum Path<'t> {
    /// An attribute or a sub-attribute.
    Attribute(AttributePath<'t>),
    /// All attributes of the core schema.
    Core,
    /// All attributes of a known extension.
    Extension(&'static Schema),
    /// An extension without a schema in Roster, or an attribute of one.
    UnknownExtension(UnknownExtensionPath),
    /// An attribute or a sub-attribute that no schema defines.
    Unknown,
}

/// A path to an attribute of a known schema.
#[derive(Debug)]
pub(super) struct AttributePath<'t> {
    /// The extension that defines the attribute; `None` for the core schema.
    pub(super) extension: Option<&'static Schema>,
    pub(super) attribute: &'static Definition,
    /// The filter that selects elements of a multi-valued attribute.
    pub(super) value_filter: Option<ValueFilter<'t>>,
    pub(super) sub_attribute: Option<&'static Definition>,
}

/// A path into an extension without a schema in Roster.
#[derive(Debug, PartialEq)]
pub(super) struct UnknownExtensionPath {
    pub(super) urn: String,
    /// The attribute and sub-attribute, at most two names; empty for the extension itself.
    pub(super) names: Vec<String>,
}

/// The enterprise attribute that Entra ID sends without its URN.
const MANAGER: &str = "manager";

impl<'t> Path<'t> {
    /// Parses a path, or a key of a value that serves as one. URNs of extensions that the resource already has are
    /// recognized. `value_is_object` resolves an ambiguous URN to an extension. In the lenient profile, booleans in the
    /// value filter may be strings.
    ///
    /// # Errors
    /// `invalidPath`; `invalidFilter` when the value filter is invalid; `mutability` when a path to a read-only
    /// attribute has a value filter, in the strict profile.
    pub(super) fn parse(
        text: &'t str,
        kind: ResourceType,
        resource: &Map<String, Value>,
        value_is_object: bool,
        profile: Profile,
    ) -> Result<Self, ScimError> {
        if text.len() > LENGTH_LIMIT {
            return Err(invalid_path(text, "is longer than 4 KiB"));
        }
        let mut urns: Vec<&str> = kind.urns().collect();
        if is_urn(text) {
            urns.extend(resource.keys().map(String::as_str).filter(|name| is_urn(name)));
        }
        match split_urn(text, urns) {
            Some((urn, "")) if urn.eq_ignore_ascii_case(kind.schema().id) => Ok(Self::Core),
            Some((urn, rest)) if urn.eq_ignore_ascii_case(kind.schema().id) => {
                parse_attribute(kind, None, rest, profile)
            }
            Some((urn, rest)) => match kind.extension(urn) {
                Some(extension) if rest.is_empty() => Ok(Self::Extension(extension)),
                Some(extension) => parse_attribute(kind, Some(extension), rest, profile),
                None => unknown_extension(text, urn, rest),
            },
            None if is_urn(text) => parse_unknown_urn(text, value_is_object),
            None => parse_attribute(kind, None, text, profile),
        }
    }
}

impl AttributePath<'_> {
    /// The path without its value filter, for errors.
    pub(super) fn name(&self) -> String {
        let attribute = match self.extension {
            Some(extension) => format!("{}:{}", extension.id, self.attribute.name),
            None => self.attribute.name.to_owned(),
        };
        match self.sub_attribute {
            Some(sub_attribute) => format!("{attribute}.{}", sub_attribute.name),
            None => attribute,
        }
    }
}

/// Parses `ATTRNAME [ "[" valFilter "]" ] [ "." subAttr ]` within a schema.
fn parse_attribute<'t>(
    kind: ResourceType,
    extension: Option<&'static Schema>,
    text: &'t str,
    profile: Profile,
) -> Result<Path<'t>, ScimError> {
    let name = text.split(['.', '[']).next().unwrap_or_default();
    let Some((extension, attribute)) = find_attribute(kind, extension, name) else {
        return Ok(Path::Unknown);
    };
    let rest = text.strip_prefix(name).unwrap_or_default();
    if rest.starts_with('[') && attribute.mutability == Mutability::ReadOnly {
        return read_only_with_filter(extension, attribute, profile);
    }
    let (value_filter, rest) = if rest.starts_with('[') {
        let value_filter = parse_value_filter(attribute, text, rest, profile)?;
        let rest = value_filter.rest;
        (Some(value_filter), rest)
    } else {
        (None, rest)
    };
    let sub_attribute = match rest.strip_prefix('.') {
        Some(name) => match attribute.sub_attribute(name) {
            Some(sub_attribute) => Some(sub_attribute),
            None => return Ok(Path::Unknown),
        },
        None if rest.is_empty() => None,
        None => return Err(invalid_path(text, "has text after its closing bracket")),
    };
    Ok(Path::Attribute(AttributePath { extension, attribute, value_filter, sub_attribute }))
}

/// A path with a value filter to a read-only attribute. The lenient profile ignores operations on such a path, so the
/// filter is not parsed.
fn read_only_with_filter(
    extension: Option<&'static Schema>,
    attribute: &'static Definition,
    profile: Profile,
) -> Result<Path<'static>, ScimError> {
    if profile == Profile::Strict {
        return Err(ScimType::Mutability.error(format!("{} is read-only.", attribute.name)));
    }
    Ok(Path::Attribute(AttributePath { extension, attribute, value_filter: None, sub_attribute: None }))
}

/// Finds an attribute by its name, and the extension that defines it.
fn find_attribute(
    kind: ResourceType,
    extension: Option<&'static Schema>,
    name: &str,
) -> Option<(Option<&'static Schema>, &'static Definition)> {
    if let Some(schema) = extension {
        return schema.attribute(name).map(|attribute| (extension, attribute));
    }
    if let Some(attribute) = kind.attribute(name) {
        return Some((None, attribute));
    }
    let is_manager = name.eq_ignore_ascii_case(MANAGER);
    let enterprise = is_manager.then(|| kind.extension(urn::ENTERPRISE_USER)).flatten()?;
    enterprise.attribute(name).map(|attribute| (Some(enterprise), attribute))
}

fn parse_value_filter<'t>(
    attribute: &'static Definition,
    text: &str,
    rest: &'t str,
    profile: Profile,
) -> Result<ValueFilter<'t>, ScimError> {
    let list = attribute.attribute.filter(|_| attribute.multi_valued);
    let list = list.ok_or_else(|| {
        invalid_path(text, "has a filter in brackets, but the attribute is not multi-valued")
    })?;
    ValueFilter::parse(rest, list, profile.literals()).map_err(|mut error| {
        error.position += text.chars().count() - rest.chars().count();
        ScimType::InvalidFilter.error(format!("The path '{}' is invalid at {error}.", excerpt(text)))
    })
}

/// Parses a path with a URN that neither the schemas nor the resource contain. A SCIM URN ends with a version and a name,
/// which an attribute can follow. Where a URN has no version, the type of the value decides whether the path names an
/// extension or an attribute of one.
fn parse_unknown_urn(text: &str, value_is_object: bool) -> Result<Path<'static>, ScimError> {
    if is_built_in(text) {
        return Ok(Path::Unknown);
    }
    let colons: Vec<usize> = text.match_indices(':').map(|(at, _)| at).collect();
    let version = text.split(':').collect::<Vec<_>>().iter().rposition(|segment| is_version(segment));
    let end = match version.map(|version| (colons.get(version), colons.get(version + 1))) {
        Some((Some(_), Some(after_name))) => Some(*after_name),
        Some((Some(_), None)) => None,
        _ if value_is_object => None,
        _ => colons.last().copied().filter(|_| colons.len() > 1),
    };
    let (urn, rest) = end.and_then(|end| text.split_at_checked(end)).unwrap_or((text, ""));
    unknown_extension(text, urn, rest.strip_prefix(':').unwrap_or_default())
}

fn is_version(segment: &str) -> bool {
    segment.starts_with(|c: char| c.is_ascii_digit())
        && segment.chars().all(|c| c.is_ascii_digit() || c == '.')
}

fn unknown_extension(text: &str, urn: &str, rest: &str) -> Result<Path<'static>, ScimError> {
    let names: Vec<String> = match rest {
        "" => Vec::new(),
        names => names.split('.').map(str::to_owned).collect(),
    };
    let is_invalid = |name: &String| name.is_empty() || name.contains(|c: char| "[]\": ".contains(c));
    if names.len() > 2 || names.iter().any(is_invalid) {
        let reason = "is not valid in an extension without a schema, where only attribute.subAttribute may follow the URN";
        return Err(invalid_path(text, reason));
    }
    Ok(Path::UnknownExtension(UnknownExtensionPath { urn: urn.to_owned(), names }))
}

/// The name of a path to an attribute is a path to the same attribute.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(text: &str) {
    for kind in ResourceType::ALL {
        for (value_is_object, profile) in [(false, Profile::Strict), (true, Profile::Lenient)] {
            let parse = |text| Path::parse(text, kind, &Map::new(), value_is_object, profile);
            let Ok(Path::Attribute(path)) = parse(text) else { continue };
            let name = path.name();
            let same = parse(&name);
            assert!(matches!(&same, Ok(Path::Attribute(same)) if same.name() == name), "{name}: {same:?}");
        }
    }
}

/// The error for a path that names an attribute that no schema defines.
pub(super) fn no_attribute(text: &str) -> ScimError {
    unknown_attribute(text).with_type(ScimType::InvalidPath)
}

fn invalid_path(text: &str, reason: &str) -> ScimError {
    ScimType::InvalidPath.error(format!("The path '{}' {reason}.", excerpt(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parse(text: &str) -> Result<Path<'_>, ScimError> {
        let resource = json!({"urn:x:acme:1.0:User": {"badge": 1}, "userName": "ada"});
        match Path::parse(text, ResourceType::User, resource.as_object().unwrap(), false, Profile::Strict) {
            Ok(Path::Unknown) => Err(no_attribute(text)),
            parsed => parsed,
        }
    }

    /// A path in the case of the schemas.
    fn canonical(text: &str) -> String {
        match parse(text).unwrap() {
            Path::Attribute(path) => {
                let value_filter =
                    path.value_filter.as_ref().map_or(String::new(), |found| format!(" {:?}", found.strings));
                path.name() + &value_filter
            }
            Path::Core => urn::USER.to_owned(),
            Path::Extension(extension) => extension.id.to_owned(),
            Path::UnknownExtension(path) => format!("{} {}", path.urn, path.names.join(".")),
            Path::Unknown => unreachable!("parse reports it as an error"),
        }
    }

    #[test]
    fn paths_are_split_after_their_urn() {
        let enterprise = |name: &str| format!("{}{name}", urn::ENTERPRISE_USER);
        for (text, expected) in [
            ("userName", "userName".to_owned()),
            ("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName", "name.givenName".to_owned()),
            ("urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq \"a:b.c]\"].value", {
                "emails.value [\"a:b.c]\"]".to_owned()
            }),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", enterprise(":manager")),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value", {
                enterprise(":manager.value")
            }),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", enterprise("")),
            ("urn:x:acme:1.0:User", "urn:x:acme:1.0:User ".to_owned()),
            ("URN:X:acme:1.0:user:Badge.no", "urn:x:acme:1.0:User Badge.no".to_owned()),
            ("urn:x:other:2.0:User:tag", "urn:x:other:2.0:User tag".to_owned()),
            ("urn:x:other:2.0:User", "urn:x:other:2.0:User ".to_owned()),
            ("urn:x:other:tag", "urn:x:other tag".to_owned()),
        ] {
            assert_eq!(canonical(text), expected, "{text}");
        }
        let empty = Map::new();
        let extension =
            Path::parse("urn:x:other:tag", ResourceType::User, &empty, true, Profile::Strict).unwrap();
        assert!(matches!(extension, Path::UnknownExtension(path) if path.urn == "urn:x:other:tag"));
    }

    #[test]
    fn names_in_paths_are_case_insensitive() {
        assert_eq!(canonical("NAME.GIVENNAME"), "name.givenName");
        assert_eq!(canonical("Emails[Type EQ \"work\"].Value"), "emails.value [\"work\"]");
    }

    #[test]
    fn manager_needs_no_urn() {
        assert_eq!(canonical("Manager"), format!("{}:manager", urn::ENTERPRISE_USER));
        assert!(parse("department").is_err());
    }

    #[test]
    fn malformed_paths_are_invalid() {
        for text in [
            "",
            "nope",
            "name.nope",
            "name.givenName.x",
            ".name",
            "name.",
            "title.x",
            "emails[type eq \"work\"]value",
            "emails[type eq \"work\"].nope",
            "name[givenName pr]",
            "title[value pr]",
            "userName ",
            "members",
            "urn:ietf:params:scim:schemas:core:2.0:Group:displayName",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:nope",
            "urn:x:acme:1.0:User:a.b.c",
            "urn:x:acme:1.0:User:a..b",
            "urn:x:acme:1.0:User:list[value eq 1]",
            "urn:x:other:2.0:User:a:b",
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.scim_type, Some(ScimType::InvalidPath), "{text}: {error}");
        }
        let long = format!("emails[type eq \"{}\"]", "a".repeat(LENGTH_LIMIT));
        assert_eq!(parse(&long).unwrap_err().scim_type, Some(ScimType::InvalidPath));
    }

    #[test]
    fn an_invalid_value_filter_is_reported_with_its_position() {
        for (text, position) in [
            ("emails[type is \"work\"]", 13),
            ("emails[typ eq \"work\"].value", 8),
            ("emails[type eq \"work\"", 22),
            ("emails[primary gt true]", 16),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.scim_type, Some(ScimType::InvalidFilter), "{text}: {error}");
            assert!(error.detail.contains(&format!("position {position}:")), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn parsing_any_text_does_not_panic(text in any::<String>()) {
            drop(parse(&text));
        }

        #[test]
        fn parsing_any_sequence_of_tokens_does_not_panic(tokens in prop::collection::vec(prop::sample::select(vec![
            "urn:", "urn:ietf:params:scim:schemas:core:2.0:User", ":", ".", "emails", "[", "]", "type", " eq ", "\"a\"",
            "manager", "2.0", "User", "value", "é", "URN:x:acme:1.0:User",
        ]), 0..12)) {
            drop(parse(&tokens.concat()));
        }
    }
}
