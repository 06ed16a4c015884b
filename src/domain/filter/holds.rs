//! Whether a JSON object fulfils a filter: what the database asks of rows, asked of a value that is at hand.

use super::{Filter, Test, Value};
use serde_json::Value as Json;
use std::ops::RangeBounds;

impl Filter {
    /// Whether an object fulfils the filter. Its strings must be folded where a filter's are, as
    /// [`folded`](crate::domain::document::folded) has them.
    #[must_use]
    pub fn holds(&self, object: &Json) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(object)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(object)),
            Self::Not(inner) => !inner.holds(object),
            Self::Element { list, test } => {
                let elements = object.get(list).and_then(Json::as_array);
                elements.is_some_and(|elements| elements.iter().any(|element| test.holds(element)))
            }
            Self::Is(path, test) => {
                let value = path.iter().try_fold(object, |value, name| value.get(name));
                value.is_some_and(|value| test.passes(value))
            }
        }
    }
}

impl Test {
    pub(super) fn passes(&self, json: &Json) -> bool {
        match self {
            Self::Never => false,
            Self::Present => json.as_str().is_some_and(|text| !text.is_empty()),
            Self::Equal(value) => kept(json).as_ref() == Some(value),
            Self::Within(from, to) => {
                let range = (from.as_ref(), to.as_ref());
                kept(json).is_some_and(|value| RangeBounds::<Value>::contains(&range, &value))
            }
            Self::Contains(part) => json.as_str().is_some_and(|text| text.contains(part)),
            Self::EndsWith(part) => json.as_str().is_some_and(|text| text.ends_with(part)),
        }
    }
}

/// The value as it is compared. Elements of lists have no ids and no times.
fn kept(json: &Json) -> Option<Value> {
    match json {
        Json::String(text) => Some(Value::Text(text.clone())),
        Json::Bool(value) => Some(Value::Boolean(*value)),
        Json::Number(number) => number.as_i64().map(Value::Integer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::attribute::{USER, USERS, Vocabulary};
    use crate::domain::document::{compact, folded};
    use crate::domain::filter::Filter;
    use crate::domain::user::{Attributes, Draft, ReadAs};
    use serde_json::{Value as Json, json};

    fn ada() -> Attributes {
        let body = json!({
            "userName": "Ada", "title": "", "active": true, "name": {"familyName": "Lovelace"},
            "profileUrl": "https://X", "photos": [{"value": "https://P"}],
            "emails": [{"value": "A@x", "type": "Work", "primary": true}, {"value": "b@y", "type": "home"}],
        });
        Draft::read(body, ReadAs::New).unwrap().attributes
    }

    #[test]
    fn scim_values_are_asked_what_rows_are() {
        let ada = Json::Object(folded(compact(&ada()), USER));
        for (text, holds) in [
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
            assert_eq!(filter.holds(&ada), holds, "{text}");
        }
    }
}
