//! `/tenants`.

use super::body::JsonBody;
use super::context::{Context, Operator};
use super::headers::Prefer;
use super::openapi::{Operation, ResourceDocs, examples};
use super::pages::IdList;
use super::params::{NoQuery, Params};
use super::path::PathId;
use super::response::{Response, no_content, read, respond, stored};
use crate::domain::condition::Conditions;
use crate::domain::cursor::List;
use crate::domain::tenant::Draft;
use crate::ops::tenants::{self, Create, Delete, Find, Patch, Purge};
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use serde_json::json;
use uuid::Uuid;

const DOCS: ResourceDocs = ResourceDocs { name: "Tenant", tag: "tenants", example: examples::tenant };

/// `POST /tenants`
pub(super) async fn create(
    context: Context<Operator>,
    prefer: Prefer,
    _: NoQuery,
    body: JsonBody,
) -> Response {
    let draft = body.read(Draft::read)?;
    let create = Create { id: Uuid::now_v7(), epoch: Uuid::new_v4(), draft, now: context.now() };
    let tenant = context.call(create).await?;
    let mut response = stored(StatusCode::CREATED, tenant.id, tenant.version, &tenant, prefer);
    response.headers.push((LOCATION.to_string(), format!("/tenants/{}", tenant.id)));
    Ok(respond(response))
}

pub(super) fn create_docs() -> Operation {
    let links = ["getTenant", "patchTenant", "deleteTenant"];
    DOCS.create("Make a tenant", &["Prefer"], &json!({ "name": "acme" }), &links).errors(&[409])
}

/// `GET /tenants`
pub(super) async fn list(context: Context<Operator>, params: Params) -> Response {
    let list = IdList::of(params, List::new(Uuid::nil(), &["tenants"]))?;
    let IdList { after, limit, total, .. } = list;
    let page = context.call(tenants::List { after, limit, total }).await?;
    Ok(list.respond("/tenants", &page, |tenant| tenant.id, |tenant| tenant))
}

pub(super) fn list_docs() -> Operation {
    DOCS.list("List tenants", &["limit", "cursor", "include"])
}

/// `GET /tenants/{id}`
pub(super) async fn find(
    context: Context<Operator>,
    conditions: Conditions,
    _: NoQuery,
    PathId(id): PathId,
) -> Response {
    let tenant = context.call(Find { id }).await?;
    read(&conditions, tenant.version, &tenant)
}

pub(super) fn find_docs() -> Operation {
    DOCS.get("Read a tenant", &[])
}

/// `PATCH /tenants/{id}`
pub(super) async fn patch(
    context: Context<Operator>,
    conditions: Conditions,
    prefer: Prefer,
    _: NoQuery,
    PathId(id): PathId,
    body: JsonBody,
) -> Response {
    let patch = body.read(Ok)?;
    let patch = context.call(Patch { id, patch, conditions, now: context.now() });
    let tenant = context.state().credentials.invalidating_all(patch).await?;
    Ok(respond(stored(StatusCode::OK, tenant.id, tenant.version, &tenant, prefer)))
}

pub(super) fn patch_docs() -> Operation {
    DOCS.patch("Change a tenant", &json!({ "name": "acme-corp" }))
}

/// `DELETE /tenants/{id}`
pub(super) async fn delete(
    context: Context<Operator>,
    conditions: Conditions,
    _: NoQuery,
    PathId(id): PathId,
) -> Response {
    let delete = context.call(Delete { id, conditions, now: context.now() });
    context.state().credentials.invalidating_all(delete).await?;
    // The tenant is deleted. The retention task removes the rows that are left if a call fails here.
    while let Ok(true) = context.call(Purge { id }).await {}
    Ok(no_content())
}

pub(super) fn delete_docs() -> Operation {
    DOCS.delete("Delete an empty tenant", &[])
        .describe(
            "Its keys, connections, kept answers and changes go with it; 409 when it has users or groups.",
        )
        .errors(&[409])
}
