//! The attributes of resources: what their values are, how they are compared, and by which names clients call them.

use super::sort::SortBy;
use std::slice;

/// What resources of one type are made of, and what can be asked of them.
#[derive(Debug)]
pub struct Schema {
    /// What many of them are called.
    pub plural: &'static str,
    /// What each shows.
    pub attributes: &'static [Attribute],
    /// Lists that none shows, but that filters ask for: what it is joined with by memberships.
    pub joined: &'static [Attribute],
    /// The same for SCIM's filters, with what SCIM says of all resources or lists alike.
    scim: &'static [Attribute],
    /// What they can be sorted by.
    pub sorts: &'static [SortBy],
    /// What of that a resource may be without.
    pub optional_sorts: &'static [SortBy],
    /// The URN of the core schema, in lower case.
    urn: &'static str,
    /// An extension: its URN in lower case, and the attribute that its attributes are parts of.
    extension: Option<(&'static str, &'static str)>,
}

/// An attribute, or a part of one.
#[derive(Debug)]
pub struct Attribute {
    /// Its name in the native API, which is the key of its value in a document.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
}

/// What values are, and with that how they are compared.
#[derive(Debug)]
pub enum Kind {
    /// A string that RFC 7643 calls caseExact false: compared folded.
    Text,
    /// A string that is compared exactly.
    Exact,
    /// Base64: compared exactly, and without an order.
    Binary,
    /// True or false.
    Boolean,
    /// A point in time.
    Time,
    /// A whole number.
    Integer,
    /// The id of a resource.
    Id,
    /// An object of these parts.
    Object(&'static [Attribute]),
    /// A list of objects of these parts.
    List(&'static [Attribute]),
    /// A string that is the same in all, for SCIM alone: compared folded.
    Constant(&'static str),
    /// The URNs of the schemas that a resource is of, for SCIM alone.
    Urns,
    /// The caller's own JSON, or what is computed for an answer: nothing to compare.
    Opaque,
}

/// The names that a face of Roster has for attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vocabulary {
    /// The native API's.
    Native,
    /// SCIM's: times stand in `meta`, the enterprise extension under its URN.
    Scim,
}

/// What SCIM calls otherwise.
const SCIM_NAMES: [(&str, &str); 2] = [("meta.created", "createdAt"), ("meta.lastmodified", "updatedAt")];
/// What SCIM does not know by its native name.
const NATIVE_NAMES: [&str; 8] =
    ["enterprise", "custom", "extensions", "externalIds", "memberCount", "version", "createdAt", "updatedAt"];

impl Vocabulary {
    /// The attribute that a name means, with what it is a part of before it. Names and URNs have no case (RFC 7643,
    /// section 2.1), and a name may follow its schema's URN (RFC 7644, section 3.10).
    #[must_use]
    pub fn find(self, schema: &Schema, name: &str) -> Option<Vec<&'static Attribute>> {
        self.find_among(schema.attributes, schema, &name.to_ascii_lowercase())
    }

    /// The same for filters, which may also ask for what resources are joined with.
    #[must_use]
    pub fn find_filterable(self, schema: &Schema, name: &str) -> Option<Vec<&'static Attribute>> {
        let name = name.to_ascii_lowercase();
        let joined = if self == Self::Scim { schema.scim } else { schema.joined };
        let joined = || self.find_among(joined, schema, &name);
        self.find_among(schema.attributes, schema, &name).or_else(joined)
    }

    fn find_among(
        self,
        attributes: &'static [Attribute],
        schema: &Schema,
        name: &str,
    ) -> Option<Vec<&'static Attribute>> {
        if let Some((urn, object)) = schema.extension
            && let Some(rest) = after_urn(name, urn)
        {
            let object = find(attributes, object)?;
            return descend(object.parts(), rest, vec![object]);
        }
        let name = after_urn(name, schema.urn).unwrap_or(name);
        if self == Self::Native {
            return descend(attributes, name, Vec::new());
        }
        if let Some((_, native)) = SCIM_NAMES.iter().find(|(scim, _)| *scim == name) {
            return Some(vec![find(attributes, native)?]);
        }
        // Entra ID asks for a manager as it patches it: without the URN of the extension.
        if let Some((_, object)) = schema.extension
            && name.split('.').next() == Some("manager")
        {
            let object = find(attributes, object)?;
            return descend(object.parts(), name, vec![object]);
        }
        let chain = descend(attributes, name, Vec::new())?;
        let known = chain.first().is_some_and(|first| !NATIVE_NAMES.contains(&first.name));
        known.then_some(chain)
    }
}

impl Schema {
    /// The attributes of which a resource must have a value to be of the schema of this URN; nothing when none is.
    #[must_use]
    pub fn of_urn(&self, urn: &str) -> Option<&'static [Attribute]> {
        if urn.eq_ignore_ascii_case(self.urn) {
            return Some(&[]);
        }
        let extension = self.extension.filter(|(known, _)| urn.eq_ignore_ascii_case(known));
        extension.and_then(|(_, object)| find(self.attributes, object)).map(slice::from_ref)
    }
}

