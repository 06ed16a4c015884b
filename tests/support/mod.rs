//! Shared by all suites: databases of both engines, the server as a process, and a client for it.

pub(crate) mod api;
pub(crate) mod command;
pub(crate) mod http;
pub(crate) mod postgres;
pub(crate) mod raw;
pub(crate) mod server;
pub(crate) mod sql;
pub(crate) mod sqlite;

/// Encodes all but unreserved characters (RFC 3986, section 2.3), for a value inside a URL.
pub(crate) fn percent_encoded(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}
