//! Idempotent requests: a retry with the same `Idempotency-Key` gets the stored response.

use super::time::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::Duration;
use uuid::Uuid;

/// The time for which a response is stored.
pub const RETENTION: Duration = Duration::from_hours(24);

/// An idempotent request. The key is unique for its tenant, caller, method and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The tenant.
    pub tenant: Uuid,
    /// The caller: its kind and id.
    pub caller: String,
    /// The method, for example `POST`.
    pub method: &'static str,
    /// The path, for example `/users`.
    pub path: &'static str,
    /// The `Idempotency-Key`: 1 to 255 visible ASCII characters.
    pub key: String,
    /// The hash of the body, which detects a key that is reused for another request.
    pub body: BodyHash,
    /// The time of arrival.
    pub now: Timestamp,
}

/// A hash of a JSON value. It does not depend on white space, escapes or the order of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyHash(pub Vec<u8>);

impl BodyHash {
    /// Hashes a body. `serde_json` sorts the keys of its objects.
    pub fn of(body: &Value) -> Self {
        Self(Sha256::digest(body.to_string()).to_vec())
    }
}

/// A response that is stored with an idempotency key, to be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// The status, a 2xx.
    pub status: u16,
    /// The headers of this response, except those that every response has.
    pub headers: Vec<(String, String)>,
    /// The JSON body.
    pub body: Option<String>,
    /// The id of the resource in the body.
    pub resource: Uuid,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hashes_do_not_depend_on_the_spelling_of_json() {
        let parse = |text: &str| BodyHash::of(&serde_json::from_str(text).unwrap());
        assert_eq!(
            parse(r#"{"a":1,"b":[{"c":"\u0041","d":null}]}"#),
            parse(r#"{ "b": [{"d":null,"c":"A"}], "a": 1 }"#)
        );
        assert_ne!(BodyHash::of(&json!({"a": 1})), BodyHash::of(&json!({"a": 2})));
        assert_ne!(BodyHash::of(&json!({"a": [1, 2]})), BodyHash::of(&json!({"a": [2, 1]})));
    }
}
