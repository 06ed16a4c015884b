//! Members: each a user in a group, never a list inside one.

use super::fields::{FieldError, Fields, wrong_type};
use super::parse_id;
use super::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// A user in a group, with what it is called.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// The user.
    pub user_id: Uuid,
    /// Its userName.
    pub user_name: String,
    /// Its displayName.
    pub display_name: Option<String>,
    /// When it was added.
    pub added_at: Timestamp,
}

/// The most users that one body names.
const USER_LIMIT: usize = 1_000;

/// Reads `{"userIds":[…]}`, in the order in which they stand there.
///
/// # Errors
/// One [`FieldError`] for each invalid field, and for each text that is no id.
pub fn read_user_ids(body: Value) -> Result<Vec<Uuid>, Vec<FieldError>> {
    if !body.is_object() {
        return Err(vec![wrong_type("", "an object", &body)]);
    }
    let mut errors = Vec::new();
    let mut fields = Fields::new(body, &mut errors);
    let mut ids = Vec::new();
    match fields.take("userIds") {
        None => fields.error("userIds", "required", "must name at least one user"),
        Some(Value::Array(items)) if items.is_empty() => {
            fields.error("userIds", "required", "must name at least one user");
        }
        Some(Value::Array(items)) if items.len() > USER_LIMIT => {
            fields.error("userIds", "too-many", "must name at most 1,000 users");
        }
        Some(Value::Array(items)) => ids = read_ids(&items, &mut fields),
        Some(other) => fields.refuse("userIds", "a list", &other),
    }
    fields.finish();
    if errors.is_empty() { Ok(ids) } else { Err(errors) }
}

fn read_ids(items: &[Value], fields: &mut Fields<'_>) -> Vec<Uuid> {
    let mut ids = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match item.as_str().map(parse_id) {
            Some(Some(id)) => ids.push(id),
            Some(None) => fields.error_at(&format!("userIds/{index}"), UNKNOWN, NO_USER),
            None => fields.error_at(&format!("userIds/{index}"), "wrong-type", "must be a string"),
        }
    }
    ids
}

const UNKNOWN: &str = "unknown-user";
const NO_USER: &str = "is not the id of a user";

/// What is wrong with the users of a body that are not there, by their places.
#[must_use]
pub fn unknown_users(places: impl IntoIterator<Item = usize>) -> Vec<FieldError> {
    let error = |index| FieldError::new(format!("/userIds/{index}"), UNKNOWN, NO_USER);
    places.into_iter().map(error).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn errors(body: Value) -> Vec<(String, &'static str)> {
        let errors = read_user_ids(body).unwrap_err();
        errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    fn wrong(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
        vec![(pointer.to_owned(), code)]
    }

    #[test]
    fn ids_keep_their_places() {
        let ids = [Uuid::max(), Uuid::nil(), Uuid::max()];
        assert_eq!(read_user_ids(json!({ "userIds": ids })), Ok(ids.to_vec()));
    }

    #[test]
    fn every_error_is_told_with_its_place() {
        assert_eq!(errors(json!([])), wrong("", "wrong-type"));
        assert_eq!(errors(json!({})), wrong("/userIds", "required"));
        assert_eq!(errors(json!({"userIds": []})), wrong("/userIds", "required"));
        assert_eq!(errors(json!({"userIds": "a"})), wrong("/userIds", "wrong-type"));
        let many = |count: usize| json!({ "userIds": vec![Uuid::max(); count] });
        assert_eq!(read_user_ids(many(1_000)).map(|ids| ids.len()), Ok(1_000));
        assert_eq!(errors(many(1_001)), wrong("/userIds", "too-many"));
        let several = json!({"userIds": [Uuid::max(), "x", 1, "", null], "x": 1});
        let expected = [
            ("/userIds/1".to_owned(), "unknown-user"),
            ("/userIds/2".to_owned(), "wrong-type"),
            ("/userIds/3".to_owned(), "unknown-user"),
            ("/userIds/4".to_owned(), "wrong-type"),
            ("/x".to_owned(), "unknown-field"),
        ];
        assert_eq!(errors(several), expected);
    }
}
