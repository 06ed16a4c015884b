//! The schemas of users, groups and connections: the attributes that clients may name, filter by and sort by.

use super::attribute::{Attribute, CONNECTION, GROUP, Kind, Path, USER, find, of};
use derive_more::Display;
use std::slice;

/// The attributes of a type of resource, and the queries that it supports.
#[derive(Debug)]
pub struct Schema {
    /// The name of a collection of these resources.
    pub plural: &'static str,
    /// The attributes in responses.
    pub attributes: &'static [Attribute],
    /// The lists that responses omit but native filters may name: their values come from memberships.
    joined: &'static [Attribute],
    /// The attributes that only SCIM filters may name.
    scim_only: &'static [Attribute],
    /// The supported orders that an index provides.
    pub sorts: &'static [SortBy],
    /// The orders in `sorts` whose attribute may be absent.
    pub optional_sorts: &'static [SortBy],
    /// The URN of the core schema, in lower case, if the resources are in SCIM.
    urn: Option<&'static str>,
    /// The URN of an extension, in lower case, and the attribute that contains the extension's attributes.
    extension: Option<(&'static str, &'static str)>,
}

/// The attribute by which resources are sorted.
#[derive(Clone, Copy, Debug, Default, Display, PartialEq, Eq)]
#[display("{}", self.path().join("."))]
pub enum SortBy {
    /// The id. This is also the order of creation.
    #[default]
    Id,
    /// The case-folded userName.
    UserName,
    /// The case-folded displayName. Resources without one come last.
    DisplayName,
    /// The time of creation. This is the order of ids.
    CreatedAt,
    /// The time of the last change.
    UpdatedAt,
    /// Any other single-valued attribute, case-folded unless it is case-sensitive. No index provides this order.
    Other(&'static Path),
    /// A sub-attribute of a list, as the names of the list and the sub-attribute. Resources are sorted by its value in
    /// the primary element, or in the first element if none is primary (RFC 7644, section 3.4.2.3). No index provides
    /// this order.
    Element(&'static Path),
}

impl SortBy {
    /// The path of the attribute in the native vocabulary.
    pub fn path(&self) -> &[&'static str] {
        match self {
            Self::Id => &["id"],
            Self::UserName => &["userName"],
            Self::DisplayName => &["displayName"],
            Self::CreatedAt => &["createdAt"],
            Self::UpdatedAt => &["updatedAt"],
            Self::Other(path) | Self::Element(path) => path,
        }
    }

    /// Whether an index provides the order.
    pub fn is_indexed(self) -> bool {
        !matches!(self, Self::Other(_) | Self::Element(_))
    }
}

/// The names that an API uses for attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vocabulary {
    /// The native API's names.
    Native,
    /// SCIM's names: times are in `meta`, and the enterprise extension is under its URN.
    Scim,
}

/// The lowercase SCIM names that differ from the native ones.
const SCIM_NAMES: [(&str, &str); 2] = [("meta.created", "createdAt"), ("meta.lastmodified", "updatedAt")];
/// The native names that SCIM does not have.
const NATIVE_NAMES: [&str; 8] =
    ["enterprise", "custom", "extensions", "externalIds", "memberCount", "version", "createdAt", "updatedAt"];

impl Vocabulary {
    /// Resolves a dotted name to an attribute, preceded by the attributes that contain it. Names and URNs are
    /// case-insensitive (RFC 7643, section 2.1), and a name may have its schema's URN as prefix (RFC 7644,
    /// section 3.10).
    pub fn find(self, schema: &Schema, name: &str) -> Option<Vec<&'static Attribute>> {
        self.find_among(schema.attributes, schema, &name.to_ascii_lowercase())
    }

    /// The name of an attribute in this vocabulary, without the names of the attributes that contain it, except `meta`
    /// in SCIM.
    pub fn name_of(self, attribute: &Attribute) -> &'static str {
        match (self, attribute.name) {
            (Self::Scim, "createdAt") => "meta.created",
            (Self::Scim, "updatedAt") => "meta.lastModified",
            (_, name) => name,
        }
    }

    /// Like [`find`](Self::find), including the attributes that only filters may name.
    pub fn find_filterable(self, schema: &Schema, name: &str) -> Option<Vec<&'static Attribute>> {
        let name = name.to_ascii_lowercase();
        let filter_only = if self == Self::Scim { schema.scim_only } else { schema.joined };
        let filter_only = || self.find_among(filter_only, schema, &name);
        self.find_among(schema.attributes, schema, &name).or_else(filter_only)
    }

    fn find_among(
        self,
        attributes: &'static [Attribute],
        schema: &Schema,
        name: &str,
    ) -> Option<Vec<&'static Attribute>> {
        if let Some((urn, object)) = schema.extension
            && let Some(rest) = strip_urn(name, urn)
        {
            let object = find(attributes, object)?;
            return descend(object.parts(), rest, vec![object]);
        }
        let name = schema.urn.and_then(|urn| strip_urn(name, urn)).unwrap_or(name);
        if self == Self::Native {
            return descend(attributes, name, Vec::new());
        }
        if let Some((_, native)) = SCIM_NAMES.iter().find(|(scim, _)| *scim == name) {
            return Some(vec![find(attributes, native)?]);
        }
        // Entra ID filters by `manager` without the URN of the extension, as it does in PATCH paths.
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
    /// The attributes that a resource must have for the schema of this URN to apply to it; `None` for an unknown URN.
    pub fn of_urn(&self, urn: &str) -> Option<&'static [Attribute]> {
        if self.urn.is_some_and(|own| urn.eq_ignore_ascii_case(own)) {
            return Some(&[]);
        }
        let extension = self.extension.filter(|(known, _)| urn.eq_ignore_ascii_case(known));
        extension.and_then(|(_, object)| find(self.attributes, object)).map(slice::from_ref)
    }
}

