//! Bodies of the native API.

use super::samples::{ID, USER, new_group, new_user, now};
use crate::domain::body::{SIZE_LIMIT, check_patch_size};
use crate::domain::connection;
use crate::domain::document::compact;
use crate::domain::fields::FieldError;
use crate::domain::import::Mapping;
use crate::domain::json::{self as parser, to_map};
use crate::domain::member::read_user_ids;
use crate::domain::merge_patch::apply_patch;
use crate::domain::unstorable::unstorable;
use crate::domain::user::{Representation, User};
use crate::domain::{group, key, tenant, user};
use serde::Serialize;
use serde_json::Value;
use user::WriteMode;

/// A parsed value is also parsed from its own text, and each error points to a part of the value.
pub(super) fn json(input: &[u8]) {
    let Ok(value) = parser::parse(input) else { return };
    assert_eq!(parser::parse(value.to_string().as_bytes()), Ok(value.clone()));
    for error in unstorable(&value, input) {
        assert!(value.pointer(&error.pointer).is_some(), "{error:?}");
    }
}

/// A body that the server would accept as JSON.
pub(crate) fn accepted(input: &[u8]) -> Option<Value> {
    let value = parser::parse(input).ok()?;
    unstorable(&value, input).is_empty().then_some(value)
}

/// A valid user has at most the maximum size, and its representation can be sent back unchanged.
pub(super) fn user(input: &[u8]) {
    let Some(body) = accepted(input) else { return };
    let Some(draft) = valid(user::Draft::read(body, WriteMode::Create)) else { return };
    let user = new_user(draft);
    check_size(&user.attributes);
    let sent = to_map(&Representation::from(&user)).into();
    let again = user::Draft::read(sent, WriteMode::Replace(ID));
    assert_eq!(again.map(|draft| user.with(draft)), Ok(user));
}

/// The same for groups.
pub(super) fn group(input: &[u8]) {
    let Some(body) = accepted(input) else { return };
    let Some(draft) = valid(group::Draft::read(body, WriteMode::Create)) else { return };
    let group = new_group(draft);
    check_size(&group.attributes);
    let sent = to_map(&group::Representation::from(&group)).into();
    let again = group::Draft::read(sent, WriteMode::Replace(ID));
    assert_eq!(again.map(|draft| group.with(draft)), Ok(group));
}

fn check_size(attributes: &impl Serialize) {
    let size = Value::Object(compact(attributes)).to_string().len();
    assert!(size <= SIZE_LIMIT, "{size} bytes");
}

/// A merge patch that is applied twice has the same result as once (RFC 7396).
pub(super) fn merge_patch(input: &[u8]) {
    let Some(patch) = accepted(input).and_then(|patch| valid(check_patch_size(patch))) else { return };
    let apply = |user: &User| {
        let read = |body| user::Draft::read(body, WriteMode::Patch(user.id));
        apply_patch(&Representation::from(user), &patch, read).map(|draft| user.with(draft))
    };
    let Some(once) = valid(apply(&USER)) else { return };
    assert_eq!(apply(&once), Ok(once));
}

/// The bodies of the other endpoints. A request names at most 1,000 members.
pub(super) fn records(input: &[u8]) {
    let Some(body) = accepted(input) else { return };
    valid(key::Draft::read(body.clone(), now()));
    valid(tenant::Draft::read(body.clone()));
    valid(connection::Draft::read(body.clone()));
    valid(connection::TokenDraft::read(body.clone(), now()));
    valid(Mapping::read(body.clone()));
    let ids = valid(read_user_ids(body));
    assert!(ids.is_none_or(|ids| ids.len() <= 1_000));
}

/// The value that was read. An invalid body has at least one error, and each error has a JSON Pointer.
pub(super) fn valid<T>(read: Result<T, Vec<FieldError>>) -> Option<T> {
    let Err(errors) = read else { return read.ok() };
    assert!(!errors.is_empty());
    for error in errors {
        assert!(error.pointer.is_empty() || error.pointer.starts_with('/'), "{error:?}");
    }
    None
}
