//! Reads a user from a body, with every error at once.

use super::{Address, Attributes, Enterprise, Manager, Name, ReadAs, Representation, User, Valued};
use crate::domain::attribute::{Kind, USER};
use crate::domain::body::{self, SIZE_LIMIT};
use crate::domain::document::compact;
use crate::domain::fields::{FieldError, Fields, patched, wrong_type};
use crate::domain::fold::fold;
use crate::domain::{NATIVE_SOURCE, Source};
use serde_json::Value;

/// What the caller's body says, valid: all that a caller writes of a user.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The attributes.
    pub attributes: Attributes,
    /// The externalId of the caller's own source.
    pub external_id: Option<String>,
    /// The caller's source: native, unless it is said otherwise.
    pub source: Source,
    /// Whether the body said `active`: a replacement that does not keeps what was.
    pub says_active: bool,
}

/// A body that is not longer makes no user that is too large: `{}` in a list, which becomes `{"primary":false}`, grows most.
const CERTAINLY_SMALL: usize = SIZE_LIMIT / 16;

impl Draft {
    /// Reads a whole user.
    ///
    /// # Errors
    /// One [`FieldError`] for each invalid field.
    pub fn read(body: Value, read_as: ReadAs) -> Result<Self, Vec<FieldError>> {
        if !body.is_object() {
            return Err(vec![wrong_type("", "an object", &body)]);
        }
        let small = body::length(&body) <= CERTAINLY_SMALL;
        let mut errors = Vec::new();
        let mut fields = Fields::new(body, &mut errors);
        body::check_id(&mut fields, read_as);
        fields.ignore(&["version", "createdAt", "updatedAt", "externalIds"]);
        let external_id = fields.key_string("externalId");
        if matches!(read_as, ReadAs::Patched(_)) && !fields.has("active") {
            fields.error("active", "required", "must not be removed");
        }
        let active = fields.boolean("active");
        let attributes = read_attributes(&mut fields, active.unwrap_or(true));
        fields.finish();
        if !small && body::length(&compact(&attributes)) > SIZE_LIMIT {
            errors.push(FieldError::new("", "too-large", "a user must have at most 64 KiB"));
        }
        if errors.is_empty() {
            Ok(Self { attributes, external_id, source: NATIVE_SOURCE.into(), says_active: active.is_some() })
        } else {
            Err(errors)
        }
    }

    /// Merges a patch (RFC 7396) into `user` and reads the result.
    ///
    /// # Errors
    /// One [`FieldError`] for each field that the patch would make invalid.
    pub fn patch(user: &User, patch: &Value) -> Result<Self, Vec<FieldError>> {
        patched(&Representation::from(user), patch, |merged| Self::read(merged, ReadAs::Patched(user.id)))
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
    let values = keep_once(values, |element| match element.value.as_deref() {
        Some(text) if folds => (element.kind.as_deref().map(fold), Some(fold(text)), None),
        Some(text) => (element.kind.as_deref().map(fold), Some(text.to_owned()), None),
        None => (None, None, Some(Valued { primary: false, ..element.clone() })),
    });
    refuse_two_primaries(fields, name, values.iter().filter(|value| value.primary).count());
    values
}

/// An address as RFC 7643 section 4.1.2 wants it, as far as that can be said without sending to it.
fn read_email(fields: &mut Fields<'_>) -> Option<String> {
    let text = fields.key_string("value")?;
    let one_at = text
        .split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
    let length = text.chars().count();
    if text.trim().is_empty() || length > 256 {
        // As a key it has been refused already.
    } else if !one_at {
        fields.error("value", "invalid-email", "must have one @ with something on both sides");
    } else if text.chars().any(char::is_control) {
        fields.error("value", "invalid-email", "must have no control characters");
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
    let addresses = keep_once(addresses, |address| Address { primary: false, ..address.clone() });
    let primaries = addresses.iter().filter(|address| address.primary).count();
    refuse_two_primaries(fields, "addresses", primaries);
    addresses
}

/// Of elements with the same key keeps the last sent, at the place of the first (RFC 7643 section 2.4).
fn keep_once<T, K: PartialEq>(items: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
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

fn refuse_two_primaries(fields: &mut Fields<'_>, name: &str, primaries: usize) {
    if primaries > 1 {
        fields.error(name, "two-primaries", "must have at most one primary value");
    }
}
