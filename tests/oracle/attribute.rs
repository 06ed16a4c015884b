//! What a filter may ask for: the table of docs/filters.md over the attributes of RFC 7643, sections 3.1, 4.1 and 4.3.

use Kind::{Boolean, Complex, Exact, Folded, Number, Time, Unordered};

/// How the values of an attribute are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Strings without case.
    Folded,
    /// Strings as they are.
    Exact,
    /// Strings as they are, of which none comes before another.
    Unordered,
    /// true and false.
    Boolean,
    /// Points in time.
    Time,
    /// Whole numbers.
    Number,
    /// Has parts and no value of its own: it is there or not.
    Complex,
}

/// One that a filter may name, of a user or of a list's elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    /// As docs/filters.md writes it, in full case and without a URN.
    pub(crate) name: String,
    /// From the user, or the element, to what is there or not.
    pub(crate) whole: Vec<String>,
    /// From the user, or the element, to what is compared.
    pub(crate) value: Vec<String>,
    pub(crate) kind: Kind,
}

/// What is no list, and of the lists the one without a value.
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
    // Means its value.
    ("enterprise.manager", Folded),
    ("enterprise.manager.value", Folded),
    ("addresses", Complex),
];

/// Each list with how its `value` is compared; addresses have none. Groups are in no body and no answer.
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

/// Elements of this list have nothing but a value.
pub(crate) const GROUPS: &str = "groups";

const ADDRESS: [&str; 7] =
    ["formatted", "streetAddress", "locality", "region", "postalCode", "country", "type"];

/// What the server has an index for is asked more often, as there are more ways to get it wrong; and the only number.
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
        let whole: Vec<_> = name.split('.').map(str::to_owned).collect();
        let mut value = whole.clone();
        if means_its_value(&name) {
            value.push("value".to_owned());
        }
        Self { name, whole, value, kind }
    }
}

/// The name of a user's attribute with its schema's URN before it, where a schema has it.
pub(crate) fn qualified(name: &str) -> Option<String> {
    match name {
        // Common to all resources (RFC 7643, section 3.1), our own, or no attribute but a schema.
        "id" | "externalId" | "version" | "createdAt" | "updatedAt" | "enterprise" => None,
        name => Some(match name.strip_prefix("enterprise.") {
            Some(part) => format!("{ENTERPRISE}:{part}"),
            None => format!("{CORE}:{name}"),
        }),
    }
}

fn means_its_value(name: &str) -> bool {
    name == "enterprise.manager" || LISTS.iter().any(|(list, kind)| *list == name && *kind != Complex)
}

/// All attributes of a user, some more than once: those are asked for more often.
pub(crate) fn of_users() -> Vec<Attribute> {
    let single = SINGLE.iter().map(|(name, kind)| Attribute::new(*name, *kind));
    let own = LISTS.iter().filter(|(_, kind)| *kind != Complex);
    let own = own.map(|(name, kind)| Attribute::new(*name, *kind));
    let parts = LISTS.iter().flat_map(|(list, _)| {
        let whole = move |part: Attribute| Attribute::new(format!("{list}.{}", part.name), part.kind);
        of_elements(list).into_iter().map(whole)
    });
    let all: Vec<_> = single.chain(own).chain(parts).collect();
    let often = all.iter().filter(|attribute| OFTEN.contains(&attribute.name.as_str()));
    let often: Vec<_> = often.cloned().cycle().take(4 * OFTEN.len()).collect();
    all.into_iter().chain(often).collect()
}

/// The attributes of the elements of a list.
pub(crate) fn of_elements(list: &str) -> Vec<Attribute> {
    let (_, kind) = LISTS.iter().find(|(name, _)| *name == list).expect("a list of users");
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
