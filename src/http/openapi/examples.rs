//! The examples in the document. Where possible, they are domain values that are serialized as in real responses.

use crate::domain::DEFAULT_TENANT;
use crate::domain::brake::{Brake, Held};
use crate::domain::change::ChangeRecord;
use crate::domain::connection::{Connection, Mode, Token};
use crate::domain::cursor::List;
use crate::domain::digest::Digest;
use crate::domain::group::{self, Group};
use crate::domain::json::to_map;
use crate::domain::key::{Key, Role};
use crate::domain::member::Member;
use crate::domain::parse_id;
use crate::domain::revert::{Author, Conflict, Outcome, Reason, Step, Target, Write};
use crate::domain::scim::Profile;
use crate::domain::tenant::Tenant;
use crate::domain::time::Timestamp;
use crate::domain::user::{Draft, Manager, Representation, User, WriteMode};
use crate::ops::revert::{Report, TargetConflict};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The secret of a key. Its form is valid, but it belongs to no key.
pub(in crate::http) const SECRET: &str =
    "rst_0198a6d2-6f7f-7f23-b9c2-a4a4b2a0c001_ThisIsAnExampleItOpensNothing000000000000005RhiC6";
pub(in crate::http) const REQUEST_ID: &str = "0198a6d2-6f80-7b41-8a55-0d4b6f3f7a10";
pub(in crate::http) const USER: &str = "0198a6d2-6f7e-7c11-9f3e-5b7a3b1f2c01";
pub(in crate::http) const MANAGER: &str = "0198a6d2-6f7d-7a02-8d11-2c9e4f6a8b00";
const KEY: &str = "0198a6d2-6f7f-7f23-b9c2-a4a4b2a0c001";
const GROUP: &str = "0198a6d2-6f82-7e61-b0c4-1d2e3f405162";
const TENANT: &str = "0198a6d2-6f81-7d31-a1b2-c3d4e5f60718";
pub(in crate::http) const CONNECTION: &str = TENANT;
pub(super) const EPOCH: &str = "7f4c2f0a-52c4-4a53-9a86-0b8f0f7d7a11";
/// 2026-01-02T03:04:05.678901Z
const CREATED: i64 = 1_767_323_045_678_901;
const UPDATED: i64 = CREATED + 3_600_000_000;

pub(super) fn id(text: &str) -> Uuid {
    parse_id(text).unwrap_or_default()
}

/// The body of `POST /users` and `PUT /users/{id}`.
pub(in crate::http) fn new_user() -> Value {
    json!({
        "userName": "ada",
        "externalId": "hr-1815",
        "name": { "givenName": "Ada", "familyName": "Lovelace" },
        "displayName": "Ada Lovelace",
        "title": "Countess",
        "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }],
        "enterprise": { "department": "Engines", "manager": { "value": MANAGER } },
        "custom": { "badge": 1815 },
    })
}

/// The body of `PATCH /users/{id}`.
pub(in crate::http) fn user_patch() -> Value {
    json!({ "title": "Countess", "nickName": null, "enterprise": { "department": "Engines" } })
}

pub(in crate::http) fn user_of(draft: Draft) -> User {
    let mut user = User::new(id(USER), draft, Timestamp::from(CREATED));
    let display_name = Some(Some("Charles Babbage".to_owned()));
    user.attributes.enterprise.manager =
        Some(Manager { value: MANAGER.to_owned(), display_name, exists: true });
    user
}

/// The response to `GET /users/{id}`.
pub(in crate::http) fn user() -> Value {
    let Ok(draft) = Draft::read(new_user(), WriteMode::Create) else { return Value::Null };
    to_map(&Representation::from(&user_of(draft))).into()
}

/// The body of `POST /groups` and `PUT /groups/{id}`.
pub(in crate::http) fn new_group() -> Value {
    json!({ "displayName": "Engineers", "externalId": "hr-engineers", "custom": { "floor": 3 } })
}

pub(in crate::http) fn group_of(draft: group::Draft) -> Group {
    Group::new(id(GROUP), draft, 1, Timestamp::from(CREATED))
}

/// The response to `GET /groups/{id}`.
pub(in crate::http) fn group() -> Value {
    let Ok(draft) = group::Draft::read(new_group(), WriteMode::Create) else { return Value::Null };
    to_map(&group::Representation::from(&group_of(draft))).into()
}

