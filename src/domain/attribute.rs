//! The attributes of users and groups, with the types of their values.

/// An attribute or a sub-attribute.
#[derive(Debug)]
pub struct Attribute {
    /// The name in the native API, which is also the key in stored documents.
    pub name: &'static str,
    /// The type of the values.
    pub kind: Kind,
}

/// The names of an attribute and of its sub-attributes, from the outermost, in the native vocabulary.
pub type Path = Vec<&'static str>;

/// The type of a value, which determines how the value is compared.
#[derive(Debug)]
pub enum Kind {
    /// A string whose caseExact is false (RFC 7643, section 7): compared case-folded.
    Text,
    /// A string that is compared byte by byte.
    Exact,
    /// Base64: compared byte by byte, without an order.
    Binary,
    /// A boolean.
    Boolean,
    /// A point in time.
    Time,
    /// An integer.
    Integer,
    /// The id of a resource.
    Id,
    /// An object with these sub-attributes.
    Object(&'static [Attribute]),
    /// A list of objects with these sub-attributes.
    List(&'static [Attribute]),
    /// A string that has the same value in every resource, compared case-folded. Exists only in SCIM.
    Constant(&'static str),
    /// The URNs of the schemas of a resource. Exists only in SCIM.
    Urns,
    /// Free-form JSON from the caller, or a value that is computed for a response. It cannot be compared.
    Opaque,
}

impl Attribute {
    /// The sub-attributes of an object or of a list's elements; empty for any other type.
    pub fn parts(&self) -> &'static [Attribute] {
        match self.kind {
            Kind::Object(parts) | Kind::List(parts) => parts,
            _ => &[],
        }
    }

    /// The sub-attribute with this name, which is case-insensitive.
    pub fn part(&self, name: &str) -> Option<&'static Attribute> {
        find(self.parts(), name)
    }
}

/// The attribute with this name, which is case-insensitive (RFC 7643, section 2.1).
pub(super) fn find(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

pub(super) const fn of(name: &'static str, kind: Kind) -> Attribute {
    Attribute { name, kind }
}

const fn text(name: &'static str) -> Attribute {
    of(name, Kind::Text)
}

const fn list(name: &'static str) -> Attribute {
    of(name, Kind::List(TEXTS))
}

/// The sub-attributes of a multi-valued attribute (RFC 7643, section 2.4) with values of the given kind.
const fn valued(kind: Kind) -> [Attribute; 4] {
    [of("value", kind), text("display"), text("type"), of("primary", Kind::Boolean)]
}

const TEXTS: &[Attribute] = &valued(Kind::Text);
const REFERENCES: &[Attribute] = &valued(Kind::Exact);
const CERTIFICATES: &[Attribute] = &valued(Kind::Binary);

/// The sub-attributes of an address (RFC 7643, section 4.1.2).
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

/// The sub-attributes of a name (RFC 7643, section 4.1.1).
const NAME: &[Attribute] = &[
    text("formatted"),
    text("familyName"),
    text("givenName"),
    text("middleName"),
    text("honorificPrefix"),
    text("honorificSuffix"),
];

/// The attributes of the enterprise extension (RFC 7643, section 4.3).
const ENTERPRISE: &[Attribute] = &[
    text("employeeNumber"),
    text("costCenter"),
    text("organization"),
    text("division"),
    text("department"),
    of("manager", Kind::Object(&[text("value"), of("displayName", Kind::Opaque)])),
];

/// The attributes of a user in the native API.
pub const USER: &[Attribute] = &[
    of("id", Kind::Id),
    of("externalId", Kind::Exact),
    text("userName"),
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

/// The attributes of a connection by which a list can be filtered.
pub const CONNECTION: &[Attribute] = &[
    of("id", Kind::Exact),
    text("name"),
    text("profile"),
    text("mode"),
    of("held", Kind::Object(&[text("reason")])),
    of("version", Kind::Integer),
    of("createdAt", Kind::Time),
    of("updatedAt", Kind::Time),
];

/// The attributes of a group in the native API.
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
