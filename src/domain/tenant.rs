//! Tenants: isolated sets of users and groups.

use super::body::{WriteMode, check_id};
use super::change::{Auditable, ChangeKind, Stamp, attributes};
use super::fields::{FieldError, Fields};
use super::merge_patch::apply_patch;
use super::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// The name of the tenant that always exists.
pub const DEFAULT_NAME: &str = "default";

/// A tenant.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Tenant {
    pub id: Uuid,
    /// The unique name: 1 to 63 characters from `a-z`, `0-9` and `-`.
    pub name: String,
    /// Whether the displayNames of groups must be unique.
    pub unique_group_names: bool,
    /// Whether no two users may have the same e-mail address.
    pub unique_emails: bool,
    /// The number of changes; also the ETag.
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The writable fields of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `Tenant`")]
pub struct Draft {
    pub name: String,
    pub unique_group_names: bool,
    pub unique_emails: bool,
}

/// A value that several resources have, which prevents a uniqueness setting from being enabled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    /// The name of the attribute in the native API.
    pub attribute: &'static str,
    /// The case-folded value.
    pub value: String,
    /// The number of resources that have the value.
    pub count: i64,
    /// The ids of these resources, at most [`Duplicate::MAX_IDS`].
    pub ids: Vec<Uuid>,
}

/// The values that prevent a uniqueness setting of a tenant from being enabled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Duplicates {
    /// The first values, at most [`Duplicates::MAX_LISTED`].
    pub conflicts: Vec<Duplicate>,
    /// The number of all such values.
    pub conflict_count: i64,
}

impl Duplicate {
    /// The maximum number of ids that are listed for a value.
    pub const MAX_IDS: usize = 10;
}

impl Duplicates {
    /// The maximum number of values that are listed.
    pub const MAX_LISTED: usize = 100;
}

/// Changes to tenants are recorded in the history of the default tenant.
impl Auditable for Tenant {
    const KINDS: [ChangeKind; 3] =
        [ChangeKind::TENANT_CREATED, ChangeKind::TENANT_UPDATED, ChangeKind::TENANT_DELETED];

    fn snapshot(&self) -> Map<String, Value> {
        attributes([
            ("name", self.name.as_str().into()),
            ("uniqueGroupNames", self.unique_group_names.into()),
            ("uniqueEmails", self.unique_emails.into()),
        ])
    }

    fn stamp(&self) -> Stamp {
        Stamp { id: self.id, version: self.version, time: self.updated_at }
    }
}

impl Tenant {
    /// The writable fields.
    pub fn draft(&self) -> Draft {
        Draft {
            name: self.name.clone(),
            unique_group_names: self.unique_group_names,
            unique_emails: self.unique_emails,
        }
    }
}

impl Draft {
    /// Whether `uniqueEmails` and `uniqueGroupNames` are enabled, in this order.
    pub fn unique_rules(&self) -> [bool; 2] {
        [self.unique_emails, self.unique_group_names]
    }

    /// Reads a new tenant and ignores its read-only fields.
    ///
    /// # Errors
    /// A [`FieldError`] for each invalid field.
    pub fn read(body: Value) -> Result<Self, Vec<FieldError>> {
        read(body, None)
    }

    /// Applies a merge patch (RFC 7396) to a tenant.
    ///
    /// # Errors
    /// A [`FieldError`] for each field that the patch would make invalid.
    pub fn patch(tenant: &Tenant, patch: &Value) -> Result<Self, Vec<FieldError>> {
        apply_patch(tenant, patch, |merged| read(merged, Some(tenant)))
    }
}

/// Reads a new tenant, or the result of a patch to the tenant `before`.
fn read(body: Value, before: Option<&Tenant>) -> Result<Draft, Vec<FieldError>> {
    Fields::read(body, |fields| {
        let mode = before.map_or(WriteMode::Create, |tenant| WriteMode::Patch(tenant.id));
        check_id(fields, mode);
        fields.ignore(&["version", "createdAt", "updatedAt"]);
        Draft {
            name: read_name(fields, before),
            unique_group_names: fields.boolean("uniqueGroupNames").unwrap_or(false),
            unique_emails: fields.boolean("uniqueEmails").unwrap_or(false),
        }
    })
}

fn read_name(fields: &mut Fields<'_>, before: Option<&Tenant>) -> String {
    fields.require("name");
    let Some(name) = fields.string("name") else { return String::new() };
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=63).contains(&name.len()) || !name.bytes().all(allowed) {
        fields.error("name", "invalid-name", "must have 1 to 63 characters from a-z, 0-9 and -");
    } else if name == DEFAULT_NAME && before.is_none_or(|tenant| tenant.name != DEFAULT_NAME) {
        fields.error("name", "reserved", "is reserved for the default tenant");
    }
    name
}
