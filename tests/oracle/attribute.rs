//! The attributes that a filter may name: the table in docs/filters.md for RFC 7643, sections 3.1, 4.1 and 4.3.

use Kind::{Boolean, Complex, Exact, Folded, Number, Time, Unordered};

/// How the values of an attribute are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Strings that are compared without regard to case.
    Folded,
    /// Strings that are compared exactly.
    Exact,
    /// Strings that are compared exactly and have no order.
    Unordered,
    Boolean,
    Time,
    /// Whole numbers.
    Number,
    /// An attribute that has sub-attributes but no value. It is present or absent.
    Complex,
}

/// An attribute of a user, or of an element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    /// The name as in docs/filters.md, without a URN.
    pub(crate) name: String,
    /// The path from the user or the element to the attribute whose presence is tested.
    pub(crate) path: Vec<String>,
    /// The path from the user or the element to the value that is compared.
    pub(crate) value_path: Vec<String>,
    pub(crate) kind: Kind,
}

/// The attributes that are not lists, and `addresses`, the list without a value.
const SINGLE: &[(&str, Kind)] = &[
    ("userName", Folded),
    ("id", Exact),
    ("externalId", Exact),
    ("displayName", Folded),
    ("nickName", Folded),
    ("profileUrl", Exact),
    ("title", Folded),
    ("userType", Folded),
    ("preferredLanguage", Folded),
    ("locale", Folded),
    ("timezone", Folded),
    ("active", Boolean),
    ("createdAt", Time),
    ("updatedAt", Time),
    ("version", Number),
    ("name", Complex),
    ("name.formatted", Folded),
    ("name.familyName", Folded),
    ("name.givenName", Folded),
    ("name.middleName", Folded),
    ("name.honorificPrefix", Folded),
    ("name.honorificSuffix", Folded),
    ("enterprise", Complex),
    ("enterprise.employeeNumber", Folded),
    ("enterprise.costCenter", Folded),
    ("enterprise.organization", Folded),
    ("enterprise.division", Folded),
    ("enterprise.department", Folded),
    // Compared by its sub-attribute `value`.
    ("enterprise.manager", Folded),
    ("enterprise.manager.value", Folded),
    ("addresses", Complex),
];

/// The lists, with the kind of their `value`. Addresses have no value. Groups are in no request or response.
pub(crate) const LISTS: [(&str, Kind); 9] = [
    ("emails", Folded),
    ("phoneNumbers", Folded),
    ("ims", Folded),
    ("photos", Exact),
    ("entitlements", Folded),
    ("roles", Folded),
    ("x509Certificates", Unordered),
    ("addresses", Complex),
    (GROUPS, Exact),
];

/// The elements of this list have only a value.
pub(crate) const GROUPS: &str = "groups";

const ADDRESS: [&str; 7] =
    ["formatted", "streetAddress", "locality", "region", "postalCode", "country", "type"];

/// Attributes that filters name more often: those with an index, which are more error-prone, and the only number.
const OFTEN: [&str; 11] = [
    "version",
    "userName",
    "id",
    "externalId",
    "displayName",
    "emails",
    "emails.value",
    GROUPS,
    "active",
    "createdAt",
    "updatedAt",
];

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

impl Attribute {
    fn new(name: impl Into<String>, kind: Kind) -> Self {
        let name = name.into();
        let path: Vec<_> = name.split('.').map(str::to_owned).collect();
        let mut value_path = path.clone();
        if is_compared_by_value(&name) {
            value_path.push("value".to_owned());
        }
        Self { name, path, value_path, kind }
    }
}

/// The name with the URN of its schema as a prefix, if the attribute belongs to a schema.
pub(crate) fn qualified(name: &str) -> Option<String> {
    match name {
        // Common attributes (RFC 7643, section 3.1), Roster's own attributes, and the extension itself.
        "id" | "externalId" | "version" | "createdAt" | "updatedAt" | "enterprise" => None,
        name => Some(match name.strip_prefix("enterprise.") {
            Some(part) => format!("{ENTERPRISE}:{part}"),
            None => format!("{CORE}:{name}"),
        }),
    }
}

/// Whether a comparison of the attribute compares its sub-attribute `value`.
fn is_compared_by_value(name: &str) -> bool {
    name == "enterprise.manager" || LISTS.iter().any(|(list, kind)| *list == name && *kind != Complex)
}

/// All attributes of a user. Some occur several times, so that filters name them more often.
pub(crate) fn of_users() -> Vec<Attribute> {
    let single = SINGLE.iter().map(|(name, kind)| Attribute::new(*name, *kind));
    let own = LISTS.iter().filter(|(_, kind)| *kind != Complex);
    let own = own.map(|(name, kind)| Attribute::new(*name, *kind));
    let parts = LISTS.iter().flat_map(|(list, _)| {
        let in_list = move |part: Attribute| Attribute::new(format!("{list}.{}", part.name), part.kind);
        of_elements(list).into_iter().map(in_list)
    });
    let all: Vec<_> = single.chain(own).chain(parts).collect();
    let often = all.iter().filter(|attribute| OFTEN.contains(&attribute.name.as_str()));
    let often: Vec<_> = often.cloned().cycle().take(4 * OFTEN.len()).collect();
    all.into_iter().chain(often).collect()
}

/// The attributes of the elements of a list.
pub(crate) fn of_elements(list: &str) -> Vec<Attribute> {
    let (_, kind) = LISTS.iter().find(|(name, _)| *name == list).expect("the list exists");
    let mut parts: Vec<_> = match kind {
        _ if list == GROUPS => return vec![Attribute::new("value", *kind)],
        Complex => ADDRESS.iter().map(|name| Attribute::new(*name, Folded)).collect(),
        kind => vec![
            Attribute::new("value", *kind),
            Attribute::new("display", Folded),
            Attribute::new("type", Folded),
        ],
    };
    parts.push(Attribute::new("primary", Boolean));
    parts
}