pub(in crate::http) fn ada() -> Member {
    Member {
        user_id: id(USER),
        user_name: "ada".to_owned(),
        display_name: Some("Ada Lovelace".to_owned()),
        added_at: Timestamp::from(UPDATED),
    }
}

/// The response to `GET /groups/{id}/members/{userId}`.
pub(in crate::http) fn member() -> Value {
    to_map(&ada()).into()
}

/// The body of `POST /groups/{id}/members`.
pub(in crate::http) fn user_ids() -> Value {
    json!({ "userIds": [USER, MANAGER] })
}

/// A page with one item and a cursor for the next page.
pub(in crate::http) fn page(list: &str, item: Value) -> Value {
    json!({ "items": [item], "nextCursor": List::new(DEFAULT_TENANT, &[list]).id_cursor(id(USER)) })
}

/// The response to `GET /keys/{id}`.
pub(in crate::http) fn key() -> Map<String, Value> {
    to_map(&Key {
        id: id(KEY),
        tenant: DEFAULT_TENANT,
        name: Some("billing".to_owned()),
        role: Role::Writer,
        expires_at: Some(Timestamp::from(CREATED + 31_536_000_000_000)),
        version: 1,
        created_at: Timestamp::from(CREATED),
        updated_at: Timestamp::from(CREATED),
        last_used_at: Some(Timestamp::from(UPDATED)),
        revoked_at: None,
    })
}

pub(in crate::http) fn me() -> Value {
    let key = key();
    let tenant = json!({ "id": DEFAULT_TENANT, "name": "default" });
    json!({ "type": "key", "id": key.get("id"), "name": key.get("name"), "tenant": tenant, "role": key.get("role"),
        "expiresAt": key.get("expiresAt") })
}

/// The body of `POST /keys`.
pub(in crate::http) fn new_key() -> Value {
    json!({ "role": "writer", "name": "billing", "expiresAt": "2027-01-02T03:04:05Z" })
}

/// The response to `POST /keys`.
pub(in crate::http) fn key_with_secret() -> Value {
    let mut key = key();
    key.insert("lastUsedAt".to_owned(), Value::Null);
    key.insert("secret".to_owned(), SECRET.into());
    key.into()
}

/// The base URL of SCIM.
pub(in crate::http) const SCIM_URL: &str = "https://roster.example.com/scim/v2";

/// A connection in a list, and in the response to its creation.
pub(in crate::http) fn connection() -> Value {
    let connection = Connection {
        id: id(TENANT),
        tenant: DEFAULT_TENANT,
        name: "Okta".to_owned(),
        profile: Profile::Lenient,
        mode: Mode::Live,
        replaces: None,
        replaced_by: None,
        source: id(TENANT),
        brake: Some(Brake::default()),
        held: None,
        allowance: 0,
        counted_after: None,
        version: 1,
        created_at: Timestamp::from(CREATED),
        updated_at: Timestamp::from(CREATED),
    };
    let mut body = to_map(&connection);
    body.insert("url".to_owned(), SCIM_URL.into());
    body.into()
}

/// The hold of a connection with 1,000 users.
pub(in crate::http) fn held() -> Held {
    Held::new(id(TENANT), Brake::default(), 1_000, 100, Timestamp::from(CREATED))
}

/// An entry of `GET /connections/{id}/requests`.
pub(in crate::http) fn recorded_request() -> Map<String, Value> {
    let section = "RFC 7643, section 2.3";
    let hint =
        "Send values of the types in the schema (Entra ID: append `?aadOptscim062020` to the tenant URL).";
    let detail = "The value of `active` was converted to the type that the schema defines.";
    let user = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": USER, "userName": "ada", "active": true });
    to_map(&json!({
        "id": "0198a6d2-6f84-7c02-8d11-2c9e4f6a8b00",
        "time": Timestamp::from(CREATED),
        "method": "POST",
        "path": "/scim/v2/Users",
        "query": null,
        "status": 201,
        "durationMs": 2.5,
        "requestId": REQUEST_ID,
        "resource": "user",
        "resourceId": USER,
        "request": { "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada", "active": "True" },
        "requestBytes": 97,
        "response": user,
        "responseBytes": 136,
        "revisions": [42],
        "revisionCount": 1,
        "notes": [{ "code": "converted", "detail": detail, "section": section, "hint": hint }],
        "plan": null,
        "erased": false,
    }))
}

