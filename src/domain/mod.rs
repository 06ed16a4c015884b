//! Domain types that are valid by construction. This module imports no other module of the crate.

pub(crate) mod absent;
pub mod attribute;
pub mod body;
pub mod brake;
pub mod casefold;
pub mod change;
pub mod condition;
pub mod connection;
pub mod cursor;
pub mod digest;
pub mod document;
pub mod fields;
pub mod filter;
pub mod group;
pub mod id;
pub mod idempotency;
pub mod import;
pub mod inspector;
pub mod json;
pub mod key;
pub mod member;
pub mod merge_patch;
pub mod origin;
pub mod plan;
pub mod point;
pub mod projection;
pub mod revert;
pub mod schema;
pub mod scim;
pub mod shape;
pub mod similar;
pub mod snapshot_line;
pub mod snapshot_position;
pub mod sort;
pub mod tenant;
pub mod time;
pub mod trace;
pub mod unstorable;
pub mod user;

use uuid::Uuid;

/// The id of the tenant named `default`, which the first migration inserts.
pub const DEFAULT_TENANT: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001);

/// The source of the externalIds that callers of the native API read and write.
pub const NATIVE_SOURCE: &str = "native";

/// The owner of an externalId: [`NATIVE_SOURCE`], or the id of a connection.
pub type Source = std::borrow::Cow<'static, str>;

/// The first 100 characters of a text from the client, for use in an error detail.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(100).collect()
}

/// Parses an id. Only the canonical form of a UUID is accepted: 36 characters with hyphens.
pub fn parse_id(text: &str) -> Option<Uuid> {
    if text.len() == 36 { Uuid::try_parse(text).ok() } else { None }
}
