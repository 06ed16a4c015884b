//! Resource types (RFC 7643, section 6) and the names that are valid in each.

use super::schema::{self, Definition, Schema};
use super::urn;

/// A resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum ResourceType {
    User,
    Group,
}

impl ResourceType {
    /// Every resource type.
    pub const ALL: [Self; 2] = [Self::User, Self::Group];

    /// The name, such as `User`.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// The path of the resources, relative to the base URL.
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
        }
    }

    /// The core schema.
    pub fn schema(self) -> &'static Schema {
        match self {
            Self::User => &schema::USER,
            Self::Group => &schema::GROUP,
        }
    }

    /// The URNs of the extensions that have a schema in Roster.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::User => &[urn::ENTERPRISE_USER],
            Self::Group => &[],
        }
    }

    /// Finds an attribute by its name, ignoring case: a common attribute (RFC 7643, section 3.1) or one of the core schema.
    pub fn attribute(self, name: &str) -> Option<&'static Definition> {
        schema::find(&schema::COMMON, name).or_else(|| schema::find(&self.schema().attributes, name))
    }

    /// Finds a known extension by its URN, ignoring case.
    pub fn extension(self, urn: &str) -> Option<&'static Schema> {
        let known = self.extensions().iter().any(|known| known.eq_ignore_ascii_case(urn));
        if known {
            schema::all().into_iter().find(|schema| schema.id.eq_ignore_ascii_case(urn))
        } else {
            None
        }
    }

    /// The URNs that can prefix an attribute name: those of the core schema and of the known extensions.
    pub(super) fn urns(self) -> impl Iterator<Item = &'static str> {
        self.extensions().iter().copied().chain([self.schema().id])
    }
}

/// Splits a name after the longest of `urns` that prefixes it. Dots and colons inside a URN are not separators. The second
/// part is empty when the name is the URN itself.
pub(super) fn split_urn<'n, 'u>(
    name: &'n str,
    urns: impl IntoIterator<Item = &'u str>,
) -> Option<(&'u str, &'n str)> {
    let split = |urn: &'u str| {
        let (head, rest) = name.split_at_checked(urn.len())?;
        let attribute = if rest.is_empty() { Some(rest) } else { rest.strip_prefix(':') };
        attribute.filter(|_| head.eq_ignore_ascii_case(urn)).map(|attribute| (urn, attribute))
    };
    urns.into_iter().filter_map(split).max_by_key(|(urn, _)| urn.len())
}

/// Whether a URN, which an attribute can follow, names a schema of RFC 7643.
pub(super) fn is_built_in(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.starts_with(urn::CORE) || text.starts_with(&urn::ENTERPRISE_USER.to_ascii_lowercase())
}

/// Whether a name is a URN or is prefixed by one.
pub(super) fn is_urn(name: &str) -> bool {
    name.split_at_checked(4).is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("urn:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_split_after_the_longest_known_urn() {
        let longer = "urn:ietf:params:scim:schemas:core:2.0:User:more";
        let urns = [urn::USER, urn::ENTERPRISE_USER, longer];
        for (name, split) in [
            (
                "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName",
                Some((urn::USER, "name.givenName")),
            ),
            ("URN:IETF:params:scim:schemas:core:2.0:user:emails[a:b]", Some((urn::USER, "emails[a:b]"))),
            ("urn:ietf:params:scim:schemas:core:2.0:User:more:x", Some((longer, "x"))),
            ("urn:ietf:params:scim:schemas:core:2.0:User:moree", Some((urn::USER, "moree"))),
            (urn::ENTERPRISE_USER, Some((urn::ENTERPRISE_USER, ""))),
            ("urn:ietf:params:scim:schemas:core:2.0:Users", None),
            ("urn:ietf:params:scim:schemas:core:2.0:Group:displayName", None),
            ("name.givenName", None),
            ("", None),
        ] {
            assert_eq!(split_urn(name, urns), split, "{name}");
        }
    }

    #[test]
    fn attribute_and_extension_names_are_case_insensitive() {
        let user = ResourceType::User;
        assert_eq!(user.attribute("USERNAME").unwrap().name, "userName");
        assert_eq!(user.attribute("externalid").unwrap().name, "externalId");
        assert_eq!(user.extension(&urn::ENTERPRISE_USER.to_uppercase()).unwrap().id, urn::ENTERPRISE_USER);
        assert!(user.attribute("members").is_none());
        assert!(user.extension(urn::USER).is_none());
        assert!(ResourceType::Group.extension(urn::ENTERPRISE_USER).is_none());
    }
}
