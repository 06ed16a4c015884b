//! Reads users from request bodies.

use super::{Address, Attributes, Enterprise, Manager, Name, Representation, User, Valued, WriteMode};
use crate::domain::attribute::{Kind, USER};
use crate::domain::body::{self, SIZE_LIMIT};
use crate::domain::casefold::casefold;
use crate::domain::document::compact;
use crate::domain::fields::{FieldError, Fields};
use crate::domain::merge_patch::apply_patch;
use crate::domain::{NATIVE_SOURCE, Source};
use serde_json::Value;
use std::collections::BTreeMap;

/// The writable part of a user, as read from a body.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The attributes.
    pub attributes: Attributes,
    /// The externalId of the source.
    pub external_id: Option<String>,
    /// The source of the externalId; [`NATIVE_SOURCE`] unless the caller is a connection.
    pub source: Source,
    /// The externalIds of all sources, in an import. `None` if the draft has only that of its source.
    pub external_ids: Option<BTreeMap<String, String>>,
    /// Whether the body contained `active`: a replacement without it keeps the previous value.
    pub has_active: bool,
}

/// The size up to which a body cannot produce a user beyond [`SIZE_LIMIT`]: reading adds defaults, and nothing grows
/// more than the element `{}`, which becomes `{"primary":false}`.
const SMALL_BODY: usize = SIZE_LIMIT / 16;

impl Draft {
    /// Reads a user and ignores its read-only fields.
    ///
    /// # Errors
    /// A [`FieldError`] for each invalid field.
    pub fn read(body: Value, mode: WriteMode) -> Result<Self, Vec<FieldError>> {
        let is_small = body::length(&body) <= SMALL_BODY;
        Fields::read(body, |fields| {
            body::check_id(fields, mode);
            fields.ignore(&body::READ_ONLY);
            fields.ignore(&["groups"]);
            let external_id = fields.key_string("externalId");
            if matches!(mode, WriteMode::Patch(_)) && !fields.has("active") {
                fields.error("active", "required", "must not be removed");
            }
            let active = fields.boolean("active");
            let attributes = read_attributes(fields, active.unwrap_or(true));
            fields.reject_unknown();
            if !is_small && body::length(&compact(&attributes)) > SIZE_LIMIT {
                fields.error_in_whole("too-large", "A user must not exceed 64 KiB of JSON");
            }
            let (source, external_ids) = (NATIVE_SOURCE.into(), None);
            Self { attributes, external_id, source, external_ids, has_active: active.is_some() }
        })
    }

    /// Applies a merge patch (RFC 7396) to a user.
    ///
    /// # Errors
    /// A [`FieldError`] for each field that the patch would make invalid.
    pub fn patch(user: &User, patch: &Value) -> Result<Self, Vec<FieldError>> {
        // A client may send back a user that it read with its groups.
        let representation = Representation { groups: Some(&[]), ..Representation::from(user) };
        apply_patch(&representation, patch, |merged| Self::read(merged, WriteMode::Patch(user.id)))
    }
}

fn read_attributes(fields: &mut Fields<'_>, active: bool) -> Attributes {
    Attributes {
        user_name: fields.required_key_string("userName"),
        name: fields.object("name", read_name),
        display_name: fields.key_string("displayName"),
        nick_name: fields.string("nickName"),
        profile_url: fields.string("profileUrl"),
        title: fields.string("title"),
        user_type: fields.string("userType"),
        preferred_language: fields.string("preferredLanguage"),
        locale: fields.string("locale"),
        timezone: fields.string("timezone"),
        active,
        emails: read_values(fields, "emails"),
        phone_numbers: read_values(fields, "phoneNumbers"),
        ims: read_values(fields, "ims"),
        photos: read_values(fields, "photos"),
        addresses: read_addresses(fields),
        entitlements: read_values(fields, "entitlements"),
        roles: read_values(fields, "roles"),
        x509_certificates: read_values(fields, "x509Certificates"),
        enterprise: fields.object("enterprise", read_enterprise),
        custom: body::read_custom(fields),
        extensions: body::read_extensions(fields),
    }
}

