//! Removes passwords, and the secrets of keys and tokens, from what is recorded of a request.
//!
//! A body that is not complete JSON is not recorded if it can contain a password, because it is then unknown where the
//! password ends.

use crate::domain::key::SECRET_PREFIX;
use crate::domain::parse_id;
use serde_json::{Map, Value};
use uuid::Uuid;

/// The text that replaces a removed part.
pub(super) const REMOVED: &str = "[removed]";

/// The word by which the attribute is found, in lower case.
const PASSWORD: &str = "password";

/// The number of levels of JSON in JSON strings that are read.
const MAX_LEVELS: usize = 4;
/// The length from which a removed value is also searched for in other texts. Shorter ones occur by chance.
const LEAST_SEARCHED: usize = 3;

/// The passwords that were removed from a request.
#[derive(Debug, Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// Removes passwords from the text of a body. Returns `None` if the body cannot be recorded.
    pub(super) fn remove(&mut self, text: String) -> Option<String> {
        if !can_contain_password(&text) {
            return Some(text);
        }
        let mut body: Value = serde_json::from_str(&text).ok()?;
        self.remove_from(&mut body, MAX_LEVELS);
        Some(body.to_string())
    }

    /// The text, or a replacement if it contains a password: a removed one, or a value that is named as one.
    pub(super) fn checked(&self, text: String) -> String {
        let names_value = mentions_password(&text) && text.contains(['"', '(', '=']);
        if names_value || self.are_in(&text) { REMOVED.to_owned() } else { text }
    }

    /// Whether a text contains a removed password.
    pub(super) fn are_in(&self, text: &str) -> bool {
        self.0.iter().any(|secret| text.contains(secret))
    }

    /// Removes passwords, keys and tokens from a document.
    pub(super) fn remove_from_document(&mut self, document: &mut Value) {
        self.remove_from(document, MAX_LEVELS);
    }

    fn remove_from(&mut self, value: &mut Value, levels: usize) {
        match value {
            Value::String(text) if has_key(text) => *text = without_keys(std::mem::take(text)),
            Value::Object(map) => self.remove_from_object(map, levels),
            Value::Array(items) => items.iter_mut().for_each(|item| self.remove_from(item, levels)),
            Value::String(text) if can_contain_password(text) => {
                let json = serde_json::from_str(text).ok().filter(|json: &Value| !json.is_string());
                match json.filter(|_| levels > 0) {
                    Some(mut json) => {
                        self.remove_from(&mut json, levels - 1);
                        *text = json.to_string();
                    }
                    // A filter or a path with a value, or JSON that is incomplete.
                    None if text.contains(['"', '\\', '(']) => self.take(value),
                    None => {}
                }
            }
            _ => {}
        }
    }

    fn remove_from_object(&mut self, map: &mut Map<String, Value>, levels: usize) {
        let is_path = |(name, value): (&String, &Value)| {
            name.eq_ignore_ascii_case("path") && value.as_str().is_some_and(mentions_password)
        };
        let sets_password = map.iter().any(is_path);
        for (name, value) in map {
            if mentions_password(name) && has_text(value)
                || sets_password && name.eq_ignore_ascii_case("value")
            {
                self.take(value);
            } else {
                self.remove_from(value, levels);
            }
        }
    }

    /// Replaces a value, and keeps its strings and numbers for the search.
    fn take(&mut self, value: &mut Value) {
        self.keep(value);
        *value = REMOVED.into();
    }

    fn keep(&mut self, value: &Value) {
        match value {
            Value::Object(map) => map.values().for_each(|value| self.keep(value)),
            Value::Array(items) => items.iter().for_each(|item| self.keep(item)),
            Value::String(text) => self.0.push(text.clone()),
            Value::Number(number) => self.0.push(number.to_string()),
            Value::Null | Value::Bool(_) => {}
        }
        self.0.retain(|secret| secret.len() >= LEAST_SEARCHED);
    }
}

/// Whether a value contains a string or a number. `changePassword` in the configuration of a service provider does not.
fn has_text(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.values().any(has_text),
        Value::Array(items) => items.iter().any(has_text),
        Value::String(_) | Value::Number(_) => true,
        Value::Null | Value::Bool(_) => false,
    }
}

/// The text without the secrets of keys and tokens.
pub(super) fn without_keys(mut text: String) -> String {
    while let Some((start, end)) = key_in(&text) {
        text.replace_range(start..end, REMOVED);
    }
    text
}

/// Whether a text contains the secret of a key or token.
pub(super) fn has_key(text: &str) -> bool {
    key_in(text).is_some()
}

