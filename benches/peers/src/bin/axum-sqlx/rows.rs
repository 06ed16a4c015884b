//! The values that Roster writes for a new user and that a row of `peer_users` lacks.

use anyhow::Result;
use peers::{Email, User};
use serde_json::{Value, json};

pub(crate) struct Rows {
    /// The attributes without a column.
    pub(crate) document: Value,
    /// The attributes, with case folded.
    pub(crate) folded: Value,
    /// The user in the change.
    pub(crate) after: Value,
    pub(crate) emails: Vec<String>,
    pub(crate) user_name_key: String,
    pub(crate) display_name_key: Option<String>,
}

impl Rows {
    /// Folds case by converting to lowercase, because the load is ASCII.
    pub(crate) fn of(user: &User) -> Result<Self> {
        let emails: Vec<Email> = serde_json::from_str(user.emails.get())?;
        let name = json!({"givenName": user.name.given_name, "familyName": user.name.family_name});
        let attributes = json!({"emails": emails, "name": name, "title": user.title});
        let mut after =
            json!({"active": user.active, "displayName": user.display_name, "userName": user.user_name});
        merge(&mut after, &attributes);
        let folded = after.to_string().to_ascii_lowercase();
        merge(&mut after, &serde_json::to_value(&user.unset)?);
        merge(&mut after, &json!({"externalIds": user.external_ids}));
        Ok(Self {
            document: json!({"attributes": attributes, "externalIds": user.external_ids}),
            folded: serde_json::from_str(&folded)?,
            after,
            emails: emails.into_iter().map(|email| email.value.to_lowercase()).collect(),
            user_name_key: user.user_name.to_lowercase(),
            display_name_key: user.display_name.as_ref().map(|name| name.to_lowercase()),
        })
    }
}

fn merge(into: &mut Value, from: &Value) {
    if let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) {
        into.extend(from.clone());
    }
}
