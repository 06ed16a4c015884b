//! `/connections`.

use super::State;
use super::auth::Admin;
use super::body::JsonBody;
use super::headers::{IfMatches, Prefer};
use super::params::Params;
use super::problem::Problem;
use super::response::{id_of, page_of, read, resource_id, respond, written};
use super::scim;
use crate::domain::connection::{self, Draft, Token};
use crate::domain::cursor::List;
use crate::domain::key::Secret;
use crate::ops::connections::{self, Create, CreateToken, Delete, DeleteToken, Find, Patch, Tokens};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use uuid::Uuid;

/// A connection as answers show it.
#[derive(Serialize)]
struct Shown<'c> {
    #[serde(flatten)]
    connection: &'c connection::Connection,
    /// SCIM's base, for the identity provider.
    url: &'c str,
}

/// A token with what the identity provider needs, its secret in this answer alone.
#[derive(Serialize)]
struct NewToken<'t> {
    #[serde(flatten)]
    token: &'t Token,
    url: &'t str,
    secret: &'t str,
}

/// `POST /connections`
pub(super) async fn create(
    Admin(caller): Admin,
    request: HttpRequest,
    prefer: Prefer,
    body: JsonBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let draft = body.read(Draft::read)?;
    let create = Create { tenant: caller.tenant, id: Uuid::now_v7(), draft, now: state.clock.now() };
    let connection = state.database.call(&caller.origin, create).await?;
    let shown = Shown { connection: &connection, url: &scim::base(&state) };
    let mut answer = written(StatusCode::CREATED, connection.id, connection.version, &shown, prefer);
    answer.headers.push((LOCATION.to_string(), format!("/connections/{}", connection.id)));
    Ok(respond(answer))
}

/// `GET /connections`
pub(super) async fn list(
    Admin(caller): Admin,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let list = List::new(caller.tenant, &["connections"]);
    let mut params = Params::of(&request)?;
    let (limit, total, after) = (params.limit()?, params.include_total()?, params.id_cursor(list)?);
    params.finish()?;
    let page = connections::List { tenant: caller.tenant, after, limit, total };
    let page = state.database.call(&caller.origin, page).await?;
    let next = page.items.last().filter(|_| page.more).map(|last| list.id_cursor(last.id));
    let url = scim::base(&state);
    let items: Vec<_> = page.items.iter().map(|connection| Shown { connection, url: &url }).collect();
    Ok(page_of("/connections", &params, &items, next, page.total))
}

/// `GET /connections/{id}`
pub(super) async fn find(
    Admin(caller): Admin,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let find = Find { tenant: caller.tenant, id: resource_id(&request)? };
    let connection = state.database.call(&caller.origin, find).await?;
    let shown = Shown { connection: &connection, url: &scim::base(&state) };
    read(&conditions, connection.version, &shown)
}

/// `PATCH /connections/{id}`
pub(super) async fn patch(
    Admin(caller): Admin,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    prefer: Prefer,
    body: JsonBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let (id, patch) = (resource_id(&request)?, body.read(Ok)?);
    let patch = Patch { tenant: caller.tenant, id, patch, conditions, now: state.clock.now() };
    let patched = state.database.call(&caller.origin, patch).await;
    // Also when nobody can say whether it was done: tokens are kept with the profile.
    state.credentials.forget_all();
    let connection = patched?;
    let shown = Shown { connection: &connection, url: &scim::base(&state) };
    Ok(respond(written(StatusCode::OK, id, connection.version, &shown, prefer)))
}

/// `DELETE /connections/{id}`
pub(super) async fn delete(
    Admin(caller): Admin,
    request: HttpRequest,
    IfMatches(conditions): IfMatches,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let id = resource_id(&request)?;
    let delete = Delete { tenant: caller.tenant, id, conditions, now: state.clock.now() };
    let deleted = state.database.call(&caller.origin, delete).await;
    state.credentials.forget_all();
    deleted?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /connections/{id}/tokens`
pub(super) async fn create_token(
    Admin(caller): Admin,
    request: HttpRequest,
    body: JsonBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let (connection, expires_at) = (resource_id(&request)?, body.read(connection::read_token)?);
    let id = Uuid::now_v7();
    let secret = Secret::generate(id).map_err(|error| {
        log::error!("no random bytes: {error}");
        Problem::internal("an internal error")
    })?;
    let (hash, now) = (secret.hash(), state.clock.now());
    let create = CreateToken { tenant: caller.tenant, connection, id, expires_at, hash, now };
    let token = state.database.call(&caller.origin, create).await?;
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("/connections/{connection}/tokens/{id}")));
    response.insert_header((CACHE_CONTROL, "no-store"));
    Ok(response.json(NewToken { token: &token, url: &scim::base(&state), secret: secret.reveal() }))
}

/// `GET /connections/{id}/tokens`
pub(super) async fn list_tokens(
    Admin(caller): Admin,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let params = Params::of(&request)?;
    params.finish()?;
    let connection = resource_id(&request)?;
    let tokens = Tokens { tenant: caller.tenant, connection };
    let tokens = state.database.call(&caller.origin, tokens).await?;
    Ok(page_of(request.path(), &params, &tokens, None, None))
}

/// `DELETE /connections/{id}/tokens/{tokenId}`
pub(super) async fn delete_token(
    Admin(caller): Admin,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    let (connection, id) = (resource_id(&request)?, id_of(&request, "tokenId")?);
    let delete = DeleteToken { tenant: caller.tenant, connection, id, now: state.clock.now() };
    let deleted = state.database.call(&caller.origin, delete).await;
    state.credentials.forget_key(id);
    deleted?;
    Ok(HttpResponse::NoContent().finish())
}