/// The first secret of a key or token in a text, or the beginning of one, if it is cut off.
fn key_in(text: &str) -> Option<(usize, usize)> {
    text.match_indices(SECRET_PREFIX).find_map(|(start, _)| {
        let id = start + SECRET_PREFIX.len();
        let random = id + Uuid::nil().to_string().len();
        parse_id(text.get(id..random)?)?;
        let rest = text.get(random..)?;
        let length = rest.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        Some((start, random + length.unwrap_or(rest.len())))
    })
}

/// Whether a text names a password.
pub(super) fn mentions_password(text: &str) -> bool {
    let word = PASSWORD.as_bytes();
    text.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// Whether a text names a password, or may do so in escaped characters.
fn can_contain_password(text: &str) -> bool {
    // The letters of the word lie between U+0040 and U+007F.
    let has_escape = || ["\\u004", "\\u005", "\\u006", "\\u007"].iter().any(|escape| text.contains(escape));
    mentions_password(text) || has_escape()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const SECRET: &str = "hunter2-7f3a9c";

    fn removed(text: &str) -> Option<String> {
        Secrets::default().remove(text.to_owned())
    }

    #[test]
    fn passwords_are_removed_wherever_they_occur() {
        let user = json!({ "userName": "ada", "Password": SECRET });
        let patch = |operation: Value| json!({ "Operations": [operation] });
        for body in [
            user.clone(),
            json!({ "urn:ietf:params:scim:schemas:core:2.0:User:password": SECRET }),
            json!({ "password": [{ "value": SECRET }] }),
            json!({ "PASSWORD": 1 }),
            patch(json!({ "value": SECRET, "op": "add", "path": "password" })),
            patch(json!({ "op": "add", "PATH": "urn:x:User:passWord", "Value": { "value": SECRET } })),
            patch(json!({ "op": "add", "value": { "password": SECRET } })),
            patch(json!({ "op": "add", "value": user.to_string() })),
            patch(json!({ "op": "add", "path": format!("password[value eq \"{SECRET}\"]") })),
            json!({ "Operations": [{ "method": "POST", "path": "/Users", "bulkId": "1", "data": user }] }),
            json!({ "Operations": [{ "method": "POST", "data": Value::from(user.to_string()).to_string() }] }),
            json!({ "filter": format!("password eq \"{SECRET}\"") }),
        ] {
            let text = removed(&body.to_string()).unwrap();
            assert!(!text.contains(SECRET) && text.contains(REMOVED), "{body} {text}");
        }
        let escaped = format!(r#"{{"pass\u0077ord":"{SECRET}"}}"#);
        assert!(!removed(&escaped).unwrap().contains(SECRET));
    }

    #[test]
    fn bodies_without_passwords_are_recorded_as_sent() {
        for text in [r#"{ "a" : 1,"displayName":"Ma\u00f1ana" }"#, "not JSON", "", r#"{"cut": "o"#] {
            assert_eq!(removed(text).as_deref(), Some(text));
        }
        let configuration = json!({ "changePassword": { "supported": false } }).to_string();
        assert_eq!(removed(&configuration), Some(configuration));
        let attributes = json!({ "attributes": ["password"] }).to_string();
        assert_eq!(removed(&attributes), Some(attributes));
    }

    #[test]
    fn incomplete_bodies_with_passwords_are_not_recorded() {
        for text in [r#"{"password":"hunt"#, "password=hunter2", r#"{"p\u0061ssword":"hunt"#] {
            assert_eq!(removed(text), None, "{text}");
        }
    }

    #[test]
    fn removed_passwords_are_found_in_other_texts() {
        let mut secrets = Secrets::default();
        secrets.remove(json!({ "password": SECRET, "x": { "passwords": ["ab", 12_345] } }).to_string());
        for text in [format!("x {SECRET}"), "12345".to_owned(), "password (7) is wrong".to_owned()] {
            assert_eq!(secrets.checked(text), REMOVED);
        }
        for text in ["ab is short", "The attribute 'password' cannot be filtered."] {
            assert_eq!(secrets.checked(text.to_owned()), text);
        }
    }

    /// JSON that contains the secret only as the value of a member whose name contains `password`.
    fn bodies() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<i32>().prop_map(Value::from),
            "[a-z\"\\\\é]{0,6}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            let password = "(urn:[a-z]:)?[pP][aA]SSword[0-9]?";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,4}", inner.clone(), 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
                (password, inner.clone()).prop_map(|(name, other)| json!({ name: [SECRET, other] })),
                inner.prop_map(|inner| Value::from(inner.to_string())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_password_is_left(body in bodies(), cut in any::<prop::sample::Index>()) {
            let text = body.to_string();
            prop_assert!(!removed(&text).unwrap_or_default().contains(SECRET), "{}", text);
            let cut = (0..=cut.index(text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            prop_assert!(!removed(&text[..cut]).unwrap_or_default().contains(SECRET), "{}", &text[..cut]);
        }
    }
}
