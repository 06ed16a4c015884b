//! The schemas of users, derived from the native attributes and completed with SCIM's characteristics.

use super::{Definition, Mutability, Returned, Schema, Type, Uniqueness};
use crate::domain::attribute::{Attribute, Kind, USER};
use crate::domain::scim::urn;

/// The core schema (RFC 7643, section 4.1).
pub(super) fn core() -> Schema {
    let own = USER.iter().filter(|attribute| !NOT_CORE.contains(&attribute.name));
    let mut attributes: Vec<_> = own.map(|attribute| derive(attribute, attribute.name)).collect();
    attributes.extend([password(), groups()]);
    Schema { id: urn::USER, name: "User", description: "A user account", attributes }
}

/// The native attributes outside SCIM's core schema: common attributes, extensions, and attributes that SCIM lacks.
pub(super) const NOT_CORE: [&str; 9] = [
    "createdAt",
    "custom",
    "enterprise",
    "extensions",
    "externalId",
    "externalIds",
    "id",
    "updatedAt",
    "version",
];

/// The enterprise extension (RFC 7643, section 4.3).
pub(super) fn enterprise() -> Schema {
    let enterprise = USER.iter().find(|attribute| attribute.name == "enterprise");
    let parts = enterprise.map(Attribute::parts).unwrap_or_default();
    let path = |part: &Attribute| format!("enterprise.{}", part.name);
    let mut attributes: Vec<_> = parts.iter().map(|part| derive(part, &path(part))).collect();
    if let Some(manager) = attributes.iter_mut().find(|attribute| attribute.name == "manager") {
        let description = "The URI of the manager, if the manager is a user in this directory.";
        manager.sub_attributes.push(Definition::reference("$ref", &["User"], description).read_only());
    }
    let description = "The enterprise extension of a user account";
    Schema { id: urn::ENTERPRISE_USER, name: "EnterpriseUser", description, attributes }
}

fn password() -> Definition {
    Definition {
        mutability: Mutability::WriteOnly,
        returned: Returned::Never,
        ..Definition::text("password", "A password. It is accepted and discarded.").case_exact()
    }
}

fn groups() -> Definition {
    let sub_attributes = vec![
        Definition::text("value", "The id of the group.").case_exact(),
        Definition::reference("$ref", &["Group"], "The URI of the group."),
        Definition::text("display", "The display name of the group."),
        Definition::text("type", "The kind of membership. Memberships are always direct.")
            .canonical(&["direct"]),
    ];
    let description = "The groups that the user is a member of. To change them, change the groups' members.";
    Definition::complex("groups", description, sub_attributes).multi_valued().read_only()
}

/// Derives a definition from the native attribute at `path`.
fn derive(attribute: &'static Attribute, path: &str) -> Definition {
    let reference_types = reference_types(path);
    let unique = path == "userName";
    // Computed attributes are the only opaque ones.
    let computed = matches!(attribute.kind, Kind::Opaque);
    let sub_attribute = |part: &'static Attribute| derive(part, &format!("{path}.{}", part.name));
    Definition {
        multi_valued: matches!(attribute.kind, Kind::List(_)),
        required: unique,
        case_exact: matches!(attribute.kind, Kind::Exact | Kind::Id | Kind::Binary),
        mutability: if computed { Mutability::ReadOnly } else { Mutability::ReadWrite },
        uniqueness: if unique { Uniqueness::Server } else { Uniqueness::None },
        canonical_values: canonical_values(path),
        reference_types,
        sub_attributes: attribute.parts().iter().map(sub_attribute).collect(),
        attribute: Some(attribute),
        ..Definition::new(attribute.name, kind(attribute, reference_types), description(path))
    }
}

fn kind(attribute: &Attribute, reference_types: &[&str]) -> Type {
    match attribute.kind {
        Kind::Exact if !reference_types.is_empty() => Type::Reference,
        Kind::Text | Kind::Exact | Kind::Id | Kind::Constant(_) | Kind::Urns | Kind::Opaque => Type::String,
        Kind::Binary => Type::Binary,
        Kind::Boolean => Type::Boolean,
        Kind::Time => Type::DateTime,
        Kind::Integer => Type::Integer,
        Kind::Object(_) | Kind::List(_) => Type::Complex,
    }
}