fn strip_urn<'n>(name: &'n str, urn: &str) -> Option<&'n str> {
    name.strip_prefix(urn)?.strip_prefix(':')
}

/// Resolves a dotted name, starting below the attributes in `above`.
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

const fn constant(name: &'static str, value: &'static str) -> Attribute {
    of(name, Kind::Constant(value))
}

const fn opaque(name: &'static str) -> Attribute {
    of(name, Kind::Opaque)
}

/// The id of the user or group at the other end of a membership.
const ID: Attribute = of("value", Kind::Id);

/// The schema of users (RFC 7643, sections 4.1 and 4.3).
pub static USERS: Schema = Schema {
    plural: "users",
    attributes: USER,
    joined: &[of("groups", Kind::List(&[ID]))],
    scim_only: &[
        of("schemas", Kind::Urns),
        of("meta", Kind::Object(&[constant("resourceType", "User"), opaque("location"), opaque("version")])),
        of("groups", Kind::List(&[ID, constant("type", "direct"), opaque("display"), opaque("$ref")])),
    ],
    sorts: &[SortBy::Id, SortBy::UserName, SortBy::DisplayName, SortBy::CreatedAt, SortBy::UpdatedAt],
    optional_sorts: &[SortBy::DisplayName],
    urn: Some("urn:ietf:params:scim:schemas:core:2.0:user"),
    extension: Some(("urn:ietf:params:scim:schemas:extension:enterprise:2.0:user", "enterprise")),
};

/// The schema of groups (RFC 7643, section 4.2).
pub static GROUPS: Schema = Schema {
    plural: "groups",
    attributes: GROUP,
    joined: &[of("members", Kind::List(&[ID]))],
    scim_only: &[
        of("schemas", Kind::Urns),
        of("meta", Kind::Object(&[constant("resourceType", "Group"), opaque("location"), opaque("version")])),
        of("members", Kind::List(&[ID, constant("type", "User"), opaque("display"), opaque("$ref")])),
    ],
    sorts: &[SortBy::Id, SortBy::DisplayName, SortBy::CreatedAt, SortBy::UpdatedAt],
    optional_sorts: &[],
    urn: Some("urn:ietf:params:scim:schemas:core:2.0:group"),
    extension: None,
};

/// The schema of connections.
pub static CONNECTIONS: Schema = Schema {
    plural: "connections",
    attributes: CONNECTION,
    joined: &[],
    scim_only: &[],
    sorts: &[SortBy::Id],
    optional_sorts: &[],
    urn: None,
    extension: None,
};

/// The schemas of resources in SCIM.
pub static ALL: [&Schema; 2] = [&USERS, &GROUPS];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::body::WriteMode;
    use crate::domain::group::{self, Group};
    use crate::domain::json::to_map;
    use crate::domain::user::{self, User};
    use serde::Serialize;
    use serde_json::json;
    use std::collections::BTreeSet;
    use uuid::Uuid;

    fn dotted(chain: Option<Vec<&Attribute>>) -> Option<String> {
        Some(chain?.iter().map(|attribute| attribute.name).collect::<Vec<_>>().join("."))
    }

    fn names(vocabulary: Vocabulary, name: &str) -> Option<String> {
        dotted(vocabulary.find(&USERS, name))
    }

    #[test]
    fn names_are_case_insensitive_and_may_have_a_urn_prefix() {
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
    fn membership_lists_are_for_filters_only() {
        for vocabulary in [Vocabulary::Native, Vocabulary::Scim] {
            for (schema, list) in [(&USERS, "groups"), (&GROUPS, "members")] {
                for name in
                    [list.to_owned(), format!("{list}.value"), format!("{}:{list}", schema.urn.unwrap())]
                {
                    assert_eq!(dotted(vocabulary.find(schema, &name)), None);
                    let found = dotted(vocabulary.find_filterable(schema, &name.to_uppercase()));
                    assert_eq!(found.as_deref(), name.rsplit(':').next());
                }
                let constant = (vocabulary == Vocabulary::Scim).then(|| format!("{list}.type"));
                assert_eq!(dotted(vocabulary.find_filterable(schema, &format!("{list}.type"))), constant);
                assert_eq!(dotted(vocabulary.find_filterable(schema, "nothing")), None);
            }
            assert_eq!(dotted(vocabulary.find_filterable(&GROUPS, "groups")), None);
            assert_eq!(dotted(vocabulary.find_filterable(&GROUPS, "userName")), None);
        }
    }

    #[track_caller]
    fn assert_lists(representation: &impl Serialize, attributes: &[Attribute]) {
        let fields = to_map(representation);
        let fields: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
        assert_eq!(fields, attributes.iter().map(|attribute| attribute.name).collect());
    }

    #[test]
    fn schemas_list_exactly_the_attributes_in_responses() {
        let draft = user::Draft::read(json!({"userName": "a"}), WriteMode::Create).unwrap();
        let user = User::new(Uuid::nil(), draft, 0.into());
        assert_lists(&user::Representation::from(&user), USER);
        let draft = group::Draft::read(json!({"displayName": "a"}), WriteMode::Create).unwrap();
        let group = Group::new(Uuid::nil(), draft, 0, 0.into());
        assert_lists(&group::Representation::from(&group), GROUP);
    }
}
