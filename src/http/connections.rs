//! `/connections`, and their tokens.

use super::body::JsonBody;
use super::context::{Admin, Context};
use super::credentials::Stale;
use super::headers::Prefer;
use super::openapi::{BODY, JSON, OperationDocs, PATCH, ResourceDocs, examples};
use super::pages::IdList;
use super::params::{NoQuery, Params};
use super::path::{PathId, PathIds};
use super::records::{Served, created};
use super::requests;
use super::response::{Response, new_secret, no_content};
use super::state::State;
use crate::domain::connection::{Connection, Draft, Token, TokenDraft};
use crate::domain::cursor::List;
use crate::domain::json::to_map;
use crate::domain::schema::{CONNECTIONS, Schema};
use crate::ops::OpError;
use crate::ops::connections::{Create, CreateToken, DeleteToken, ListTokens, PatchToken};
use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

impl Served for Connection {
    type Right = Admin;
    const PATH: &'static str = "/connections";
    const DOCS: ResourceDocs =
        ResourceDocs { name: "Connection", tag: "connections", example: examples::connection };
    const PATCH_EXAMPLE: fn() -> Value = || json!({ "profile": "strict" });
    const FILTER: Option<(&'static Schema, &'static str)> = Some((&CONNECTIONS, "connectionFilter"));

    const GET_DOCS: fn() -> OperationDocs = get_docs;

    async fn details(context: &Context<Admin>, connection: &Self) -> Result<Map<String, Value>, OpError> {
        let summary = requests::summary(context, connection.id).await?;
        Ok(Map::from_iter([("requests".to_owned(), to_map(&summary).into())]))
    }

    fn representation<'r>(&'r self, state: &'r State) -> impl Serialize {
        Representation { connection: self, url: &state.scim_url }
    }

    fn scope(context: &Context<Admin>) -> Uuid {
        context.tenant()
    }

    /// Tokens are cached with the profile and the mode of their connection.
    fn stale(_: Uuid) -> Stale {
        Stale::All
    }
}

#[derive(Serialize)]
struct Representation<'c> {
    #[serde(flatten)]
    connection: &'c Connection,
    /// The base URL of SCIM, which the identity provider needs.
    url: &'c str,
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
    let (tenant, id, now) = (context.tenant(), Uuid::now_v7(), context.now());
    let create = context.call(Create { tenant, id, draft, now });
    // The tokens of a connection that is replaced are revoked.
    let connection = context.state().credentials.invalidating(Stale::All, create).await?;
    Ok(created(&context, &connection, prefer))
}

fn get_docs() -> OperationDocs {
    Connection::DOCS
        .get(&[])
        .describe("`requests` changes without a new version, so a tag in `If-None-Match` has no effect.")
        .json(200, "The connection.", &["ETag"], "ConnectionDetails", &examples::connection_details())
}

pub(super) fn create_docs() -> OperationDocs {
    let body = json!({ "name": "Okta", "profile": "lenient" });
    let links = [
        "getConnection",
        "patchConnection",
        "deleteConnection",
        "releaseConnection",
        "listTokens",
        "createToken",
    ];
    let operation = Connection::DOCS.create(&["Prefer"], &body, &links);
    let description = "A new connection has no tokens. Names are unique within the tenant. If `replaces` is the id of another \
                       connection, the new one takes over its externalIds, and the tokens of the replaced one are revoked.";
    operation.describe(description).errors(&[409])
}

pub(super) fn delete_docs() -> OperationDocs {
    Connection::DOCS
        .delete("Delete a connection", &[])
        .describe("Revokes the connection's tokens. The externalIds that it has set are kept.")
}

/// `POST /connections/{id}/tokens`
pub(super) async fn create_token(
    context: Context<Admin>,
    _: NoQuery,
    PathId(connection): PathId,
    body: JsonBody,
) -> Response {
    let draft = body.read(|body| TokenDraft::read(body, context.now()))?;
    let (id, tenant) = (Uuid::now_v7(), context.tenant());
    let secret = new_secret(id)?;
    let (hash, now) = (secret.hash(), context.now());
    let token = context.call(CreateToken { tenant, connection, id, draft, hash, now }).await?;
    let url = &context.state().scim_url;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/connections/{connection}/tokens/{id}")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(NewToken { token: &token, url, secret: secret.reveal() }))
}

pub(super) fn create_token_docs() -> OperationDocs {
    let description = "The token with its secret, which no other response contains.";
    OperationDocs::keyed("createToken", "connections", "Create a token", &["id"])
        .describe("A connection has at most two active tokens. If it has two, the response is 409.")
        .body(JSON, "NewToken", &json!({ "name": "2027", "expiresAt": "2027-01-02T03:04:05Z" }))
        .json(201, description, &["Location"], "TokenWithSecret", &examples::token_with_secret())
        .errors(&BODY)
        .errors(&[409, 504])
}

/// `GET /connections/{id}/tokens`
pub(super) async fn list_tokens(
    context: Context<Admin>,
    PathId(connection): PathId,
    params: Params,
) -> Response {
    let tenant = context.tenant();
    let list = IdList::of(params, List::new(tenant, &["tokens", &connection.to_string()]))?;
    let page = context.call(ListTokens { tenant, connection, page: list.page }).await?;
    let path = format!("/connections/{connection}/tokens");
    list.respond(&path, &page, |token| token.id, |token| token)
}

pub(super) fn list_tokens_docs() -> OperationDocs {
    let parameters = ["id", "limit", "cursor", "include"];
    OperationDocs::keyed("listTokens", "connections", "List the tokens of a connection", &parameters).json(
        200,
        "A page of tokens, in the order of their creation. Revoked tokens stay listed for 90 days.",
        &["Link"],
        "TokenPage",
        &examples::page("tokens", examples::token().into()),
    )
}

/// `PATCH /connections/{id}/tokens/{tokenId}`
pub(super) async fn patch_token(
    context: Context<Admin>,
    _: NoQuery,
    PathIds(connection, id): PathIds,
    body: JsonBody,
) -> Response {
    let (tenant, now) = (context.tenant(), context.now());
    let patch = body.read(Ok)?;
    let token = context.call(PatchToken { tenant, connection, id, patch, now }).await?;
    Ok(HttpResponse::Ok().json(token))
}

pub(super) fn patch_token_docs() -> OperationDocs {
    OperationDocs::keyed("patchToken", "connections", "Rename a token", &["id", "tokenId"])
        .describe("Only `name` can be changed. If the token is revoked, the response is 409.")
        .body(PATCH, "TokenPatch", &json!({ "name": "2028" }))
        .json(200, "The updated token.", &[], "Token", &examples::token().into())
        .errors(&BODY)
        .errors(&[409, 504])
}

/// `DELETE /connections/{id}/tokens/{tokenId}`
pub(super) async fn delete_token(
    context: Context<Admin>,
    _: NoQuery,
    PathIds(connection, id): PathIds,
) -> Response {
    let (tenant, now) = (context.tenant(), context.now());
    let delete = context.call(DeleteToken { tenant, connection, id, now });
    context.state().credentials.invalidating(Stale::One(id), delete).await?;
    Ok(no_content())
}

pub(super) fn delete_token_docs() -> OperationDocs {
    OperationDocs::keyed("deleteToken", "connections", "Revoke a token", &["id", "tokenId"])
        .response(204, "The token is revoked. It stays listed with `revokedAt` for 90 days.", &[], None)
        .errors(&[504])
}
