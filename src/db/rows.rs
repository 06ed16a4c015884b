//! The rows of the tables, and their conversions from and to domain values.

use super::budget::StoredSize;
use super::types::{Json, Measured, Text, Uid};
use crate::domain::attribute::{GROUP, USER};
use crate::domain::casefold::casefold;
use crate::domain::document::{compact, folded};
use crate::domain::group::{self, Group};
use crate::domain::time::Timestamp;
use crate::domain::user::{self, StoredUser, User};
use crate::schema::{group_external_ids, groups, members, user_emails, user_external_ids, users};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::Error::SerializationError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A row of `users` for reading.
#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct UserRow {
    id: Uid,
    user_name: String,
    display_name: Option<String>,
    active: bool,
    document: Text,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

/// The columns of a [`UserRow`]; [`super::table::USERS`] lists them as text. They are the same on both engines.
pub(crate) type UserColumns = <UserRow as Selectable<Pg>>::SelectExpression;

pub(crate) fn user_columns() -> UserColumns {
    <UserRow as Selectable<Pg>>::construct_selection()
}

impl UserRow {
    pub(super) fn id(&self) -> Uuid {
        self.id.0
    }
}

impl StoredSize for UserRow {
    fn stored_size(&self) -> usize {
        self.document.0.len()
    }
}

impl From<UserRow> for StoredUser {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id.0,
            user_name: row.user_name,
            display_name: row.display_name,
            active: row.active,
            document: row.document.0,
            version: row.version,
            created_at: Timestamp::from(row.created_at),
            updated_at: Timestamp::from(row.updated_at),
            manager_name: None,
            groups: None,
        }
    }
}

/// A row of `users` for writing. An update leaves the primary key unchanged.
#[derive(Insertable, AsChangeset, Serialize)]
#[diesel(table_name = users, primary_key(tenant_id, id), treat_none_as_null = true)]
pub(crate) struct NewUserRow<'u> {
    tenant_id: Uid,
    id: Uid,
    user_name: &'u str,
    pub(super) user_name_key: String,
    display_name: Option<&'u str>,
    pub(super) display_name_key: Option<String>,
    active: bool,
    document: Json<Box<RawValue>>,
    pub(super) folded: Json<Map<String, Value>>,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

impl<'u> NewUserRow<'u> {
    pub(crate) fn new(tenant_id: Uuid, user: &'u User) -> QueryResult<Self> {
        let attributes = &user.attributes;
        let document = user::document(user).map_err(|error| SerializationError(Box::new(error)))?;
        let mut compared = compact(attributes);
        compared.retain(|name, _| !["userName", "displayName", "active"].contains(&name.as_str()));
        Ok(Self {
            tenant_id: Uid(tenant_id),
            id: Uid(user.id),
            user_name: &attributes.user_name,
            user_name_key: casefold(&attributes.user_name),
            display_name: attributes.display_name.as_deref(),
            display_name_key: attributes.display_name.as_deref().map(casefold),
            active: attributes.active,
            document: Json(document),
            folded: Json(folded(compared, USER)),
            version: user.version,
            created_at: user.created_at.into(),
            updated_at: user.updated_at.into(),
        })
    }
}

/// A row of `user_emails`.
#[derive(Insertable, Serialize)]
#[diesel(table_name = user_emails)]
pub(crate) struct NewEmailRow {
    tenant_id: Uid,
    user_id: Uid,
    pub(super) position: i16,
    pub(super) value_key: String,
}

/// The index rows of a user's e-mail values.
pub(crate) fn email_rows(tenant_id: Uuid, user: &User) -> Vec<NewEmailRow> {
    let values = user.attributes.emails.iter().filter_map(|email| email.value.as_deref());
    let row = |(position, value)| NewEmailRow {
        tenant_id: Uid(tenant_id),
        user_id: Uid(user.id),
        position,
        value_key: casefold(value),
    };
    (0..).zip(values).map(row).collect()
}

/// A row of `user_external_ids`.
#[derive(Insertable, Serialize)]
#[diesel(table_name = user_external_ids)]
pub(crate) struct NewExternalIdRow<'u> {
    tenant_id: Uid,
    pub(super) source: &'u str,
    pub(super) external_id: &'u str,
    user_id: Uid,
}

/// The index rows of a user's externalIds, which also make them unique.
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

