//! The schemas of users: derived from the native API's attributes, with what these do not say.

use super::{Definition, Mutability, Returned, Schema, Type, Uniqueness};
use crate::domain::attribute::{Attribute, Kind, USER};
use crate::domain::scim::urn;

/// The core schema (RFC 7643, section 4.1).
pub(super) fn core() -> Schema {
    let own = USER.iter().filter(|attribute| !NOT_CORE.contains(&attribute.name));
    let mut attributes: Vec<_> = own.map(|attribute| derived(attribute, attribute.name)).collect();
    attributes.extend([password(), groups()]);
    Schema { id: urn::USER, name: "User", description: "A user account", attributes }
}

/// What the native API has elsewhere, or alone: common attributes, the extensions, what SCIM does not know.
pub(super) const NOT_CORE: [&str; 9] = [
    "id",
    "externalId",
    "enterprise",
    "custom",
    "extensions",
    "externalIds",
    "version",
    "createdAt",
    "updatedAt",
];

/// The enterprise extension (RFC 7643, section 4.3).
pub(super) fn enterprise() -> Schema {
    let enterprise = USER.iter().find(|attribute| attribute.name == "enterprise");
    let parts = enterprise.map(Attribute::parts).unwrap_or_default();
    let path = |part: &Attribute| format!("enterprise.{}", part.name);
    let mut attributes: Vec<_> = parts.iter().map(|part| derived(part, &path(part))).collect();
    if let Some(manager) = attributes.iter_mut().find(|attribute| attribute.name == "manager") {
        manager.parts.push(
            Definition::reference("$ref", &["User"], "The URI of the manager, when it is a user here.")
                .read_only(),
        );
    }
    let description = "What an enterprise knows about a user";
    Schema { id: urn::ENTERPRISE_USER, name: "EnterpriseUser", description, attributes }
}

fn password() -> Definition {
    Definition {
        mutability: Mutability::WriteOnly,
        returned: Returned::Never,
        ..Definition::text("password", "A password; it is accepted and not kept.").exact()
    }
}

fn groups() -> Definition {
    let parts = vec![
        Definition::text("value", "The id of the group.").exact(),
        Definition::reference("$ref", &["Group"], "The URI of the group."),
        Definition::text("display", "The name of the group."),
        Definition::text("type", "How the user belongs to the group.").one_of(&["direct"]),
    ];
    let description = "The groups of the user; written through the groups.";
    Definition::complex("groups", description, parts).many().read_only().returned(Returned::Request)
}

/// An attribute of the native API, found at `path` there.
fn derived(attribute: &'static Attribute, path: &str) -> Definition {
    let reference_types = reference_types(path);
    let unique = path == "userName";
    // What is computed for an answer is the only part that cannot be compared.
    let computed = matches!(attribute.kind, Kind::Opaque);
    Definition {
        multi_valued: matches!(attribute.kind, Kind::List(_)),
        required: unique,
        case_exact: matches!(attribute.kind, Kind::Exact | Kind::Id | Kind::Binary),
        mutability: if computed { Mutability::ReadOnly } else { Mutability::ReadWrite },
        uniqueness: if unique { Uniqueness::Server } else { Uniqueness::None },
        canonical_values: canonical_values(path),
        reference_types,
        parts: attribute.parts().iter().map(|part| derived(part, &format!("{path}.{}", part.name))).collect(),
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

/// What an attribute is for; parts that many lists have are described once.
fn description(path: &str) -> &'static str {
    let of = |path: &str| DESCRIPTIONS.iter().find(|(known, _)| *known == path).map(|(_, text)| *text);
    let part = path.rsplit_once('.').map_or(path, |(_, part)| part);
    of(path).or_else(|| of(&format!("*.{part}"))).unwrap_or_default()
}

const DESCRIPTIONS: [(&str, &str); 49] = [
    ("userName", "The name that the user is known by; unique without case."),
    ("name", "The parts of the user's name."),
    ("name.formatted", "The whole name, as it is shown."),
    ("name.familyName", "The family name, or last name."),
    ("name.givenName", "The given name, or first name."),
    ("name.middleName", "The middle names."),
    ("name.honorificPrefix", "What stands before the name, such as \"Dr.\"."),
    ("name.honorificSuffix", "What stands behind the name, such as \"III\"."),
    ("displayName", "The name as it is shown to others."),
    ("nickName", "The casual name."),
    ("profileUrl", "The URL of a page about the user."),
    ("title", "The user's title, such as \"Vice President\"."),
    ("userType", "How the user belongs to the organization, such as \"Employee\"."),
    ("preferredLanguage", "The language that the user prefers, such as \"en-US\"."),
    ("locale", "How dates, numbers and currencies are shown to the user, such as \"en-US\"."),
    ("timezone", "The user's time zone, such as \"Europe/Paris\"."),
    ("active", "Whether the user may use what the directory serves; true when not said."),
    ("emails", "E-mail addresses."),
    ("emails.value", "An e-mail address."),
    ("phoneNumbers", "Phone numbers."),
    ("phoneNumbers.value", "A phone number, kept as it is sent."),
    ("ims", "Addresses for instant messages."),
    ("ims.value", "An address for instant messages."),
    ("photos", "Photos of the user."),
    ("photos.value", "The URL of a photo."),
    ("addresses", "Postal addresses."),
    ("addresses.formatted", "The whole address, as it is written on a letter."),
    ("addresses.streetAddress", "Street, house number, and what else stands on these lines."),
    ("addresses.locality", "The city."),
    ("addresses.region", "The state or region."),
    ("addresses.postalCode", "The postal code."),
    ("addresses.country", "The country."),
    ("entitlements", "What the user is entitled to."),
    ("entitlements.value", "An entitlement."),
    ("roles", "The user's roles."),
    ("roles.value", "A role."),
    ("x509Certificates", "The user's certificates."),
    ("x509Certificates.value", "A certificate: DER in base64."),
    ("enterprise.employeeNumber", "What the organization numbers the user by."),
    ("enterprise.costCenter", "The cost center."),
    ("enterprise.organization", "The organization."),
    ("enterprise.division", "The division."),
    ("enterprise.department", "The department."),
    ("enterprise.manager", "The user's manager."),
    ("enterprise.manager.value", "The id of the manager, kept as it is sent."),
    ("enterprise.manager.displayName", "The manager's name, when it is a user here."),
    ("*.display", "The value as it is shown."),
    ("*.type", "What the value is for."),
    ("*.primary", "Whether this is the preferred value; true of one at most."),
];
