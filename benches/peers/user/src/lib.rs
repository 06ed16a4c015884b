//! The user that the peers keep and answer with: the same JSON as Roster's, from a table of their own.

mod response;
pub mod server;
pub mod sql;

pub use response::json;
pub use serde_json::value::RawValue;

use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// A row of `peer_users`.
#[derive(Debug)]
pub struct User {
    /// The id.
    pub id: Uuid,
    /// The client's own id.
    pub external_id: Option<String>,
    /// The unique name.
    pub user_name: String,
    /// The first name.
    pub given_name: Option<String>,
    /// The last name.
    pub family_name: Option<String>,
    /// The name to show.
    pub display_name: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// Whether the user may do anything.
    pub active: bool,
    /// The e-mails, as JSON.
    pub emails: Box<RawValue>,
    /// Counts the writes.
    pub version: i64,
    /// Microseconds since 1970.
    pub created_at: i64,
    /// Microseconds since 1970.
    pub updated_at: i64,
}

/// The body of a create.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewUser {
    /// The unique name.
    pub user_name: String,
    /// The client's own id.
    pub external_id: Option<String>,
    /// First and last name.
    #[serde(default)]
    pub name: Name,
    /// The name to show.
    pub display_name: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// Whether the user may do anything.
    pub active: Option<bool>,
    /// The e-mails.
    #[serde(default)]
    pub emails: Vec<Email>,
}

/// First and last name.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Name {
    /// The first name.
    pub given_name: Option<String>,
    /// The last name.
    pub family_name: Option<String>,
}

/// An e-mail address.
#[derive(Debug, Deserialize, Serialize)]
pub struct Email {
    /// The address.
    pub value: String,
    /// The name to show.
    pub display: Option<String>,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Whether it is the first to write to.
    #[serde(default)]
    pub primary: bool,
}

impl NewUser {
    /// The user that this body makes now, with a new id.
    ///
    /// # Errors
    /// None that can happen: the e-mails are JSON.
    pub fn into_user(self) -> serde_json::Result<User> {
        let emails = serde_json::value::to_raw_value(&self.emails)?;
        let now = now();
        Ok(User {
            id: Uuid::now_v7(),
            external_id: self.external_id,
            user_name: self.user_name,
            given_name: self.name.given_name,
            family_name: self.name.family_name,
            display_name: self.display_name,
            title: self.title,
            active: self.active.unwrap_or(true),
            emails,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }
}

/// Microseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
