//! Rows as they stand in the tables, and how domain values become them and come from them.

use super::types::{Json, Uid};
use crate::domain::fold::fold;
use crate::domain::time::Timestamp;
use crate::domain::user::{Attributes, User, compact, folded};
use crate::schema::{user_emails, user_external_ids, users};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The columns of a [`UserRow`], which [`super::table::USERS`] has as text. (`Selectable` would bind a query to one engine.)
pub(crate) type UserColumns = (
    users::id,
    users::user_name,
    users::display_name,
    users::active,
    users::document,
    users::version,
    users::created_at,
    users::updated_at,
);

pub(crate) const USER_COLUMNS: UserColumns = (
    users::id,
    users::user_name,
    users::display_name,
    users::active,
    users::document,
    users::version,
    users::created_at,
    users::updated_at,
);

/// A row of `users` as it is read.
#[derive(Queryable)]
pub(crate) struct UserRow {
    id: Uid,
    user_name: String,
    display_name: Option<String>,
    active: bool,
    document: Json<UserDocument>,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

/// What has no column of its own. The rows of `user_emails` and `user_external_ids` are indexes; this is the whole.
#[derive(Debug, Deserialize)]
pub(crate) struct UserDocument {
    attributes: Attributes,
    #[serde(rename = "externalIds")]
    external_ids: BTreeMap<String, String>,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        let UserDocument { attributes, external_ids } = row.document.0;
        Self {
            id: row.id.0,
            attributes: Attributes {
                user_name: row.user_name,
                display_name: row.display_name,
                active: row.active,
                ..attributes
            },
            external_ids,
            version: row.version,
            created_at: Timestamp::from(row.created_at),
            updated_at: Timestamp::from(row.updated_at),
        }
    }
}

/// A row of `users` as it is written; of an existing one the key stays.
#[derive(Insertable, AsChangeset, Serialize)]
#[diesel(table_name = users, primary_key(tenant_id, id), treat_none_as_null = true)]
pub(crate) struct NewUserRow<'u> {
    tenant_id: Uid,
    id: Uid,
    user_name: &'u str,
    user_name_key: String,
    display_name: Option<&'u str>,
    display_name_key: Option<String>,
    active: bool,
    document: Json<NewUserDocument<'u>>,
    folded: Json<Map<String, Value>>,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

#[derive(Debug, Serialize)]
pub(crate) struct NewUserDocument<'u> {
    attributes: Map<String, Value>,
    #[serde(rename = "externalIds")]
    external_ids: &'u BTreeMap<String, String>,
}

impl<'u> NewUserRow<'u> {
    pub(crate) fn new(tenant_id: Uuid, user: &'u User) -> Self {
        let attributes = &user.attributes;
        let mut rest = compact(attributes);
        let folded = folded(rest.clone());
        for in_column in ["userName", "displayName", "active"] {
            rest.remove(in_column);
        }
        Self {
            tenant_id: Uid(tenant_id),
            id: Uid(user.id),
            user_name: &attributes.user_name,
            user_name_key: fold(&attributes.user_name),
            display_name: attributes.display_name.as_deref(),
            display_name_key: attributes.display_name.as_deref().map(fold),
            active: attributes.active,
            document: Json(NewUserDocument { attributes: rest, external_ids: &user.external_ids }),
            folded: Json(folded),
            version: user.version,
            created_at: user.created_at.into(),
            updated_at: user.updated_at.into(),
        }
    }
}

/// A row of `user_emails`.
#[derive(Insertable, Serialize)]
#[diesel(table_name = user_emails)]
pub(crate) struct NewEmailRow {
    tenant_id: Uid,
    user_id: Uid,
    position: i16,
    value_key: String,
}

/// The rows that find a user by its e-mail values.
pub(crate) fn email_rows(tenant_id: Uuid, user: &User) -> Vec<NewEmailRow> {
    let values = user.attributes.emails.iter().filter_map(|email| email.value.as_deref());
    let row = |(position, value)| NewEmailRow {
        tenant_id: Uid(tenant_id),
        user_id: Uid(user.id),
        position,
        value_key: fold(value),
    };
    (0..).zip(values).map(row).collect()
}

/// A row of `user_external_ids`.
#[derive(Insertable, Serialize)]
#[diesel(table_name = user_external_ids)]
pub(crate) struct NewExternalIdRow<'u> {
    tenant_id: Uid,
    source: &'u str,
    external_id: &'u str,
    user_id: Uid,
}

/// The rows that keep externalIds unique and find a user by them.
pub(crate) fn external_id_rows(tenant_id: Uuid, user: &User) -> Vec<NewExternalIdRow<'_>> {
    let row = |(source, external_id)| NewExternalIdRow {
        tenant_id: Uid(tenant_id),
        source,
        external_id,
        user_id: Uid(user.id),
    };
    let ids = user.external_ids.iter().map(|(source, id)| (source.as_str(), id.as_str()));
    ids.map(row).collect()
}