/// A row of `groups` for reading.
#[derive(Queryable, Selectable)]
#[diesel(table_name = groups)]
pub struct GroupRow {
    id: Uid,
    display_name: String,
    document: Measured<StoredDocument>,
    member_count: i64,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

/// The document of a row, with the attributes that have no column. It includes the externalIds, whose table only
/// serves as an index.
#[derive(Debug, Deserialize)]
pub struct StoredDocument {
    attributes: group::Attributes,
    #[serde(rename = "externalIds")]
    external_ids: BTreeMap<String, String>,
}

/// The columns of a [`GroupRow`]; [`super::table::GROUPS`] lists them as text. They are the same on both engines.
pub(crate) type GroupColumns = <GroupRow as Selectable<Pg>>::SelectExpression;

pub(crate) fn group_columns() -> GroupColumns {
    <GroupRow as Selectable<Pg>>::construct_selection()
}

impl GroupRow {
    pub(super) fn id(&self) -> Uuid {
        self.id.0
    }
}

impl StoredSize for GroupRow {
    fn stored_size(&self) -> usize {
        self.document.stored_size()
    }
}

impl From<GroupRow> for Group {
    fn from(row: GroupRow) -> Self {
        let StoredDocument { attributes, external_ids } = row.document.value;
        Self {
            id: row.id.0,
            attributes: group::Attributes { display_name: row.display_name, ..attributes },
            external_ids,
            member_count: row.member_count,
            version: row.version,
            created_at: Timestamp::from(row.created_at),
            updated_at: Timestamp::from(row.updated_at),
        }
    }
}

/// A row of `groups` for writing.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = groups, primary_key(tenant_id, id), treat_none_as_null = true)]
pub(crate) struct NewGroupRow<'g> {
    tenant_id: Uid,
    id: Uid,
    display_name: &'g str,
    pub(super) display_name_key: String,
    pub(super) unique_name_key: Option<String>,
    document: Json<NewDocument<'g>>,
    pub(super) folded: Json<Map<String, Value>>,
    member_count: i64,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

#[derive(Debug, Serialize)]
pub(crate) struct NewDocument<'g> {
    attributes: Map<String, Value>,
    #[serde(rename = "externalIds")]
    external_ids: &'g BTreeMap<String, String>,
}

impl<'g> NewGroupRow<'g> {
    /// `unique` indicates whether the tenant requires unique group names.
    pub(crate) fn new(tenant_id: Uuid, group: &'g Group, unique: bool) -> Self {
        let mut rest = compact(&group.attributes);
        rest.remove("displayName");
        let folded = folded(rest.clone(), GROUP);
        let key = casefold(&group.attributes.display_name);
        Self {
            tenant_id: Uid(tenant_id),
            id: Uid(group.id),
            display_name: &group.attributes.display_name,
            unique_name_key: unique.then(|| key.clone()),
            display_name_key: key,
            document: Json(NewDocument { attributes: rest, external_ids: &group.external_ids }),
            folded: Json(folded),
            member_count: group.member_count,
            version: group.version,
            created_at: group.created_at.into(),
            updated_at: group.updated_at.into(),
        }
    }
}

/// A row of `group_external_ids`.
#[derive(Insertable)]
#[diesel(table_name = group_external_ids)]
pub(crate) struct NewGroupExternalIdRow<'g> {
    tenant_id: Uid,
    pub(super) source: &'g str,
    pub(super) external_id: &'g str,
    group_id: Uid,
}

/// The index rows of a group's externalIds, which also make them unique.
pub(crate) fn group_external_id_rows(tenant_id: Uuid, group: &Group) -> Vec<NewGroupExternalIdRow<'_>> {
    let row = |(source, external_id)| NewGroupExternalIdRow {
        tenant_id: Uid(tenant_id),
        source,
        external_id,
        group_id: Uid(group.id),
    };
    let ids = group.external_ids.iter().map(|(source, id)| (source.as_str(), id.as_str()));
    ids.map(row).collect()
}

/// A row of `members`.
#[derive(Insertable, Serialize)]
#[diesel(table_name = members)]
pub(crate) struct NewMemberRow {
    pub(crate) tenant_id: Uid,
    pub(crate) group_id: Uid,
    pub(crate) user_id: Uid,
    pub(crate) added_at: i64,
}

impl NewMemberRow {
    /// A membership that begins `now`. The group is given by its tenant's id and its own.
    pub(crate) fn new((tenant, group): (Uuid, Uuid), user: Uuid, now: Timestamp) -> Self {
        Self { tenant_id: Uid(tenant), group_id: Uid(group), user_id: Uid(user), added_at: now.into() }
    }
}
