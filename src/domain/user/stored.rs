//! Users as they are stored, and the text of responses that contain whole users.

use super::{Attributes, Representation, User, UserGroup, sort_key};
use crate::domain::attribute::USER;
use crate::domain::filter;
use crate::domain::schema::SortBy;
use crate::domain::shape::scanner::{Scanner, find};
use crate::domain::shape::{Columns, Rules, Shape};
use crate::domain::sort::Sorted;
use crate::domain::time::Timestamp;
use crate::domain::{NATIVE_SOURCE, parse_id};
use serde::{Deserialize, Serialize};
use serde_json::Error;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write;
use std::sync::LazyLock;
use uuid::Uuid;

/// A user as it is stored: the values of columns, and a document with all others.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are those of `User`")]
pub struct StoredUser {
    pub id: Uuid,
    pub user_name: String,
    pub display_name: Option<String>,
    pub active: bool,
    /// A JSON object with the externalIds and with the attributes that have no column, without absent values.
    pub document: String,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The displayName of the manager; `None` unless the manager is a user of the tenant.
    pub manager_name: Option<Option<String>>,
    /// The groups, if they have been loaded.
    pub groups: Option<Vec<UserGroup>>,
}

/// The document of a stored user, as JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    external_ids: BTreeMap<String, String>,
    attributes: Attributes,
}

/// The text before the externalIds in a document.
const BEFORE_EXTERNAL_IDS: &str = "{\"externalIds\":";
/// The text between the externalIds and the attributes.
const BEFORE_ATTRIBUTES: &str = ",\"attributes\":";

/// The attributes of a response that are not in the document, or not among its attributes.
pub(in crate::domain) const COLUMNS: &[&str] = &[
    "id",
    "userName",
    "externalId",
    "displayName",
    "active",
    "enterprise.manager.displayName",
    "externalIds",
    "version",
    "createdAt",
    "updatedAt",
];

static RESPONSE: LazyLock<Shape> =
    LazyLock::new(|| Shape::of(USER, &Rules { columns: COLUMNS, ..Rules::default() }));

/// The document of a user.
///
/// # Errors
/// None in practice, because every user can be serialized.
pub fn document(user: &User) -> Result<Box<RawValue>, Error> {
    let mut document = BEFORE_EXTERNAL_IDS.as_bytes().to_vec();
    serde_json::to_writer(&mut document, &user.external_ids)?;
    document.extend_from_slice(BEFORE_ATTRIBUTES.as_bytes());
    let attributes = serde_json::to_string(&user.attributes)?;
    let start = document.len();
    if RESPONSE.compact(&attributes, &mut document).is_none() {
        document.truncate(start);
        document.extend_from_slice(attributes.as_bytes());
    }
    document.push(b'}');
    serde_json::from_slice(&document)
}

impl StoredUser {
    /// The id of the manager, if there is one and its value is an id.
    pub fn manager(&self) -> Option<Uuid> {
        parse_id(self.manager_value()?)
    }

    /// The value of the manager, with its escapes.
    pub(in crate::domain) fn manager_value(&self) -> Option<&str> {
        let value = self.find("\"manager\":", &["attributes", "enterprise", "manager", "value"])?;
        value.strip_prefix('"')?.strip_suffix('"')
    }

    /// Whether the user has a manager.
    pub fn has_manager(&self) -> bool {
        self.manager_value().is_some()
    }

    /// Whether the user has attributes of the enterprise extension.
    pub(in crate::domain) fn has_enterprise(&self) -> bool {
        self.find("\"enterprise\":", &["attributes", "enterprise"]).is_some()
    }

    /// The text of the value at a path in the document. `key` is a part of the path as it is written in the document. Most
    /// documents do not contain it and need not be split into values.
    fn find(&self, key: &str, path: &[&str]) -> Option<&str> {
        self.document.contains(key).then(|| find(&self.document, path))?
    }

