//! The code that the peers share: their users, which have the JSON representation of Roster's, their SQL and their HTTP
//! server.

pub mod server;
pub mod sql;

pub use serde_json::value::RawValue;

use serde::{Deserialize, Serialize, Serializer};
use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;
use uuid::Uuid;

const TIME_FORMAT: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// A row of `peer_users`. Its JSON has every field of Roster's, so that both send the same number of bytes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub id: Uuid,
    pub external_id: Option<String>,
    pub user_name: String,
    pub name: Name,
    pub display_name: Option<String>,
    pub title: Option<String>,
    pub active: bool,
    pub emails: Box<RawValue>,
    pub version: i64,
    /// Microseconds since 1970.
    #[serde(serialize_with = "timestamp")]
    pub created_at: i64,
    /// Microseconds since 1970.
    #[serde(serialize_with = "timestamp")]
    pub updated_at: i64,
    pub external_ids: ExternalIds,
    #[serde(flatten)]
    pub unset: Unset,
}

/// The body of a create.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewUser {
    user_name: String,
    external_id: Option<String>,
    #[serde(default)]
    name: Name,
    display_name: Option<String>,
    title: Option<String>,
    active: Option<bool>,
    #[serde(default)]
    emails: Vec<Email>,
}

/// `()` is null.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Name {
    pub formatted: (),
    pub family_name: Option<String>,
    pub given_name: Option<String>,
    pub middle_name: (),
    pub honorific_prefix: (),
    pub honorific_suffix: (),
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Email {
    pub value: String,
    pub display: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    #[serde(default)]
    pub primary: bool,
}

#[derive(Debug, Serialize)]
pub struct ExternalIds {
    pub native: Option<String>,
}

/// The attributes that no peer stores. `()` is null, and `[(); 0]` is an empty list.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unset {
    nick_name: (),
    profile_url: (),
    user_type: (),
    preferred_language: (),
    locale: (),
    timezone: (),
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
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Enterprise {
    employee_number: (),
    cost_center: (),
    organization: (),
    division: (),
    department: (),
    manager: (),
}

#[derive(Debug, Default, Serialize)]
struct Empty {}

impl NewUser {
    /// Returns the user to create, with a new id.
    ///
    /// # Errors
    /// None in practice: e-mails are always serializable.
    pub fn into_user(self) -> serde_json::Result<User> {
        let now = now();
        Ok(User {
            id: Uuid::now_v7(),
            external_ids: ExternalIds { native: self.external_id.clone() },
            external_id: self.external_id,
            user_name: self.user_name,
            name: self.name,
            display_name: self.display_name,
            title: self.title,
            active: self.active.unwrap_or(true),
            emails: serde_json::value::to_raw_value(&self.emails)?,
            version: 1,
            created_at: now,
            updated_at: now,
            unset: Unset::default(),
        })
    }
}

/// Returns microseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn timestamp<S: Serializer>(micros: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(*micros) * 1000);
    let text =
        time.map_err(serde::ser::Error::custom)?.format(TIME_FORMAT).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&text)
}
