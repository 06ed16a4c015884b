//! Tenants: isolated sets of users and groups.

use super::change::{Auditable, ChangeKind, Stamp, attributes};
use super::fields::{FieldError, Fields, patched, wrong_type};
use super::parse_id;
use super::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// The name of the tenant that always exists.
pub const DEFAULT_NAME: &str = "default";

/// A tenant.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// Its id.
    pub id: Uuid,
    /// Its name, which is unique.
    pub name: String,
    /// Whether no two groups may have the same name.
    pub unique_group_names: bool,
    /// How many times it has changed; its ETag.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a caller writes of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its name: 1 to 63 of `a-z 0-9 -`.
    pub name: String,
    /// Whether no two groups may have the same name.
    pub unique_group_names: bool,
}

/// Changes of every tenant belong to the history of the default tenant.
impl Auditable for Tenant {
    const CREATED: ChangeKind = ChangeKind::TenantCreated;
    const UPDATED: ChangeKind = ChangeKind::TenantUpdated;
    const DELETED: ChangeKind = ChangeKind::TenantDeleted;

    fn stamp(&self) -> Stamp {
        Stamp { id: self.id, version: self.version, time: self.updated_at }
    }

    fn snapshot(&self) -> Map<String, Value> {
        attributes([
            ("name", self.name.as_str().into()),
            ("uniqueGroupNames", self.unique_group_names.into()),
        ])
    }
}

impl Tenant {
    /// What callers write of it.
    #[must_use]
    pub fn draft(&self) -> Draft {
        Draft { name: self.name.clone(), unique_group_names: self.unique_group_names }
    }
}

impl Draft {
    /// Reads a new tenant. What an answer shows besides is ignored.
    ///
    /// # Errors
    /// One [`FieldError`] for each invalid field.
    pub fn read(body: Value) -> Result<Self, Vec<FieldError>> {
        read(body, None)
    }

    /// Merges a patch (RFC 7396) into a tenant and reads the result.
    ///
    /// # Errors
    /// One [`FieldError`] for each field that the patch would make invalid.
    pub fn patch(tenant: &Tenant, patch: &Value) -> Result<Self, Vec<FieldError>> {
        patched(tenant, patch, |merged| read(merged, Some(tenant)))
    }
}

/// Reads a tenant: a new one, or what becomes of one.
fn read(body: Value, before: Option<&Tenant>) -> Result<Draft, Vec<FieldError>> {
    if !body.is_object() {
        return Err(vec![wrong_type("", "an object", &body)]);
    }
    let mut errors = Vec::new();
    let mut fields = Fields::new(body, &mut errors);
    match before {
        None => fields.ignore(&["id"]),
        Some(tenant) => {
            if fields.string("id").is_some_and(|id| parse_id(&id) != Some(tenant.id)) {
                fields.error("id", "read-only", "must be absent or the id in the path");
            }
        }
    }
    fields.ignore(&["version", "createdAt", "updatedAt"]);
    let name = read_name(&mut fields, before);
    let unique_group_names = fields.boolean("uniqueGroupNames").unwrap_or(false);
    fields.finish();
    if errors.is_empty() { Ok(Draft { name, unique_group_names }) } else { Err(errors) }
}

fn read_name(fields: &mut Fields<'_>, before: Option<&Tenant>) -> String {
    if !fields.has("name") {
        fields.error("name", "required", "must be present");
    }
    let Some(name) = fields.string("name") else { return String::new() };
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=63).contains(&name.len()) || !name.bytes().all(allowed) {
        fields.error("name", "invalid-name", "must have 1 to 63 characters of a-z, 0-9 and -");
    } else if name == DEFAULT_NAME && before.is_none_or(|tenant| tenant.name != DEFAULT_NAME) {
        fields.error("name", "reserved", "is the name of the tenant that always exists");
    }
    name
}