fn after_urn<'n>(name: &'n str, urn: &str) -> Option<&'n str> {
    name.strip_prefix(urn)?.strip_prefix(':')
}

fn find(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

/// Follows a dotted name through the parts of attributes.
fn descend(
    attributes: &'static [Attribute],
    name: &str,
    mut above: Vec<&'static Attribute>,
) -> Option<Vec<&'static Attribute>> {
    let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
    let attribute = find(attributes, first)?;
    above.push(attribute);
    match rest {
        Some(rest) => descend(attribute.parts(), rest, above),
        None => Some(above),
    }
}

impl Attribute {
    /// The parts of an object or of a list's elements.
    #[must_use]
    pub fn parts(&self) -> &'static [Attribute] {
        match self.kind {
            Kind::Object(parts) | Kind::List(parts) => parts,
            _ => &[],
        }
    }

    /// The part of a name, whose case does not matter.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<&'static Attribute> {
        find(self.parts(), name)
    }
}

const fn of(name: &'static str, kind: Kind) -> Attribute {
    Attribute { name, kind }
}

const fn text(name: &'static str) -> Attribute {
    of(name, Kind::Text)
}

const fn constant(name: &'static str, value: &'static str) -> Attribute {
    of(name, Kind::Constant(value))
}

const fn opaque(name: &'static str) -> Attribute {
    of(name, Kind::Opaque)
}

const fn list(name: &'static str) -> Attribute {
    of(name, Kind::List(VALUED))
}

/// An element of a multi-valued attribute (RFC 7643, section 2.4).
const VALUED: &[Attribute] = &[text("value"), text("display"), text("type"), of("primary", Kind::Boolean)];

/// The same, of references (RFC 7643, section 2.3.7).
const REFERENCES: &[Attribute] =
    &[of("value", Kind::Exact), text("display"), text("type"), of("primary", Kind::Boolean)];

/// The same, of certificates (RFC 7643, section 2.3.6).
const CERTIFICATES: &[Attribute] =
    &[of("value", Kind::Binary), text("display"), text("type"), of("primary", Kind::Boolean)];

/// RFC 7643, section 4.1.2.
const ADDRESS: &[Attribute] = &[
    text("formatted"),
    text("streetAddress"),
    text("locality"),
    text("region"),
    text("postalCode"),
    text("country"),
    text("type"),
    of("primary", Kind::Boolean),
];

/// RFC 7643, section 4.1.1.
const NAME: &[Attribute] = &[
    text("formatted"),
    text("familyName"),
    text("givenName"),
    text("middleName"),
    text("honorificPrefix"),
    text("honorificSuffix"),
];

/// RFC 7643, section 4.3.
const ENTERPRISE: &[Attribute] = &[
    text("employeeNumber"),
    text("costCenter"),
    text("organization"),
    text("division"),
    text("department"),
    of("manager", Kind::Object(&[text("value"), of("displayName", Kind::Opaque)])),
];

/// Users: RFC 7643, sections 4.1 and 4.3.
pub static USERS: Schema = Schema {
    plural: "users",
    attributes: USER,
    joined: &[of("groups", Kind::List(IDS))],
    scim: &[
        of("schemas", Kind::Urns),
        of("meta", Kind::Object(&[constant("resourceType", "User"), opaque("location"), opaque("version")])),
        of("groups", Kind::List(&[ID, constant("type", "direct"), opaque("display"), opaque("$ref")])),
    ],
    sorts: &[SortBy::Id, SortBy::UserName, SortBy::DisplayName, SortBy::CreatedAt, SortBy::UpdatedAt],
    optional_sorts: &[SortBy::DisplayName],
    urn: "urn:ietf:params:scim:schemas:core:2.0:user",
    extension: Some(("urn:ietf:params:scim:schemas:extension:enterprise:2.0:user", "enterprise")),
};

/// Groups: RFC 7643, section 4.2.
pub static GROUPS: Schema = Schema {
    plural: "groups",
    attributes: GROUP,
    joined: &[of("members", Kind::List(IDS))],
    scim: &[
        of("schemas", Kind::Urns),
        of("meta", Kind::Object(&[constant("resourceType", "Group"), opaque("location"), opaque("version")])),
        of("members", Kind::List(&[ID, constant("type", "User"), opaque("display"), opaque("$ref")])),
    ],
    sorts: &[SortBy::Id, SortBy::DisplayName, SortBy::CreatedAt, SortBy::UpdatedAt],
    optional_sorts: &[],
    urn: "urn:ietf:params:scim:schemas:core:2.0:group",
    extension: None,
};

/// The other side of memberships, of which nothing but the id is there to compare.
const IDS: &[Attribute] = &[ID];

const ID: Attribute = of("value", Kind::Id);

