//! `/connections`, and their tokens.

use super::body::JsonBody;
use super::context::{Admin, Context};
use super::headers::Prefer;
use super::openapi::{BODY, JSON, Operation, ResourceDocs, examples, json_of};
use super::pages::IdList;
use super::params::{NoQuery, Params};
use super::path::{PathId, PathIds};
use super::response::{Response, new_secret, no_content, read, respond, stored};
use crate::domain::condition::Conditions;
use crate::domain::connection::{self, Connection, Draft, Token};
use crate::domain::cursor::List;
use crate::ops::connections::{self, Create, CreateToken, Delete, DeleteToken, Find, Patch, Tokens};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

const DOCS: ResourceDocs =
    ResourceDocs { name: "Connection", tag: "connections", example: examples::connection };

/// The representation of a connection.
#[derive(Serialize)]
struct Representation<'c> {
    #[serde(flatten)]
    connection: &'c Connection,
    /// The base URL of SCIM, which the identity provider needs.
    url: &'c str,
}

fn representation<'c>(connection: &'c Connection, context: &'c Context<Admin>) -> Representation<'c> {
    Representation { connection, url: &context.state().scim_url }
}

/// A token with its secret, which only the response that creates the token shows.
#[derive(Serialize)]
struct NewToken<'t> {
    #[serde(flatten)]
    token: &'t Token,
    url: &'t str,
    secret: &'t str,
}

/// `POST /connections`
pub(super) async fn create(context: Context<Admin>, prefer: Prefer, _: NoQuery, body: JsonBody) -> Response {
    let draft = body.read(Draft::read)?;
    let create = Create { tenant: context.tenant(), id: Uuid::now_v7(), draft, now: context.now() };
    let connection = context.call(create).await?;
    let shown = representation(&connection, &context);
    let mut response = stored(StatusCode::CREATED, connection.id, connection.version, &shown, prefer);
    response.headers.push((LOCATION.to_string(), format!("/connections/{}", connection.id)));
    Ok(respond(response))
}

pub(super) fn create_docs() -> Operation {
    let body = json!({ "name": "Okta", "profile": "lenient" });
    let links = ["getConnection", "patchConnection", "deleteConnection", "listTokens", "createToken"];
    DOCS.create("Make a connection", &["Prefer"], &body, &links).describe("It has no token yet.")
}

/// `GET /connections`
pub(super) async fn list(context: Context<Admin>, params: Params) -> Response {
    let list = IdList::of(params, List::new(context.tenant(), &["connections"]))?;
    let IdList { after, limit, total, .. } = list;
    let page = context.call(connections::List { tenant: context.tenant(), after, limit, total }).await?;
    let shown = |connection| representation(connection, &context);
    Ok(list.respond("/connections", &page, |connection| connection.id, shown))
}

pub(super) fn list_docs() -> Operation {
    DOCS.list("List connections", &["limit", "cursor", "include"])
}

/// `GET /connections/{id}`
pub(super) async fn find(
    context: Context<Admin>,
    conditions: Conditions,
    _: NoQuery,
    PathId(id): PathId,
) -> Response {
    let connection = context.call(Find { tenant: context.tenant(), id }).await?;
    read(&conditions, connection.version, &representation(&connection, &context))
}

pub(super) fn find_docs() -> Operation {
    DOCS.get("Read a connection", &[])
}

/// `PATCH /connections/{id}`
pub(super) async fn patch(
    context: Context<Admin>,
    conditions: Conditions,
    prefer: Prefer,
    _: NoQuery,
    PathId(id): PathId,
    body: JsonBody,
) -> Response {
    let patch = body.read(Ok)?;
    let patch = context.call(Patch { tenant: context.tenant(), id, patch, conditions, now: context.now() });
    // Tokens are cached with the profile of their connection.
    let connection = context.state().credentials.invalidating_all(patch).await?;
    let shown = representation(&connection, &context);
    Ok(respond(stored(StatusCode::OK, id, connection.version, &shown, prefer)))
}

pub(super) fn patch_docs() -> Operation {
    DOCS.patch("Change a connection", &json!({ "profile": "strict" }))
}

/// `DELETE /connections/{id}`
pub(super) async fn delete(
    context: Context<Admin>,
    conditions: Conditions,
    _: NoQuery,
    PathId(id): PathId,
) -> Response {
    let delete = context.call(Delete { tenant: context.tenant(), id, conditions, now: context.now() });
    context.state().credentials.invalidating_all(delete).await?;
    Ok(no_content())
}

pub(super) fn delete_docs() -> Operation {
    DOCS.delete("Delete a connection", &[]).describe("Its tokens are revoked; its externalIds stay.")
}

/// `POST /connections/{id}/tokens`
pub(super) async fn create_token(
    context: Context<Admin>,
    _: NoQuery,
    PathId(connection): PathId,
    body: JsonBody,
) -> Response {
    let expires_at = body.read(connection::read_token)?;
    let (id, tenant) = (Uuid::now_v7(), context.tenant());
    let secret = new_secret(id)?;
    let (hash, now) = (secret.hash(), context.now());
    let token = context.call(CreateToken { tenant, connection, id, expires_at, hash, now }).await?;
    let url = &context.state().scim_url;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/connections/{connection}/tokens/{id}")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(NewToken { token: &token, url, secret: secret.reveal() }))
}

pub(super) fn create_token_docs() -> Operation {
    let content = json_of("TokenWithSecret", &examples::token_with_secret());
    Operation::keyed("createToken", "connections", "Make a token", &["id"])
        .describe("409 when two are good already.")
        .body(JSON, "NewToken", &json!({ "expiresAt": "2027-01-02T03:04:05Z" }))
        .response(201, "The token, with its secret this once.", &["Location"], Some(content))
        .errors(&BODY)
        .errors(&[409, 504])
}

/// `GET /connections/{id}/tokens`
pub(super) async fn list_tokens(context: Context<Admin>, _: NoQuery, PathId(connection): PathId) -> Response {
    let tokens = context.call(Tokens { tenant: context.tenant(), connection }).await?;
    Ok(HttpResponse::Ok().json(json!({ "items": tokens })))
}

pub(super) fn list_tokens_docs() -> Operation {
    let content = json_of("Tokens", &json!({ "items": [examples::token()] }));
    Operation::keyed("listTokens", "connections", "List the tokens of a connection", &["id"]).response(
        200,
        "All of them.",
        &[],
        Some(content),
    )
}

/// `DELETE /connections/{id}/tokens/{tokenId}`
pub(super) async fn delete_token(
    context: Context<Admin>,
    _: NoQuery,
    PathIds(connection, id): PathIds,
) -> Response {
    let (tenant, now) = (context.tenant(), context.now());
    let delete = context.call(DeleteToken { tenant, connection, id, now });
    context.state().credentials.invalidating(id, delete).await?;
    Ok(no_content())
}

pub(super) fn delete_token_docs() -> Operation {
    Operation::keyed("deleteToken", "connections", "Revoke a token", &["id", "tokenId"])
        .response(204, "It is good no longer.", &[], None)
        .errors(&[504])
}
