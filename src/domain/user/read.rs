//! Reads a user from a body, with every error at once.

use super::{Address, Attributes, Enterprise, Manager, Name, Representation, User, Valued};
use crate::domain::attribute::{Kind, USER};
use crate::domain::fields::{FieldError, Fields, patched, token, wrong_type};
use crate::domain::fold::fold;
use crate::domain::json;
use crate::domain::parse_id;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// What the caller's body says, valid: all that a caller writes of a user.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The attributes.
    pub attributes: Attributes,
    /// The externalId of the caller's own source.
    pub external_id: Option<String>,
    /// Whether the body said `active`: a replacement that does not keeps what was.
    pub says_active: bool,
}

/// What a body is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAs {
    /// A new user: an `id` in the body is ignored.
    New,
    /// The user of this id, replaced: an `id` in the body must be this one.
    Replacement(Uuid),
    /// The user of this id with a patch merged in: nothing that a user must have may have been removed.
    Patched(Uuid),
}

/// The most bytes of JSON that a user may have, absent values not counted.
const USER_LIMIT: usize = 64 * 1024;
/// A body that is not longer makes no user that is too large: `{}` in a list, which becomes `{"primary":false}`, grows most.
const CERTAINLY_SMALL: usize = USER_LIMIT / 16;
/// The most bytes of JSON that `custom` may have.
const CUSTOM_LIMIT: usize = 16 * 1024;
/// How deep `custom` and each extension may be nested.
const DEPTH_LIMIT: usize = 8;

impl Draft {
    /// Reads a whole user.
    ///
    /// # Errors
    /// One [`FieldError`] for each invalid field.
    pub fn read(body: Value, read_as: ReadAs) -> Result<Self, Vec<FieldError>> {
        if !body.is_object() {
            return Err(vec![wrong_type("", "an object", &body)]);
        }
        let small = json_length(&body) <= CERTAINLY_SMALL;
        let mut errors = Vec::new();
        let mut fields = Fields::new(body, &mut errors);
        check_id(&mut fields, read_as);
        fields.ignore(&["version", "createdAt", "updatedAt", "externalIds"]);
        let external_id = fields.key_string("externalId");
        if matches!(read_as, ReadAs::Patched(_)) && !fields.has("active") {
            fields.error("active", "required", "must not be removed");
        }
        let active = fields.boolean("active");
        let attributes = read_attributes(&mut fields, active.unwrap_or(true));
        fields.finish();
        if !small && json_length(&super::compact(&attributes)) > USER_LIMIT {
            errors.push(FieldError::new("", "too-large", "a user must have at most 64 KiB"));
        }
        if errors.is_empty() {
            Ok(Self { attributes, external_id, says_active: active.is_some() })
        } else {
            Err(errors)
        }
    }

    /// Refuses a patch that is larger than any user, before it waits for one.
    ///
    /// # Errors
    /// A [`FieldError`] for the whole patch.
    pub fn admit_patch(patch: Value) -> Result<Value, Vec<FieldError>> {
        if json_length(&patch) > USER_LIMIT {
            return Err(vec![FieldError::new("", "too-large", "a patch must have at most 64 KiB")]);
        }
        Ok(patch)
    }

    /// Merges a patch (RFC 7396) into `user` and reads the result.
    ///
    /// # Errors
    /// One [`FieldError`] for each field that the patch would make invalid.
    pub fn patch(user: &User, patch: &Value) -> Result<Self, Vec<FieldError>> {
        patched(&Representation::from(user), patch, |merged| Self::read(merged, ReadAs::Patched(user.id)))
    }
}

fn check_id(fields: &mut Fields<'_>, read_as: ReadAs) {
    let (ReadAs::Replacement(id) | ReadAs::Patched(id)) = read_as else {
        return fields.ignore(&["id"]);
    };
    let matches = |text: &str| parse_id(text) == Some(id);
    if fields.string("id").is_some_and(|text| !matches(&text)) {
        fields.error("id", "read-only", "must be absent or the id in the path");
    }
}

fn read_attributes(fields: &mut Fields<'_>, active: bool) -> Attributes {
    Attributes {
        user_name: read_user_name(fields),
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
        custom: read_custom(fields),
        extensions: read_extensions(fields),
    }
}

fn read_user_name(fields: &mut Fields<'_>) -> String {
    let sent = fields.has("userName");
    fields.key_string("userName").unwrap_or_else(|| {
        if !sent {
            fields.error("userName", "required", "must be present");
        }
        String::new()
    })
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
            Some(Manager { value, display_name: None })
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

fn read_custom(fields: &mut Fields<'_>) -> Map<String, Value> {
    let custom = fields.raw_object("custom");
    if json_length(&custom) > CUSTOM_LIMIT {
        fields.error("custom", "too-large", "must have at most 16 KiB");
    }
    check_depth(fields, "custom", &custom);
    custom
}

fn read_extensions(fields: &mut Fields<'_>) -> Map<String, Value> {
    let extensions = fields.raw_object("extensions");
    for (urn, value) in &extensions {
        let at = format!("extensions/{}", token(urn));
        let folded = urn.to_ascii_lowercase();
        if !folded.starts_with("urn:") || folded.len() < 7 {
            fields.error_at(&at, "invalid-urn", "must be named by a URN");
        } else if folded.starts_with("urn:ietf:params:scim:schemas:core:")
            || folded == "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user"
        {
            fields.error_at(
                &at,
                "known-schema",
                "belongs to a schema whose attributes have fields of their own",
            );
        } else if !value.is_object() {
            fields.error_at(&at, "wrong-type", "must be an object");
        }
    }
    let deepest = extensions.values().map(json::depth).max();
    if deepest.is_some_and(|depth| depth > DEPTH_LIMIT) {
        fields.error("extensions", "too-deep", "must be nested at most 8 deep");
    }
    extensions
}

fn check_depth(fields: &mut Fields<'_>, name: &str, map: &Map<String, Value>) {
    let inner = map.values().map(json::depth).max().unwrap_or(0);
    if inner + 1 > DEPTH_LIMIT {
        fields.error(name, "too-deep", "must be nested at most 8 deep");
    }
}

fn json_length(value: &impl Serialize) -> usize {
    struct Length(usize);

    impl std::io::Write for Length {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let mut length = Length(0);
    serde_json::to_writer(&mut length, value).map_or(usize::MAX, |()| length.0)
}