fn read_name(fields: &mut Fields<'_>) -> Name {
    Name {
        formatted: fields.string("formatted"),
        family_name: fields.string("familyName"),
        given_name: fields.string("givenName"),
        middle_name: fields.string("middleName"),
        honorific_prefix: fields.string("honorificPrefix"),
        honorific_suffix: fields.string("honorificSuffix"),
    }
}

fn read_enterprise(fields: &mut Fields<'_>) -> Enterprise {
    Enterprise {
        employee_number: fields.string("employeeNumber"),
        cost_center: fields.string("costCenter"),
        organization: fields.string("organization"),
        division: fields.string("division"),
        department: fields.string("department"),
        manager: fields.object("manager", |manager| {
            manager.ignore(&["displayName"]);
            let value = manager.string("value")?;
            Some(Manager { value, display_name: None, exists: false })
        }),
    }
}

fn read_values(fields: &mut Fields<'_>, name: &'static str) -> Vec<Valued> {
    let values = fields.list(name, |fields| Valued {
        value: if name == "emails" { read_email(fields) } else { fields.string("value") },
        display: fields.string("display"),
        kind: fields.string("type"),
        primary: fields.boolean("primary").unwrap_or(false),
    });
    let list = USER.iter().find(|attribute| attribute.name == name);
    let value = list.and_then(|list| list.part("value"));
    let folds = value.is_some_and(|value| matches!(value.kind, Kind::Text));
    let values = deduplicate(values, |element| match element.value.as_deref() {
        Some(text) if folds => (element.kind.as_deref().map(casefold), Some(casefold(text)), None),
        Some(text) => (element.kind.as_deref().map(casefold), Some(text.to_owned()), None),
        None => (None, None, Some(Valued { primary: false, ..element.clone() })),
    });
    check_primaries(fields, name, values.iter().filter(|value| value.primary).count());
    values
}

/// Takes an e-mail address (RFC 7643, section 4.1.2). Rejects only obvious mistakes; a full check would have to send an
/// e-mail.
fn read_email(fields: &mut Fields<'_>) -> Option<String> {
    let text = fields.key_string("value")?;
    let one_at = text
        .split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
    let length = text.chars().count();
    if text.trim().is_empty() || length > 256 {
        // `key_string` has reported the error.
    } else if !one_at {
        fields.error("value", "invalid-email", "must have exactly one @, with text on both sides");
    } else if text.chars().any(char::is_control) {
        fields.error("value", "invalid-email", "must not contain control characters");
    } else if length > 254 {
        fields.error("value", "too-long", "must have at most 254 characters");
    }
    Some(text)
}

fn read_addresses(fields: &mut Fields<'_>) -> Vec<Address> {
    let addresses = fields.list("addresses", |fields| Address {
        formatted: fields.string("formatted"),
        street_address: fields.string("streetAddress"),
        locality: fields.string("locality"),
        region: fields.string("region"),
        postal_code: fields.string("postalCode"),
        country: fields.string("country"),
        kind: fields.string("type"),
        primary: fields.boolean("primary").unwrap_or(false),
    });
    let addresses = deduplicate(addresses, |address| Address { primary: false, ..address.clone() });
    let primaries = addresses.iter().filter(|address| address.primary).count();
    check_primaries(fields, "addresses", primaries);
    addresses
}

/// Keeps the last of the elements with equal keys, at the position of the first one (RFC 7643, section 2.4).
fn deduplicate<T, K: PartialEq>(items: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut kept: Vec<(K, T)> = Vec::with_capacity(items.len());
    for item in items {
        let key = key(&item);
        match kept.iter_mut().find(|(earlier, _)| *earlier == key) {
            Some((_, earlier)) => *earlier = item,
            None => kept.push((key, item)),
        }
    }
    kept.into_iter().map(|(_, item)| item).collect()
}

fn check_primaries(fields: &mut Fields<'_>, name: &str, primaries: usize) {
    if primaries > 1 {
        fields.error(name, "two-primaries", "must have at most one primary value");
    }
}