    /// Appends the representation of the user, as [`Representation`] serializes it.
    ///
    /// # Errors
    /// The document is not that of a user.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        if self.expand(out).is_some() {
            return Ok(());
        }
        // An earlier release wrote the document.
        out.truncate(start);
        serde_json::to_writer(out, &Representation::from(&self.parse()?))
    }

    /// The user, with its computed attributes.
    ///
    /// # Errors
    /// The document is not that of a user.
    pub fn parse(&self) -> Result<User, Error> {
        let mut user = User::try_from(self.clone())?;
        if let Some(manager) = &mut user.attributes.enterprise.manager {
            manager.exists = self.manager_name.is_some();
            manager.display_name = Some(self.manager_name.clone().flatten());
        }
        Ok(user)
    }

    fn expand(&self, out: &mut Vec<u8>) -> Option<()> {
        let (external_ids, attributes) = self.parts()?;
        RESPONSE.expand(attributes, &mut Values { user: self, external_ids }, out)
    }

    /// The texts of the externalIds and of the attributes that have no column. `None` if an earlier release wrote the
    /// document.
    pub(in crate::domain) fn parts(&self) -> Option<(&str, &str)> {
        let mut scanner = Scanner::of(self.document.strip_prefix(BEFORE_EXTERNAL_IDS)?.strip_suffix('}')?);
        let external_ids = scanner.value()?;
        scanner.text(BEFORE_ATTRIBUTES)?;
        Some((external_ids, scanner.rest()))
    }
}

/// The user, without computed attributes.
impl TryFrom<StoredUser> for User {
    type Error = Error;

    fn try_from(stored: StoredUser) -> Result<Self, Error> {
        let Document { external_ids, attributes } = serde_json::from_str(&stored.document)?;
        let StoredUser { user_name, display_name, active, .. } = stored;
        Ok(Self {
            id: stored.id,
            attributes: Attributes { user_name, display_name, active, ..attributes },
            groups: stored.groups,
            external_ids,
            version: stored.version,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        })
    }
}

impl Sorted for StoredUser {
    fn id(&self) -> Uuid {
        self.id
    }

    fn key(&self, by: SortBy) -> Option<filter::Value> {
        sort_key(by, &self.user_name, self.display_name.as_deref(), [self.created_at, self.updated_at])
    }
}

/// The values of a response that are not among the attributes of the document.
struct Values<'u> {
    user: &'u StoredUser,
    external_ids: &'u str,
}

impl Columns for Values<'_> {
    fn write(&mut self, path: &str, key: &str, out: &mut Vec<u8>) {
        let Self { user, external_ids } = *self;
        out.extend_from_slice(key.as_bytes());
        match path {
            "id" => write_text(&user.id, out),
            "userName" => write_json(&user.user_name, out),
            "externalId" => {
                let native = find(external_ids, &[NATIVE_SOURCE]);
                out.extend_from_slice(native.unwrap_or("null").as_bytes());
            }
            "displayName" => write_json(&user.display_name, out),
            "active" => write_json(&user.active, out),
            "enterprise.manager.displayName" => write_json(&user.manager_name.iter().flatten().next(), out),
            "externalIds" => {
                out.extend_from_slice(external_ids.as_bytes());
                if let Some(groups) = &user.groups {
                    out.extend_from_slice(b",\"groups\":");
                    write_json(groups, out);
                }
            }
            "version" => write_json(&user.version, out),
            "createdAt" => write_text(&user.created_at, out),
            _ => write_text(&user.updated_at, out),
        }
    }
}

pub(in crate::domain) fn write_json(value: &impl Serialize, out: &mut Vec<u8>) {
    // Writing a string, a number or a boolean to memory cannot fail.
    drop(serde_json::to_writer(out, value));
}

/// Appends a text that needs no escapes.
fn write_text(text: &impl Display, out: &mut Vec<u8>) {
    drop(write!(out, "\"{text}\""));
}

