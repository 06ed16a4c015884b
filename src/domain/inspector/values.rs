//! The values by which an erasure finds the recorded requests that contain data of a user.

use super::plain;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Values of a user that identify it, case-folded and without escapes. Values that many users share, such as a department, are
/// not among them: a request that contains one and concerns the user also contains the user's id or an identifying value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserValues(BTreeSet<String>);

/// The maximum number of values. If a user had more, every request counts as one that contains a value.
const MAX_VALUES: usize = 1_000;
/// The length from which a value is searched for, in characters. Shorter ones occur in any text.
const LEAST: usize = 2;

const TEXTS: [&str; 4] = ["userName", "displayName", "nickName", "profileUrl"];
const NAMES: [&str; 4] = ["formatted", "familyName", "givenName", "middleName"];
const LISTS: [&str; 6] = ["emails", "phoneNumbers", "ims", "photos", "x509Certificates", "addresses"];
const ELEMENTS: [&str; 4] = ["value", "display", "formatted", "streetAddress"];

impl UserValues {
    /// Adds the values in a snapshot of a user, or in a part of one.
    pub fn add(&mut self, snapshot: &Map<String, Value>) {
        self.add_members(snapshot, &TEXTS);
        if let Some(Value::Object(name)) = snapshot.get("name") {
            self.add_members(name, &NAMES);
        }
        if let Some(Value::Object(enterprise)) = snapshot.get("enterprise") {
            self.add_members(enterprise, &["employeeNumber"]);
        }
        if let Some(Value::Object(ids)) = snapshot.get("externalIds") {
            ids.values().for_each(|id| self.add_text(id));
        }
        let lists = LISTS.iter().filter_map(|name| snapshot.get(*name)?.as_array()).flatten();
        for element in lists.filter_map(Value::as_object) {
            self.add_members(element, &ELEMENTS);
        }
    }

    fn add_members(&mut self, map: &Map<String, Value>, names: &[&str]) {
        names.iter().filter_map(|name| map.get(*name)).for_each(|value| self.add_text(value));
    }

    fn add_text(&mut self, value: &Value) {
        let Some(text) = value.as_str().map(|text| plain(text.trim())) else { return };
        if self.0.len() >= MAX_VALUES {
            // Every text contains the empty one.
            self.0 = BTreeSet::from([String::new()]);
        } else if text.chars().count() >= LEAST && !self.0.contains("") {
            self.0.insert(text);
        }
    }

    /// Whether a value contains an id, because it looks like one.
    pub(super) fn contain_id(&self, id: Uuid) -> bool {
        let id = id.to_string();
        self.0.iter().any(|value| value.is_empty() || value.contains(&id))
    }

    /// Whether a text, which is case-folded, has no escapes and was cut off, ends with the beginning of a value.
    pub(super) fn begin_at_end_of(&self, plain: &str) -> bool {
        self.0.iter().any(|value| {
            let ends = value.char_indices().skip(LEAST).map(|(at, _)| at).take_while(|at| *at <= plain.len());
            ends.filter_map(|end| value.get(..end)).any(|start| {
                let before = plain.strip_suffix(start).map(|before| before.chars().next_back());
                before.is_some_and(|before| !joins(before, start.chars().next()))
            })
        })
    }

    /// Whether a text, which is case-folded and has no escapes, contains a value, as a word or as several.
    pub(super) fn are_in(&self, plain: &str) -> bool {
        self.0.iter().any(|value| is_word_in(value, plain))
    }
}

/// Whether a text contains a value that is not a part of a longer word. Otherwise, the name `Li` would be found in `Linz`.
fn is_word_in(value: &str, text: &str) -> bool {
    text.match_indices(value).any(|(at, _)| {
        let (before, after) = (text.get(..at), text.get(at + value.len()..));
        !joins(before.and_then(|text| text.chars().next_back()), value.chars().next())
            && !joins(value.chars().next_back(), after.and_then(|text| text.chars().next()))
    })
}

/// Whether two adjacent characters belong to the same word.
fn joins(one: Option<char>, next: Option<char>) -> bool {
    [one, next].iter().all(|letter| letter.is_some_and(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(snapshot: Value) -> UserValues {
        let mut values = UserValues::default();
        values.add(snapshot.as_object().unwrap());
        values
    }

    #[test]
    fn identifying_values_are_found_as_words() {
        let values = of(json!({
            "userName": "Ada@Example.com", "title": "Countess", "name": { "familyName": "Li", "honorificPrefix": "Lady" },
            "emails": [{ "value": "ada@home.example", "type": "home" }], "externalIds": { "native": "E-7" },
            "enterprise": { "department": "Poetry", "employeeNumber": "0815" },
            "addresses": [{ "streetAddress": "1 Main St", "locality": "London" }], "locale": null,
        }));
        for text in ["x ada@example.com y", "\"li\"", "ada@home.example", "e-7", "0815", "1 main st."] {
            assert!(values.are_in(text), "{text}");
        }
        for text in ["countess", "lady", "linz", "e-70", "home", "poetry", "10815", "london", ""] {
            assert!(!values.are_in(text), "{text}");
        }
        let stored = serde_json::to_string(&values).unwrap();
        assert_eq!(serde_json::from_str::<UserValues>(&stored).unwrap(), values);
    }

    #[test]
    fn the_beginning_of_a_value_is_found_at_the_end_of_a_text() {
        let values = of(json!({ "userName": "ada@example.com", "name": { "givenName": "Li" } }));
        for text in ["{\"userName\":\"ad", "x ada@example.co", "ada@"] {
            assert!(values.begin_at_end_of(text), "{text}");
        }
        for text in ["x a", "read", "ada@example.com.", "ad ", "", "l"] {
            assert!(!values.begin_at_end_of(text), "{text}");
        }
    }

    #[test]
    fn a_user_with_too_many_values_is_found_everywhere() {
        let mut values = UserValues::default();
        for number in 0..2_000 {
            values.add(json!({ "userName": format!("name{number}") }).as_object().unwrap());
        }
        assert!(values.are_in("x") && values.are_in(""));
        assert_eq!(values.0.len(), 1);
    }
}
