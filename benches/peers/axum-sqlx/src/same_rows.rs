//! What Roster writes for a new user beside the columns of a peer's own table.

use anyhow::Result;
use peer_user::{Email, Name, User};
use serde_json::{Value, json};
use uuid::Uuid;

/// The tenant that always exists.
pub(crate) const TENANT: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001);

/// The documents and keys of a user.
pub(crate) struct Documents {
    /// Every attribute without a column.
    pub(crate) document: Value,
    /// The same, folded.
    pub(crate) folded: Value,
    /// What the change says that is there now.
    pub(crate) after: Value,
    /// Folded e-mail values.
    pub(crate) emails: Vec<String>,
    /// The unique key.
    pub(crate) user_name_key: String,
    /// The key to sort by.
    pub(crate) display_name_key: Option<String>,
    /// The id of the request.
    pub(crate) request_id: String,
}

impl Documents {
    /// Makes them. ASCII is folded by lowercase, and the load has nothing else.
    pub(crate) fn of(user: &User) -> Result<Self> {
        let emails: Vec<Email> = serde_json::from_str(user.emails.get())?;
        let name = Name { given_name: user.given_name.clone(), family_name: user.family_name.clone() };
        let attributes = json!({"emails": emails, "name": name, "title": user.title});
        let document = json!({"attributes": attributes, "externalIds": {"native": user.external_id}});
        let mut after = whole(user);
        let mut folded =
            json!({"active": user.active, "displayName": user.display_name, "userName": user.user_name});
        merge(&mut after, &attributes);
        merge(&mut folded, &attributes);
        Ok(Self {
            document,
            folded: serde_json::from_str(&folded.to_string().to_ascii_lowercase())?,
            after,
            emails: emails.into_iter().map(|email| email.value.to_lowercase()).collect(),
            user_name_key: user.user_name.to_lowercase(),
            display_name_key: user.display_name.as_ref().map(|name| name.to_lowercase()),
            request_id: Uuid::now_v7().to_string(),
        })
    }
}

fn merge(into: &mut Value, from: &Value) {
    if let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) {
        into.extend(from.clone());
    }
}

fn whole(user: &User) -> Value {
    json!({
        "active": user.active, "addresses": [], "custom": {}, "displayName": user.display_name,
        "enterprise": {"costCenter": null, "department": null, "division": null, "employeeNumber": null,
            "manager": null, "organization": null},
        "entitlements": [], "extensions": {}, "externalIds": {"native": user.external_id}, "ims": [],
        "locale": null, "nickName": null, "phoneNumbers": [], "photos": [], "preferredLanguage": null,
        "profileUrl": null, "roles": [], "timezone": null, "userName": user.user_name, "userType": null,
        "x509Certificates": [],
    })
}