/// The response to `GET /connections/{id}`.
pub(in crate::http) fn connection_details() -> Value {
    let (hour, day) = (json!({ "uniqueness": 1 }), json!({ "uniqueness": 3, "invalid-value": 1 }));
    let summary = json!({ "lastAt": Timestamp::from(CREATED), "errorsLastHour": hour, "errorsLastDay": day });
    let mut body = to_map(&connection());
    body.insert("requests".to_owned(), summary);
    body.into()
}

/// A token in the response to `GET /connections/{id}/tokens`.
pub(in crate::http) fn token() -> Map<String, Value> {
    to_map(&Token {
        id: id(KEY),
        connection: id(TENANT),
        name: Some("2027".to_owned()),
        expires_at: Some(Timestamp::from(CREATED + 31_536_000_000_000)),
        created_at: Timestamp::from(CREATED),
        last_used_at: None,
        revoked_at: None,
    })
}

/// The response to `POST /connections/{id}/tokens`.
pub(in crate::http) fn token_with_secret() -> Value {
    let mut token = token();
    token.insert("url".to_owned(), SCIM_URL.into());
    token.insert("secret".to_owned(), SECRET.into());
    token.into()
}

/// The response to `GET /tenants/{id}`.
pub(in crate::http) fn tenant() -> Value {
    let tenant = Tenant {
        id: id(TENANT),
        name: "acme".to_owned(),
        unique_group_names: false,
        unique_emails: false,
        version: 1,
        created_at: Timestamp::from(CREATED),
        updated_at: Timestamp::from(CREATED),
    };
    to_map(&tenant).into()
}

/// A change in the response to `GET /changes`.
pub(in crate::http) fn change() -> Value {
    let title = |text: &str| [("title".to_owned(), Value::from(text))].into_iter().collect();
    let change = ChangeRecord {
        revision: 42,
        time: Timestamp::from(UPDATED),
        actor_type: "key".to_owned(),
        actor_id: KEY.to_owned(),
        request_id: REQUEST_ID.to_owned(),
        trace_id: None,
        kind: "user.updated".to_owned(),
        resource: "user".to_owned(),
        id: id(USER),
        member: None,
        version: 2,
        before: Some(title("Countess")),
        after: Some(title("Enchantress of Numbers")),
        erased: false,
        reverts: Vec::new(),
        digest: Some(Digest::of_user(id(USER), 2)),
    };
    json!(change)
}

/// The response to `GET /changes`.
pub(in crate::http) fn changes() -> Value {
    let change = change();
    let digest = change.get("digest").cloned();
    json!({ "items": [change], "next": 42, "head": 42, "epoch": EPOCH, "digest": digest })
}

/// The plan in the response to `POST /changes/revert`.
pub(in crate::http) fn reverted() -> Value {
    let target = Target::User { id: id(USER) };
    let (attributes, reverts) = (vec!["title".to_owned()], [41].into());
    let later = Write { revision: 42, author: Author { kind: "key".to_owned(), id: KEY.to_owned() } };
    let conflict = Conflict::with(Some("displayName".to_owned()), Reason::Changed, &later);
    let report = Report {
        head: 42,
        changes: 1,
        items: vec![Outcome { target, outcome: Step::Update, attributes, reverts }],
        conflicts: vec![TargetConflict { target, conflict }],
        conflict_count: 1,
        ..Report::default()
    };
    json!(report)
}

/// The response to `GET /export` of a tenant with one user.
pub(in crate::http) fn export() -> String {
    let head = json!({ "revision": 42, "epoch": EPOCH });
    let user = json!({ "resource": "user", "id": USER, "version": 2, "time": Timestamp::from(UPDATED), "createdAt":
        Timestamp::from(CREATED), "after": { "userName": "ada", "externalIds": {} } });
    let end = json!({ "end": true, "users": 1, "groups": 0, "members": 0 });
    format!("{head}\n{user}\n{end}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::Secret;

    #[test]
    fn examples_are_valid() {
        assert!(Secret::parse(SECRET).is_some());
        assert_eq!(user()["userName"], "ada");
        assert_eq!(group()["displayName"], "Engineers");
    }
}