fn reference_types(path: &str) -> &'static [&'static str] {
    if path == "profileUrl" || path == "photos.value" { &["external"] } else { &[] }
}

fn canonical_values(path: &str) -> &'static [&'static str] {
    match path {
        "emails.type" | "addresses.type" => &["work", "home", "other"],
        "phoneNumbers.type" => &["work", "home", "mobile", "fax", "pager", "other"],
        "ims.type" => &["aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"],
        "photos.type" => &["photo", "thumbnail"],
        _ => &[],
    }
}

/// The description of an attribute. Sub-attributes that most lists have share one description.
fn description(path: &str) -> &'static str {
    let of = |path: &str| DESCRIPTIONS.iter().find(|(known, _)| *known == path).map(|(_, text)| *text);
    let part = path.rsplit_once('.').map_or(path, |(_, part)| part);
    of(path).or_else(|| of(&format!("*.{part}"))).unwrap_or_default()
}

const DESCRIPTIONS: [(&str, &str); 49] = [
    ("userName", "The user's unique name, such as a login or an e-mail address. Case-insensitive."),
    ("name", "The components of the user's name."),
    ("name.formatted", "The full name, formatted for display."),
    ("name.familyName", "The family name, or last name."),
    ("name.givenName", "The given name, or first name."),
    ("name.middleName", "The middle name or names."),
    ("name.honorificPrefix", "A title before the name, such as \"Dr.\"."),
    ("name.honorificSuffix", "A suffix after the name, such as \"III\"."),
    ("displayName", "The user's name, as displayed to other people."),
    ("nickName", "A casual name, such as \"Bob\"."),
    ("profileUrl", "The URL of the user's profile page."),
    ("title", "The user's job title, such as \"Vice President\"."),
    ("userType", "The user's relationship to the organization, such as \"Employee\"."),
    ("preferredLanguage", "The user's preferred language, such as \"en-US\"."),
    ("locale", "The locale for dates, numbers and currencies, such as \"en-US\"."),
    ("timezone", "The user's time zone, such as \"Europe/Paris\"."),
    ("active", "Whether the account is active. The default is true."),
    ("emails", "E-mail addresses."),
    ("emails.value", "An e-mail address."),
    ("phoneNumbers", "Phone numbers."),
    ("phoneNumbers.value", "A phone number, stored as sent."),
    ("ims", "Instant messaging addresses."),
    ("ims.value", "An instant messaging address."),
    ("photos", "Photos of the user."),
    ("photos.value", "The URL of a photo."),
    ("addresses", "Postal addresses."),
    ("addresses.formatted", "The full address, formatted for display or a mailing label."),
    ("addresses.streetAddress", "The street address, which can include a house number and further lines."),
    ("addresses.locality", "The city."),
    ("addresses.region", "The state or region."),
    ("addresses.postalCode", "The postal code."),
    ("addresses.country", "The country."),
    ("entitlements", "The user's entitlements."),
    ("entitlements.value", "An entitlement."),
    ("roles", "The user's roles."),
    ("roles.value", "A role."),
    ("x509Certificates", "The user's X.509 certificates."),
    ("x509Certificates.value", "A certificate in DER form, encoded in base64."),
    ("enterprise.employeeNumber", "The identifier that the organization assigned to the user."),
    ("enterprise.costCenter", "The user's cost center."),
    ("enterprise.organization", "The user's organization."),
    ("enterprise.division", "The user's division."),
    ("enterprise.department", "The user's department."),
    ("enterprise.manager", "The user's manager."),
    ("enterprise.manager.value", "The id of the manager, stored as sent."),
    (
        "enterprise.manager.displayName",
        "The manager's display name, if the manager is a user in this directory.",
    ),
    ("*.display", "A human-readable form of the value."),
    ("*.type", "The purpose of the value, such as \"work\"."),
    ("*.primary", "Whether this is the preferred value. At most one value is primary."),
];
