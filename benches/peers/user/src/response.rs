//! The shape of an answer: every field of Roster's, so that both send the same number of bytes.

use crate::User;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;
use uuid::Uuid;

const FORMAT: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// `()` is null, `[(); 0]` is an empty list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    id: Uuid,
    external_id: Option<&'a str>,
    user_name: &'a str,
    name: Name<'a>,
    display_name: Option<&'a str>,
    nick_name: (),
    profile_url: (),
    title: Option<&'a str>,
    user_type: (),
    preferred_language: (),
    locale: (),
    timezone: (),
    active: bool,
    emails: &'a RawValue,
    phone_numbers: [(); 0],
    ims: [(); 0],
    photos: [(); 0],
    addresses: [(); 0],
    entitlements: [(); 0],
    roles: [(); 0],
    x509_certificates: [(); 0],
    enterprise: Enterprise,
    custom: Empty,
    extensions: Empty,
    external_ids: BTreeMap<&'static str, &'a str>,
    version: i64,
    created_at: Time,
    updated_at: Time,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Name<'a> {
    formatted: (),
    family_name: Option<&'a str>,
    given_name: Option<&'a str>,
    middle_name: (),
    honorific_prefix: (),
    honorific_suffix: (),
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Enterprise {
    employee_number: (),
    cost_center: (),
    organization: (),
    division: (),
    department: (),
    manager: (),
}

#[derive(Serialize)]
struct Empty {}

struct Time(i64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000);
        let text =
            time.map_err(serde::ser::Error::custom)?.format(FORMAT).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'a> From<&'a User> for Answer<'a> {
    fn from(user: &'a User) -> Self {
        let native = user.external_id.as_deref().map(|id| ("native", id));
        Self {
            id: user.id,
            external_id: user.external_id.as_deref(),
            user_name: &user.user_name,
            name: Name::from(user),
            display_name: user.display_name.as_deref(),
            nick_name: (),
            profile_url: (),
            title: user.title.as_deref(),
            user_type: (),
            preferred_language: (),
            locale: (),
            timezone: (),
            active: user.active,
            emails: &user.emails,
            phone_numbers: [],
            ims: [],
            photos: [],
            addresses: [],
            entitlements: [],
            roles: [],
            x509_certificates: [],
            enterprise: Enterprise::default(),
            custom: Empty {},
            extensions: Empty {},
            external_ids: native.into_iter().collect(),
            version: user.version,
            created_at: Time(user.created_at),
            updated_at: Time(user.updated_at),
        }
    }
}

impl<'a> From<&'a User> for Name<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            formatted: (),
            family_name: user.family_name.as_deref(),
            given_name: user.given_name.as_deref(),
            middle_name: (),
            honorific_prefix: (),
            honorific_suffix: (),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    items: Vec<Answer<'a>>,
    next_cursor: Option<Uuid>,
}

impl Serialize for User {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Answer::from(self).serialize(serializer)
    }
}

/// A page of users, as JSON: the cursor of the next is the last id.
///
/// # Errors
/// When a time is beyond the year 9999.
pub fn json(users: &[User]) -> serde_json::Result<Vec<u8>> {
    let page = Page {
        items: users.iter().map(Answer::from).collect(),
        next_cursor: users.last().map(|user| user.id),
    };
    serde_json::to_vec(&page)
}
