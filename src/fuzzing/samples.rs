//! The resources to which fuzzed requests apply.

use crate::domain::group::{self, Group};
use crate::domain::scim::resource::View;
use crate::domain::time::Timestamp;
use crate::domain::user::{self, User, WriteMode};
use serde_json::json;
use std::sync::LazyLock;
use uuid::Uuid;

/// The id of each sample.
pub(crate) const ID: Uuid = Uuid::from_u128(0x0191_d6ae_5f00_7000_8000_0000_0000_000a);

pub(super) const VIEW: View<'_> = View { base: "https://roster.example/scim/v2", source: "native" };

/// A user with attributes of every kind.
pub(super) static USER: LazyLock<User> = LazyLock::new(|| {
    let body = json!({
        "userName": "ada", "externalId": "e-1", "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "displayName": "Ada Lovelace", "title": "Countess", "active": true,
        "emails": [{"value": "ada@example.com", "type": "work", "primary": true}, {"value": "a@x", "type": "home"}],
        "phoneNumbers": [{"value": "+44 1", "type": "mobile"}], "addresses": [{"locality": "London", "type": "work"}],
        "enterprise": {"department": "Engines", "manager": {"value": ID}},
        "custom": {"badge": 7, "tags": ["a", {"b": null}]}, "extensions": {"urn:x:acme:1.0:User": {"floor": 1}},
    });
    let draft = user::Draft::read(body, WriteMode::Create);
    new_user(draft.unwrap_or_else(|errors| unreachable!("the sample is invalid: {errors:?}")))
});

/// A group.
pub(super) static GROUP: LazyLock<Group> = LazyLock::new(|| {
    let body = json!({
        "displayName": "Engineers", "externalId": "e-2", "custom": {"cost": 1.5},
        "extensions": {"urn:x:acme:1.0:Group": {"floor": [1, 2]}},
    });
    let draft = group::Draft::read(body, WriteMode::Create);
    new_group(draft.unwrap_or_else(|errors| unreachable!("the sample is invalid: {errors:?}")))
});

pub(super) fn new_user(draft: user::Draft) -> User {
    User::new(ID, draft, now())
}

pub(super) fn new_group(draft: group::Draft) -> Group {
    Group::new(ID, draft, 0, now())
}

/// The time of each request: 2026-01-02T03:04:05.678901Z.
pub(super) fn now() -> Timestamp {
    Timestamp::from(1_767_323_045_678_901)
}
