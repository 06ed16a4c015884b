//! Requests that are carried out once however often they are sent.

use super::time::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::Duration;
use uuid::Uuid;

/// How long the answer to a request is kept.
pub const KEPT: Duration = Duration::from_hours(24);

/// A request by what its client calls it: within tenant, caller, method and path the key names one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The tenant that it acts in.
    pub tenant: Uuid,
    /// Who sent it: the kind of the actor and its id.
    pub caller: String,
    /// For example `POST`.
    pub method: &'static str,
    /// For example `/users`.
    pub path: &'static str,
    /// The `Idempotency-Key`: 1 to 255 visible ASCII characters.
    pub key: String,
    /// What tells its body from another.
    pub body: BodyHash,
    /// When it came.
    pub now: Timestamp,
}

/// A hash of a JSON value: the same for every way to write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyHash(pub Vec<u8>);

impl BodyHash {
    /// Hashes a body, whose objects are kept in the order of their keys.
    #[must_use]
    pub fn of(body: &Value) -> Self {
        Self(Sha256::digest(body.to_string()).to_vec())
    }
}

/// A response that is stored with an idempotency key, to be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// The status, a 2xx.
    pub status: u16,
    /// The headers of this response besides those that every response has.
    pub headers: Vec<(String, String)>,
    /// The body, JSON.
    pub body: Option<String>,
    /// The id of the resource in the body.
    pub resource: Uuid,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_body_is_the_same_however_it_is_written() {
        let parse = |text: &str| BodyHash::of(&serde_json::from_str(text).unwrap());
        assert_eq!(
            parse(r#"{"a":1,"b":[{"c":"\u0041","d":null}]}"#),
            parse(r#"{ "b": [{"d":null,"c":"A"}], "a": 1 }"#)
        );
        assert_ne!(BodyHash::of(&json!({"a": 1})), BodyHash::of(&json!({"a": 2})));
        assert_ne!(BodyHash::of(&json!({"a": [1, 2]})), BodyHash::of(&json!({"a": [2, 1]})));
    }
}
