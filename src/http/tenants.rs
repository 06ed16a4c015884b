//! `/tenants`.

use super::body::JsonBody;
use super::context::{Context, Operator};
use super::credentials::Stale;
use super::headers::Prefer;
use super::openapi::{OperationDocs, ResourceDocs, examples};
use super::params::NoQuery;
use super::path::Target;
use super::problem::Problem;
use super::records::{self, Served, created};
use super::response::Response;
use super::state::State;
use crate::domain::key::Role;
use crate::domain::tenant::{Draft, Tenant};
use crate::ops::OpError;
use crate::ops::records::Patch;
use crate::ops::tenants::{CheckPatch, Create, FindByName, Purge};
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError as _};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

impl Served for Tenant {
    type Right = Operator;
    const PATH: &'static str = "/tenants";
    const DOCS: ResourceDocs = ResourceDocs { name: "Tenant", tag: "tenants", example: examples::tenant };
    const PATCH_EXAMPLE: fn() -> Value = || json!({ "name": "acme-corp" });

    fn representation<'r>(&'r self, _: &'r State) -> impl Serialize {
        self
    }

    /// Tenants belong to no tenant.
    fn tenant(_: &Context<Operator>) -> Uuid {
        Uuid::nil()
    }

    fn scope(_: &Context<Operator>) {}

    async fn check_patch(context: &Context<Operator>, patch: &Patch<Self>) -> Result<(), OpError> {
        let enables = |setting| patch.patch.get(setting) == Some(&Value::Bool(true));
        if enables("uniqueEmails") || enables("uniqueGroupNames") {
            context.call(CheckPatch(patch.clone())).await
        } else {
            Ok(())
        }
    }

    async fn explain(context: &Context<Operator>, error: OpError) -> OpError {
        let OpError::Conflict { attribute, value, existing: None } = error else { return error };
        let existing = context.call(FindByName { name: value.clone() }).await.ok().flatten();
        OpError::Conflict { attribute, value, existing }
    }

    fn stale(_: Uuid) -> Stale {
        Stale::All
    }
}

/// `POST /tenants`
pub(super) async fn create(
    context: Context<Operator>,
    prefer: Prefer,
    _: NoQuery,
    body: JsonBody,
) -> Response {
    let draft = body.read(Draft::read)?;
    let epoch = Uuid::new_v4();
    let create = Create { id: Uuid::now_v7(), fixed: epoch, draft, now: context.now() };
    match context.call(create).await {
        Ok(tenant) => Ok(created(&context, &tenant, prefer)),
        Err(error) => Err(Tenant::explain(&context, error).await.into()),
    }
}

pub(super) fn create_docs() -> OperationDocs {
    let links = ["getTenant", "patchTenant", "deleteTenant"];
    let body = json!({ "name": "acme" });
    Tenant::DOCS.create(&["Prefer"], &body, &links).errors(&[409])
}

/// `DELETE /tenants/{id}`
pub(super) async fn delete(context: Context<Operator>, target: Target) -> Response {
    let id = target.id;
    let deleted = records::delete::<Tenant>(context.clone(), target).await;
    // If an earlier request deleted the tenant but not all of its rows, this one continues.
    if deleted.as_ref().is_err_and(|problem| problem.status_code() != StatusCode::NOT_FOUND) {
        return deleted;
    }
    match (deleted, purge(&context, id).await) {
        (Ok(_), Err(_)) => Ok(HttpResponse::Accepted().finish()),
        (deleted, _) => deleted,
    }
}

/// Deletes the remaining rows of a deleted tenant. If this fails, the retention task deletes them.
async fn purge(context: &Context<Operator>, id: Uuid) -> Result<(), Problem> {
    while context.call(Purge { id }).await? {
        context.check_key(Role::Operator).await?;
    }
    Ok(())
}

pub(super) fn delete_docs() -> OperationDocs {
    let accepted = "The tenant was deleted. The server deletes its remaining changes in the background.";
    Tenant::DOCS
        .delete("Delete an empty tenant", &[])
        .response(202, accepted, &[], None)
        .describe(
            "Also deletes the tenant's keys, connections, stored responses and changes. If the tenant has users or \
             groups, the response is 409.",
        )
        .errors(&[409])
}