#[cfg(test)]
impl StoredUser {
    /// The user as it would be stored, without a manager's name.
    pub(in crate::domain) fn of(user: &User) -> Self {
        Self {
            id: user.id,
            user_name: user.attributes.user_name.clone(),
            display_name: user.attributes.display_name.clone(),
            active: user.attributes.active,
            document: document(user).map(|document| document.get().to_owned()).unwrap_or_default(),
            version: user.version,
            created_at: user.created_at,
            updated_at: user.updated_at,
            manager_name: None,
            groups: user.groups.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{body, user};
    use super::super::{Draft, WriteMode};
    use super::*;
    use crate::domain::document::compact;
    use crate::domain::snapshot_line::{SnapshotEntry, write_user};
    use proptest::option;
    use proptest::prelude::*;
    use serde_json::json;

    fn stored(user: &User, document: String, manager_name: Option<Option<String>>) -> StoredUser {
        StoredUser { document, manager_name, ..StoredUser::of(user) }
    }

    /// The document as earlier releases wrote it.
    fn sorted_document(user: &User) -> String {
        let mut attributes = compact(&user.attributes);
        for column in ["userName", "displayName", "active"] {
            attributes.remove(column);
        }
        json!({ "attributes": attributes, "externalIds": user.external_ids }).to_string()
    }

    fn written(stored: &StoredUser) -> String {
        let mut out = b"before".to_vec();
        stored.write(&mut out).unwrap();
        String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned()
    }

    proptest! {
        #[test]
        fn stored_text_and_serialized_users_are_identical(
            body in body(),
            external_ids in proptest::collection::btree_map("native|\\PC{1,9}", ".{1,9}", 0..3),
            name in option::of(option::of(".{1,9}")),
            group in option::of(".{1,9}"),
        ) {
            let mut user = user(Draft::read(body, WriteMode::Create).unwrap());
            user.external_ids = external_ids;
            user.groups = group.map(|display_name| vec![UserGroup { id: user.id, display_name }]);
            let new = stored(&user, StoredUser::of(&user).document, name.clone());
            prop_assert!(new.expand(&mut Vec::new()).is_some(), "{}", new.document);
            let old = stored(&user, sorted_document(&user), name.clone());
            prop_assert_eq!(&User::try_from(new.clone()).unwrap(), &user);
            prop_assert_eq!(&User::try_from(old.clone()).unwrap(), &user);
            for form in [&new, &old] {
                let mut line = Vec::new();
                write_user(form, &mut line).unwrap();
                let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
                prop_assert_eq!(line, serde_json::to_value(SnapshotEntry::from(&user)).unwrap());
            }
            if let Some(manager) = &mut user.attributes.enterprise.manager {
                manager.display_name = Some(name.flatten());
            }
            let expected = serde_json::to_string(&Representation::from(&user)).unwrap();
            prop_assert_eq!(&written(&new), &expected);
            prop_assert_eq!(&written(&old), &expected);
        }
    }

    #[test]
    fn absent_values_are_not_stored() {
        let body = json!({"userName": "ada", "title": "x", "emails": [{"value": "a@x", "type": "work"}]});
        let user = user(Draft::read(body, WriteMode::Create).unwrap());
        let expected = json!({
            "externalIds": {},
            "attributes": {"title": "x", "emails": [{"value": "a@x", "type": "work"}]},
        });
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(document(&user).unwrap().get()).unwrap(),
            expected
        );
    }

    #[test]
    fn only_the_manager_of_the_enterprise_extension_is_looked_up() {
        let id = Uuid::from_u128(7);
        let manager = |body: serde_json::Value| {
            let user = user(Draft::read(body, WriteMode::Create).unwrap());
            stored(&user, StoredUser::of(&user).document, None).manager()
        };
        let named = json!({"manager": {"value": id}});
        assert_eq!(manager(json!({"userName": "a", "enterprise": named})), Some(id));
        assert_eq!(manager(json!({"userName": "a", "enterprise": {"manager": {"value": "x"}}})), None);
        assert_eq!(manager(json!({"userName": "a", "custom": named, "title": "\"manager\":{}"})), None);
    }
}
