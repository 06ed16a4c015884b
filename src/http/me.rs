//! `/me`: the caller of a request.

use super::context::{Context, Reader};
use super::openapi::{OperationDocs, examples};
use super::params::NoQuery;
use super::problem::Problem;
use super::response::Response;
use crate::domain::connection::Connection;
use crate::domain::key::{Key, Role};
use crate::domain::origin::{Actor, ActorKind};
use crate::domain::parse_id;
use crate::domain::tenant::Tenant;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::keys::Scope;
use crate::ops::records::Find;
use actix_web::HttpResponse;
use serde::Serialize;
use uuid::Uuid;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Me<'c> {
    #[serde(rename = "type")]
    kind: String,
    id: &'c str,
    name: Option<String>,
    tenant: TenantName,
    role: Role,
    expires_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct TenantName {
    id: Uuid,
    name: String,
}

/// `GET /me`. Also accepts the token of a connection.
pub(super) async fn me(context: Context<Reader>, _: NoQuery) -> Response {
    let caller = context.caller();
    let Actor { kind, id } = &caller.origin.actor;
    let name = match name(&context, *kind, id).await {
        // The key was revoked, or the connection deleted, after the request was authenticated.
        Err(OpError::NotFound) => return Err(Problem::no_valid_key()),
        name => name?,
    };
    let Tenant { id: tenant, name: tenant_name, .. } =
        context.call(Find { scope: (), id: context.tenant() }).await?;
    Ok(HttpResponse::Ok().json(Me {
        kind: kind.to_string(),
        id,
        name,
        tenant: TenantName { id: tenant, name: tenant_name },
        role: caller.role,
        expires_at: caller.expires_at,
    }))
}

pub(super) fn me_docs() -> OperationDocs {
    let description = "The key or connection. `tenant` is the tenant that the request acts in.";
    OperationDocs::keyed("getMe", "keys", "Get the caller", &[])
        .describe("The tokens of connections are accepted here as well.")
        .json(200, description, &[], "Me", &examples::me())
}

/// The name of the caller's key or connection.
async fn name(context: &Context<Reader>, kind: ActorKind, id: &str) -> Result<Option<String>, OpError> {
    let id = parse_id(id).ok_or(OpError::NotFound);
    match kind {
        ActorKind::Key => {
            let scope = Scope { tenant: None, role: Role::Operator };
            let key = context.call(Find::<Key> { scope, id: id? }).await?;
            if key.revoked_at.is_some() { Err(OpError::NotFound) } else { Ok(key.name) }
        }
        ActorKind::Connection => {
            let find = Find::<Connection> { scope: context.tenant(), id: id? };
            Ok(Some(context.call(find).await?.name))
        }
        ActorKind::Admin | ActorKind::Cli | ActorKind::Server => Ok(None),
    }
}
