//! What an operation of a PATCH is about (RFC 7644, section 3.5.2, figure 7).

use super::error::excerpt;
use super::normal::unknown;
use super::resource_type::{is_urn, split_urn};
use super::schema::{Definition, Mutability, Schema};
use super::{Profile, ResourceType, ScimError, ScimType, urn};
use crate::domain::filter::{Booleans, Brackets, LENGTH_LIMIT};
use serde_json::{Map, Value};

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Path<'t> {
    /// An attribute, or a part of it.
    Attribute(AttributePath<'t>),
    /// All attributes of an extension.
    Extension(&'static Schema),
    /// What belongs to a schema that Roster does not know.
    Foreign(ForeignPath),
}

/// An attribute, which of its values, and which part of them.
#[derive(Debug)]
pub(super) struct AttributePath<'t> {
    /// The extension that it belongs to; none of the core schema.
    pub(super) extension: Option<&'static Schema>,
    pub(super) attribute: &'static Definition,
    /// Which elements of a list are meant.
    pub(super) brackets: Option<Brackets<'t>>,
    pub(super) part: Option<&'static Definition>,
}

/// A place in an extension that Roster does not know.
#[derive(Debug, PartialEq)]
pub(super) struct ForeignPath {
    pub(super) urn: String,
    /// The names that lead to it, at most two; without any it is the extension itself.
    pub(super) names: Vec<String>,
}

/// What Entra ID names without the URN of its extension.
const BARE: &str = "manager";

impl<'t> Path<'t> {
    /// Reads a path, or a key of a value that stands for one. Where it begins with a URN, the extensions that the
    /// resource already has are known too. `whole`: the value is an object, as that of an extension is. Leniently,
    /// booleans in brackets may be strings.
    ///
    /// # Errors
    /// `invalidPath`, and `invalidFilter` for what stands in brackets.
    pub(super) fn read(
        text: &'t str,
        kind: ResourceType,
        resource: &Map<String, Value>,
        whole: bool,
        profile: Profile,
    ) -> Result<Self, ScimError> {
        if text.len() > LENGTH_LIMIT {
            return Err(refuse(text, "is longer than 4 KiB"));
        }
        let mut urns: Vec<&str> = kind.urns().collect();
        if is_urn(text) {
            urns.extend(resource.keys().map(String::as_str).filter(|name| is_urn(name)));
        }
        match split_urn(text, urns) {
            Some((urn, behind)) if urn.eq_ignore_ascii_case(kind.schema().id) => {
                attribute(kind, None, behind, profile)
            }
            Some((urn, behind)) => match kind.extension(urn) {
                Some(extension) if behind.is_empty() => Ok(Self::Extension(extension)),
                Some(extension) => attribute(kind, Some(extension), behind, profile),
                None => foreign(text, urn, behind),
            },
            None if is_urn(text) => unheard(text, whole),
            None => attribute(kind, None, text, profile),
        }
    }
}

impl AttributePath<'_> {
    /// Its name in errors.
    pub(super) fn name(&self) -> String {
        let attribute = match self.extension {
            Some(extension) => format!("{}:{}", extension.id, self.attribute.name),
            None => self.attribute.name.to_owned(),
        };
        match self.part {
            Some(part) => format!("{attribute}.{}", part.name),
            None => attribute,
        }
    }
}

/// `ATTRNAME [ "[" filter "]" ] [ "." part ]`, in a schema.
fn attribute<'t>(
    kind: ResourceType,
    extension: Option<&'static Schema>,
    text: &'t str,
    profile: Profile,
) -> Result<Path<'t>, ScimError> {
    let name = text.split(['.', '[']).next().unwrap_or_default();
    let (extension, attribute) = named(kind, extension, name).ok_or_else(|| no_attribute(text))?;
    let behind = text.strip_prefix(name).unwrap_or_default();
    let (brackets, behind) = if behind.starts_with('[') {
        let brackets = brackets(attribute, text, behind, profile)?;
        let behind = brackets.behind;
        (Some(brackets), behind)
    } else {
        (None, behind)
    };
    let part = match behind.strip_prefix('.') {
        Some(name) => Some(attribute.part(name).ok_or_else(|| no_attribute(text))?),
        None if behind.is_empty() => None,
        None => return Err(refuse(text, "goes on behind its brackets")),
    };
    Ok(Path::Attribute(AttributePath { extension, attribute, brackets, part }))
}

/// The attribute of a name, and the extension that it belongs to.
fn named(
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
    let bare = name.eq_ignore_ascii_case(BARE).then(|| kind.extension(urn::ENTERPRISE_USER)).flatten()?;
    bare.attribute(name).map(|attribute| (Some(bare), attribute))
}

fn brackets<'t>(
    attribute: &'static Definition,
    text: &str,
    behind: &'t str,
    profile: Profile,
) -> Result<Brackets<'t>, ScimError> {
    if attribute.mutability == Mutability::ReadOnly {
        return Err(ScimType::Mutability.error(format!("{} is read-only", attribute.name)));
    }
    let list = attribute.attribute.filter(|_| attribute.multi_valued);
    let list = list.ok_or_else(|| refuse(text, "has brackets, but not behind a list"))?;
    Brackets::read(behind, list, spelling(profile)).map_err(|mut error| {
        error.position += text.chars().count() - behind.chars().count();
        ScimType::InvalidFilter.error(format!("the path '{}' is wrong at {error}", excerpt(text)))
    })
}

/// How booleans may be spelt in filters.
#[must_use]
pub fn spelling(profile: Profile) -> Booleans {
    match profile {
        Profile::Lenient => Booleans::OrStrings,
        Profile::Strict => Booleans::Json,
    }
}

