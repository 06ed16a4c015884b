//! `/keys`.

use super::State;
use super::auth::Admin;
use super::body::JsonBody;
use super::headers::{IfMatches, Prefer};
use super::params::Params;
use super::problem::Problem;
use super::response::{etag, page_of, read, resource_id, respond, written};
use crate::domain::cursor::List;
use crate::domain::key::{Draft, Key, Secret};
use crate::ops::keys::{self, Create, Delete, Find, Patch};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ETAG, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use uuid::Uuid;

/// A key with its secret, which this answer alone shows.
#[derive(Serialize)]
struct NewKey<'k> {
    #[serde(flatten)]
    key: &'k Key,
    secret: &'k str,
}

/// `POST /keys`
pub(super) async fn create(
    Admin(caller): Admin,
    request: HttpRequest,
    body: JsonBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let draft = body.read(Draft::read)?;
    if draft.role > caller.role {
        return Err(Problem::forbidden("a key makes keys of at most its own role"));
    }
    let id = Uuid::now_v7();
    let secret = Secret::generate(id).map_err(|error| {
        log::error!("no random bytes: {error}");
        Problem::internal("an internal error")
    })?;
    let create = Create { tenant: caller.tenant, id, draft, hash: secret.hash(), now: state.clock.now() };
    let key = state.database.call(&caller.origin, create).await?;
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("/keys/{id}"))).insert_header((ETAG, etag(key.version)));
    response.insert_header((CACHE_CONTROL, "no-store"));
    Ok(response.json(NewKey { key: &key, secret: secret.reveal() }))
}

/// `GET /keys`
pub(super) async fn list(
    Admin(caller): Admin,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let list = List::new(caller.tenant, &["keys"]);
    let mut params = Params::of(&request)?;
    let (limit, total, after) = (params.limit()?, params.include_total()?, params.id_cursor(list)?);
    params.finish()?;
    let page = keys::List { tenant: Some(caller.tenant), after, limit, total };
    let page = state.database.call(&caller.origin, page).await?;
    let next = page.items.last().filter(|_| page.more).map(|key| list.id_cursor(key.id));
    Ok(page_of("/keys", &params, &page.items, next, page.total))
}

/// `GET /keys/{id}`
pub(super) async fn find(
    Admin(caller): Admin,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let find = Find { tenant: caller.tenant, id: resource_id(&request)? };
    let key = state.database.call(&caller.origin, find).await?;
    read(&conditions, key.version, &key)
}

/// `PATCH /keys/{id}`
pub(super) async fn patch(
    Admin(caller): Admin,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    prefer: Prefer,
    body: JsonBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let id = resource_id(&request)?;
    let patch = body.read(Ok)?;
    let (within, now) = (caller.role, state.clock.now());
    let patch = Patch { tenant: caller.tenant, id, patch, within, conditions, now };
    let patched = state.database.call(&caller.origin, patch).await;
    // Also when nobody can say whether it was done.
    state.credentials.forget_key(id);
    let key = patched?;
    Ok(respond(written(StatusCode::OK, key.id, key.version, &key, prefer)))
}

/// `DELETE /keys/{id}`
pub(super) async fn delete(
    Admin(caller): Admin,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let id = resource_id(&request)?;
    let (within, now) = (caller.role, state.clock.now());
    let delete = Delete { tenant: Some(caller.tenant), id, within, conditions, now };
    let deleted = state.database.call(&caller.origin, delete).await;
    // Also when nobody can say whether it was done.
    state.credentials.forget_key(id);
    deleted?;
    Ok(HttpResponse::NoContent().finish())
}
