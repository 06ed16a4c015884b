//! Values that are valid by construction: no SQL, no HTTP, nothing of ours imported from elsewhere.

pub mod attribute;
pub mod body;
pub mod change;
pub mod condition;
pub mod connection;
pub mod cursor;
pub mod document;
pub mod fields;
pub mod filter;
pub mod fold;
pub mod group;
pub mod idempotency;
pub mod json;
pub mod key;
pub mod member;
pub mod origin;
pub mod projection;
pub mod scim;
pub mod sort;
pub mod tenant;
pub mod time;
pub mod user;

use uuid::Uuid;

/// The tenant named `default`, which always exists; the first migrations insert it under this id.
pub const DEFAULT_TENANT: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001);

/// The source of the externalIds that native callers see and write.
pub const NATIVE_SOURCE: &str = "native";

/// Who owns an externalId: native callers together, or a connection by its id.
pub type Source = std::borrow::Cow<'static, str>;

/// Reads an id in its usual form of 36 characters; the other spellings of a UUID name nothing.
#[must_use]
pub fn parse_id(text: &str) -> Option<Uuid> {
    if text.len() == 36 { Uuid::try_parse(text).ok() } else { None }
}
