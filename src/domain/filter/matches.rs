//! Evaluates filters on JSON values in memory, with the same result as in the database.

use super::{Filter, Test, Value};
use serde_json::Value as Json;
use std::ops::RangeBounds;

impl Filter {
    /// Whether an object matches. Its strings must be folded by [`folded`](crate::domain::document::folded), and its times
    /// must be in microseconds.
    #[must_use]
    pub fn matches(&self, object: &Json) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(object)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(object)),
            Self::Not(inner) => !inner.matches(object),
            Self::Element { list, test } => {
                let elements = object.get(list).and_then(Json::as_array);
                elements.is_some_and(|elements| elements.iter().any(|element| test.matches(element)))
            }
            // `custom` belongs to resources, and only parts of lists are filtered in memory.
            Self::Custom { .. } => false,
            Self::Is(path, test) => {
                let value = path.iter().try_fold(object, |value, name| value.get(name));
                value.is_some_and(|value| test.matches(value))
            }
        }
    }
}

impl Test {
    pub(super) fn matches(&self, json: &Json) -> bool {
        match self {
            Self::Never => false,
            Self::Present => json.as_str().is_some_and(|text| !text.is_empty()),
            Self::Equal(value) => stored(json).as_ref() == Some(value),
            Self::Within(from, to) => {
                let range = (from.as_ref(), to.as_ref());
                stored(json).is_some_and(|value| RangeBounds::<Value>::contains(&range, &value))
            }
            Self::Contains(part) => json.as_str().is_some_and(|text| text.contains(part)),
            Self::EndsWith(part) => json.as_str().is_some_and(|text| text.ends_with(part)),
        }
    }
}

/// The stored form of a value. No filter that is evaluated in memory contains a [`Value::Id`].
fn stored(json: &Json) -> Option<Value> {
    match json {
        Json::String(text) => Some(Value::Text(text.clone())),
        Json::Bool(value) => Some(Value::Boolean(*value)),
        Json::Number(number) => number.as_i64().map(Value::Integer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::attribute::USER;
    use crate::domain::document::{compact, folded};
    use crate::domain::filter::Filter;
    use crate::domain::schema::{USERS, Vocabulary};
    use crate::domain::user::{Attributes, Draft, WriteMode};
    use serde_json::{Value as Json, json};

    fn ada() -> Attributes {
        let body = json!({
            "userName": "Ada", "title": "", "active": true, "name": {"familyName": "Lovelace"},
            "profileUrl": "https://X", "photos": [{"value": "https://P"}],
            "emails": [{"value": "A@x", "type": "Work", "primary": true}, {"value": "b@y", "type": "home"}],
        });
        Draft::read(body, WriteMode::Create).unwrap().attributes
    }

    #[test]
    fn matching_values_agrees_with_matching_rows() {
        let ada = Json::Object(folded(compact(&ada()), USER));
        for (text, expected) in [
            ("userName eq \"ADA\"", true),
            ("userName ne \"ADA\"", false),
            ("userName sw \"A\" and userName ew \"a\"", true),
            ("userName gt \"b\" or name.familyName co \"VEL\"", true),
            ("title pr", false),
            ("title eq \"\"", true),
            ("nickName pr", false),
            ("nickName ne \"x\"", true),
            ("not (nickName eq \"x\")", true),
            ("active eq true", true),
            ("profileUrl eq \"https://x\"", false),
            ("photos eq \"https://P\"", true),
            ("emails[type eq \"WORK\" and value eq \"a@X\"]", true),
            ("emails[type eq \"home\" and value eq \"a@x\"]", false),
            ("emails[primary eq false].value eq \"b@y\"", true),
            ("emails[not (type pr)]", false),
            ("phoneNumbers pr", false),
            ("phoneNumbers eq null", true),
        ] {
            let filter = Filter::parse(text, &USERS, Vocabulary::Scim).unwrap();
            assert_eq!(filter.matches(&ada), expected, "{text}");
        }
    }
}