/// A user, as the native API shows it.
pub const USER: &[Attribute] = &[
    of("id", Kind::Id),
    text("userName"),
    of("externalId", Kind::Exact),
    of("name", Kind::Object(NAME)),
    text("displayName"),
    text("nickName"),
    of("profileUrl", Kind::Exact),
    text("title"),
    text("userType"),
    text("preferredLanguage"),
    text("locale"),
    text("timezone"),
    of("active", Kind::Boolean),
    list("emails"),
    list("phoneNumbers"),
    list("ims"),
    of("photos", Kind::List(REFERENCES)),
    of("addresses", Kind::List(ADDRESS)),
    list("entitlements"),
    list("roles"),
    of("x509Certificates", Kind::List(CERTIFICATES)),
    of("enterprise", Kind::Object(ENTERPRISE)),
    of("custom", Kind::Opaque),
    of("extensions", Kind::Opaque),
    of("externalIds", Kind::Opaque),
    of("version", Kind::Integer),
    of("createdAt", Kind::Time),
    of("updatedAt", Kind::Time),
];

/// A group, as the native API shows it.
pub const GROUP: &[Attribute] = &[
    of("id", Kind::Id),
    text("displayName"),
    of("externalId", Kind::Exact),
    of("externalIds", Kind::Opaque),
    of("memberCount", Kind::Integer),
    of("custom", Kind::Opaque),
    of("extensions", Kind::Opaque),
    of("version", Kind::Integer),
    of("createdAt", Kind::Time),
    of("updatedAt", Kind::Time),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::group::{self, Group};
    use crate::domain::json::to_map;
    use crate::domain::user::{self, User};
    use serde::Serialize;
    use std::collections::BTreeSet;

    fn joined(chain: Option<Vec<&Attribute>>) -> Option<String> {
        Some(chain?.iter().map(|attribute| attribute.name).collect::<Vec<_>>().join("."))
    }

    fn names(vocabulary: Vocabulary, name: &str) -> Option<String> {
        joined(vocabulary.find(&USERS, name))
    }

    #[test]
    fn names_have_no_case_and_may_follow_their_urn() {
        for (name, native, scim) in [
            ("USERNAME", Some("userName"), Some("userName")),
            ("name.familyname", Some("name.familyName"), Some("name.familyName")),
            (
                "urn:ietf:params:scim:schemas:core:2.0:User:emails.value",
                Some("emails.value"),
                Some("emails.value"),
            ),
            (
                "URN:ietf:params:scim:schemas:extension:enterprise:2.0:USER:manager.value",
                Some("enterprise.manager.value"),
                Some("enterprise.manager.value"),
            ),
            ("enterprise.department", Some("enterprise.department"), None),
            ("department", None, None),
            ("Manager", None, Some("enterprise.manager")),
            ("manager.value", None, Some("enterprise.manager.value")),
            ("createdAt", Some("createdAt"), None),
            ("meta.created", None, Some("createdAt")),
            ("meta.lastModified", None, Some("updatedAt")),
            ("urn:ietf:params:scim:schemas:core:2.0:Group:displayName", None, None),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", None, None),
            ("password", None, None),
            ("name.", None, None),
            (".name", None, None),
            ("", None, None),
        ] {
            assert_eq!(names(Vocabulary::Native, name).as_deref(), native, "{name}");
            assert_eq!(names(Vocabulary::Scim, name).as_deref(), scim, "{name}");
        }
    }

    #[test]
    fn what_is_joined_is_for_filters_only() {
        for vocabulary in [Vocabulary::Native, Vocabulary::Scim] {
            for (schema, list) in [(&USERS, "groups"), (&GROUPS, "members")] {
                for name in [list.to_owned(), format!("{list}.value"), format!("{}:{list}", schema.urn)] {
                    assert_eq!(joined(vocabulary.find(schema, &name)), None);
                    let found = joined(vocabulary.find_filterable(schema, &name.to_uppercase()));
                    assert_eq!(found.as_deref(), name.rsplit(':').next());
                }
                let constant = (vocabulary == Vocabulary::Scim).then(|| format!("{list}.type"));
                assert_eq!(joined(vocabulary.find_filterable(schema, &format!("{list}.type"))), constant);
                assert_eq!(joined(vocabulary.find_filterable(schema, "nothing")), None);
            }
            assert_eq!(joined(vocabulary.find_filterable(&GROUPS, "groups")), None);
            assert_eq!(joined(vocabulary.find_filterable(&GROUPS, "userName")), None);
        }
    }

    #[track_caller]
    fn assert_shows(shown: &impl Serialize, attributes: &[Attribute]) {
        let shown = to_map(shown);
        let shown: BTreeSet<&str> = shown.keys().map(String::as_str).collect();
        assert_eq!(shown, attributes.iter().map(|attribute| attribute.name).collect());
    }

    /// What a resource shows and what its table knows are the same.
    #[test]
    fn every_field_is_here() {
        let user = User {
            id: uuid::Uuid::nil(),
            attributes: Default::default(),
            external_ids: Default::default(),
            version: 1,
            created_at: 0.into(),
            updated_at: 0.into(),
        };
        assert_shows(&user::Representation::from(&user), USER);
        let group = Group {
            id: uuid::Uuid::nil(),
            attributes: Default::default(),
            external_ids: Default::default(),
            member_count: 0,
            version: 1,
            created_at: 0.into(),
            updated_at: 0.into(),
        };
        assert_shows(&group::Representation::from(&group), GROUP);
    }
}
