//! The oracle's representation of a user: the JSON of the API, prepared for comparisons.

use crate::oracle::times;
use roster::domain::casefold::casefold;
use serde_json::Value;
use std::collections::BTreeMap;

/// A string in its exact and its case-folded form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) exact: String,
    pub(crate) folded: String,
}

impl Text {
    pub(crate) fn new(exact: impl Into<String>) -> Self {
        let exact = exact.into();
        Self { folded: casefold(&exact), exact }
    }
}

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Absent,
    Text(Text),
    Flag(bool),
    Number(i64),
    Time(i128),
    List(Vec<Node>),
    Object(BTreeMap<String, Node>),
}

/// Members that filters cannot name, with arbitrary content.
const FREE: [&str; 3] = ["custom", "extensions", "externalIds"];

impl Node {
    /// Converts a user in a response.
    pub(crate) fn of_user(user: &Value) -> Self {
        let members = user.as_object().expect("the user is an object");
        let members = members.iter().filter(|(name, _)| !FREE.contains(&name.as_str()));
        let member = |(name, value): (&String, &Value)| {
            let node = match name.as_str() {
                "createdAt" | "updatedAt" => {
                    Self::Time(times::parse(value.as_str().expect("the time is a string")))
                }
                _ => Self::of(value),
            };
            (name.clone(), node)
        };
        Self::Object(members.map(member).collect())
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Absent,
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Number(number) => Self::Number(number.as_i64().expect("the number is an integer")),
            Value::String(text) => Self::Text(Text::new(text)),
            Value::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Object(map) => {
                Self::Object(map.iter().map(|(name, inner)| (name.clone(), Self::of(inner))).collect())
            }
        }
    }

    /// Whether any value at a path passes the test. The path of a list leads to all its elements. Absent values never pass.
    pub(crate) fn any(&self, path: &[String], test: &dyn Fn(&Self) -> bool) -> bool {
        match (self, path) {
            (Self::Absent, _) => false,
            (Self::List(items), _) => items.iter().any(|item| item.any(path, test)),
            (_, []) => test(self),
            (Self::Object(map), [name, rest @ ..]) => map.get(name).is_some_and(|node| node.any(rest, test)),
            _ => false,
        }
    }

    /// `pr`: not null, an empty string or an empty list. An object is present if any of its members is.
    pub(crate) fn is_present(&self) -> bool {
        match self {
            Self::Absent => false,
            Self::Text(text) => !text.exact.is_empty(),
            Self::Flag(_) | Self::Number(_) | Self::Time(_) => true,
            Self::List(items) => items.iter().any(Self::is_present),
            Self::Object(map) => map.values().any(Self::is_present),
        }
    }
}