/// A URN that nothing here is named by. In SCIM's URNs a version and a name come last, and an attribute behind them;
/// where there is no version, the value must tell the extension from an attribute.
fn unheard(text: &str, whole: bool) -> Result<Path<'static>, ScimError> {
    let core = text.split_at_checked(urn::CORE.len());
    if core.is_some_and(|(head, _)| head.eq_ignore_ascii_case(urn::CORE)) {
        return Err(no_attribute(text));
    }
    let colons: Vec<usize> = text.match_indices(':').map(|(at, _)| at).collect();
    let version = text.split(':').collect::<Vec<_>>().iter().rposition(|segment| is_version(segment));
    let end = match version.map(|version| (colons.get(version), colons.get(version + 1))) {
        Some((Some(_), Some(behind_name))) => Some(*behind_name),
        Some((Some(_), None)) => None,
        _ if whole => None,
        _ => colons.last().copied().filter(|_| colons.len() > 1),
    };
    let (urn, behind) = end.and_then(|end| text.split_at_checked(end)).unwrap_or((text, ""));
    foreign(text, urn, behind.strip_prefix(':').unwrap_or_default())
}

fn is_version(segment: &str) -> bool {
    segment.starts_with(|c: char| c.is_ascii_digit())
        && segment.chars().all(|c| c.is_ascii_digit() || c == '.')
}

fn foreign(text: &str, urn: &str, behind: &str) -> Result<Path<'static>, ScimError> {
    let names: Vec<String> = match behind {
        "" => Vec::new(),
        names => names.split('.').map(str::to_owned).collect(),
    };
    let strange = |name: &String| name.is_empty() || name.contains(|c: char| "[]\": ".contains(c));
    if names.len() > 2 || names.iter().any(strange) {
        return Err(refuse(text, "leads nowhere in a schema that is not known here"));
    }
    Ok(Path::Foreign(ForeignPath { urn: urn.to_owned(), names }))
}

fn no_attribute(text: &str) -> ScimError {
    unknown(text).with_type(ScimType::InvalidPath)
}

fn refuse(text: &str, why: &str) -> ScimError {
    ScimType::InvalidPath.error(format!("the path '{}' {why}", excerpt(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Path<'_>, ScimError> {
        let resource = json!({"urn:x:acme:1.0:User": {"badge": 1}, "userName": "ada"});
        Path::read(text, ResourceType::User, resource.as_object().unwrap(), false, Profile::Strict)
    }

    /// A path in the spelling of the schemas.
    fn spelled(text: &str) -> String {
        match read(text).unwrap() {
            Path::Attribute(path) => {
                let brackets =
                    path.brackets.as_ref().map_or(String::new(), |found| format!(" {:?}", found.strings));
                path.name() + &brackets
            }
            Path::Extension(extension) => extension.id.to_owned(),
            Path::Foreign(path) => format!("{} {}", path.urn, path.names.join(".")),
        }
    }

    #[test]
    fn item_42_paths_are_split_at_their_urn() {
        let enterprise = |name: &str| format!("{}{name}", urn::ENTERPRISE_USER);
        for (text, is) in [
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
            assert_eq!(spelled(text), is, "{text}");
        }
        let none = Map::new();
        let whole = Path::read("urn:x:other:tag", ResourceType::User, &none, true, Profile::Strict).unwrap();
        assert!(matches!(whole, Path::Foreign(path) if path.urn == "urn:x:other:tag"));
    }

    #[test]
    fn item_7_names_in_paths_have_no_case() {
        assert_eq!(spelled("NAME.GIVENNAME"), "name.givenName");
        assert_eq!(spelled("Emails[Type EQ \"work\"].Value"), "emails.value [\"work\"]");
    }

    #[test]
    fn item_41_a_manager_is_found_without_its_urn() {
        assert_eq!(spelled("Manager"), format!("{}:manager", urn::ENTERPRISE_USER));
        assert!(read("department").is_err());
    }

    #[test]
    fn item_52_a_bad_path_is_invalid() {
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
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:core:2.0:Group:displayName",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:nope",
            "urn:x:acme:1.0:User:a.b.c",
            "urn:x:acme:1.0:User:a..b",
            "urn:x:acme:1.0:User:list[value eq 1]",
            "urn:x:other:2.0:User:a:b",
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.scim_type, Some(ScimType::InvalidPath), "{text}: {error}");
        }
        let long = format!("emails[type eq \"{}\"]", "a".repeat(LENGTH_LIMIT));
        assert_eq!(read(&long).unwrap_err().scim_type, Some(ScimType::InvalidPath));
    }

    #[test]
    fn item_11_a_bad_filter_in_a_path_is_told_with_its_position() {
        for (text, position) in [
            ("emails[type is \"work\"]", 13),
            ("emails[typ eq \"work\"].value", 8),
            ("emails[type eq \"work\"", 22),
            ("emails[primary gt true]", 16),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.scim_type, Some(ScimType::InvalidFilter), "{text}: {error}");
            assert!(error.detail.contains(&format!("position {position}:")), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in any::<String>()) {
            drop(read(&text));
        }

        #[test]
        fn no_heap_of_words_breaks_the_reader(words in prop::collection::vec(prop::sample::select(vec![
            "urn:", "urn:ietf:params:scim:schemas:core:2.0:User", ":", ".", "emails", "[", "]", "type", " eq ", "\"a\"",
            "manager", "2.0", "User", "value", "é", "URN:x:acme:1.0:User",
        ]), 0..12)) {
            drop(read(&words.concat()));
        }
    }
}
