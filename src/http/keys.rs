//! `/keys`.

use super::body::JsonBody;
use super::context::{Admin, Context};
use super::headers::Prefer;
use super::openapi::{BODY, JSON, Operation, ResourceDocs, examples, json_of};
use super::pages::IdList;
use super::params::{NoQuery, Params};
use super::path::PathId;
use super::problem::Problem;
use super::response::{Response, etag, new_secret, no_content, read, respond, stored};
use crate::domain::condition::Conditions;
use crate::domain::cursor::List;
use crate::domain::key::{Draft, Key};
use crate::ops::keys::{self, Create, Delete, Find, Patch};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ETAG, LOCATION};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

const DOCS: ResourceDocs = ResourceDocs { name: "Key", tag: "keys", example: || examples::key().into() };

/// A key with its secret, which only the response that creates the key shows.
#[derive(Serialize)]
struct NewKey<'k> {
    #[serde(flatten)]
    key: &'k Key,
    secret: &'k str,
}

/// `POST /keys`
pub(super) async fn create(context: Context<Admin>, _: NoQuery, body: JsonBody) -> Response {
    let draft = body.read(Draft::read)?;
    if draft.role > context.caller().role {
        return Err(Problem::forbidden("a key makes keys of at most its own role"));
    }
    let (id, tenant) = (Uuid::now_v7(), context.tenant());
    let secret = new_secret(id)?;
    let create = Create { tenant, id, draft, hash: secret.hash(), now: context.now() };
    let key = context.call(create).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/keys/{id}")))
        .insert_header((ETAG, etag(key.version)))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(NewKey { key: &key, secret: secret.reveal() }))
}

pub(super) fn create_docs() -> Operation {
    let content = json_of("KeyWithSecret", &examples::key_with_secret());
    Operation::keyed("createKey", "keys", "Make a key", &[])
        .body(JSON, "NewKey", &examples::new_key())
        .response(201, "The key, with its secret this once.", &["Location", "ETag"], Some(content))
        .links(201, &["getKey", "patchKey", "deleteKey"])
        .errors(&BODY)
        .errors(&[504])
}

/// `GET /keys`
pub(super) async fn list(context: Context<Admin>, params: Params) -> Response {
    let list = IdList::of(params, List::new(context.tenant(), &["keys"]))?;
    let IdList { after, limit, total, .. } = list;
    let page = context.call(keys::List { tenant: Some(context.tenant()), after, limit, total }).await?;
    Ok(list.respond("/keys", &page, |key| key.id, |key| key))
}

pub(super) fn list_docs() -> Operation {
    DOCS.list("List keys", &["limit", "cursor", "include"])
}

/// `GET /keys/{id}`
pub(super) async fn find(
    context: Context<Admin>,
    conditions: Conditions,
    _: NoQuery,
    PathId(id): PathId,
) -> Response {
    let key = context.call(Find { tenant: context.tenant(), id }).await?;
    read(&conditions, key.version, &key)
}

pub(super) fn find_docs() -> Operation {
    DOCS.get("Read a key", &[])
}

/// `PATCH /keys/{id}`
pub(super) async fn patch(
    context: Context<Admin>,
    conditions: Conditions,
    prefer: Prefer,
    _: NoQuery,
    PathId(id): PathId,
    body: JsonBody,
) -> Response {
    let patch = body.read(Ok)?;
    let (tenant, within) = (context.tenant(), context.caller().role);
    let patch = context.call(Patch { tenant, id, patch, within, conditions, now: context.now() });
    let key = context.state().credentials.invalidating(id, patch).await?;
    Ok(respond(stored(StatusCode::OK, key.id, key.version, &key, prefer)))
}

pub(super) fn patch_docs() -> Operation {
    DOCS.patch("Change a key", &json!({ "role": "reader" }))
}

/// `DELETE /keys/{id}`
pub(super) async fn delete(
    context: Context<Admin>,
    conditions: Conditions,
    _: NoQuery,
    PathId(id): PathId,
) -> Response {
    let (tenant, within) = (Some(context.tenant()), context.caller().role);
    let delete = context.call(Delete { tenant, id, within, conditions, now: context.now() });
    context.state().credentials.invalidating(id, delete).await?;
    Ok(no_content())
}

pub(super) fn delete_docs() -> Operation {
    DOCS.delete("Revoke a key", &[])
}
