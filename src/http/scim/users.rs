//! Users.

use super::context::Context;
use super::request::{Creation, Target};
use super::response::{Outcome, conflict};
use crate::db::Operation;
use crate::domain::condition::Conditions;
use crate::domain::scim::patch;
use crate::domain::scim::projection::Projection;
use crate::domain::scim::resource::etag;
use crate::domain::scim::{ResourceType, ScimError, resource};
use crate::domain::user::{Draft, StoredUser, User};
use crate::http::api::SCIM_JSON;
use crate::http::problem::Problem;
use crate::http::response::conditional_response;
use crate::ops::OpError;
use crate::ops::members::{FEW_GROUPS, HasUser, WithGroups};
use crate::ops::resource::Resource as _;
use crate::ops::users::{Create, Delete, Edit, EditFunction};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::Value;
use std::marker::PhantomData;
use uuid::Uuid;

pub(super) async fn create(target: Target, creation: Creation) -> Result<Outcome, Problem> {
    let Target { context, id, fields, .. } = target;
    let Creation { key, body, now } = creation;
    let draft = context.read(|reading| resource::read_user(body, &context.view(), reading))?;
    let manager = User::named_users(&draft);
    let operation = Create { tenant: context.tenant(), id, draft, now };
    let captured = context.clone();
    // A new user is in no group, so there are no groups to read.
    let render = move |user: &User| outcome(&captured, StatusCode::CREATED, user, &fields.projection);
    context.create::<User, _>((id, key), manager, operation, render).await.map_err(write_error)
}

pub(super) async fn find(context: &Context, id: Uuid, projection: &Projection) -> Result<Outcome, Problem> {
    let (user, _permit) = context.find(id, projection.includes("groups")).await?;
    Ok(outcome(context, StatusCode::OK, &user, projection))
}

/// Reads a user with all attributes that are returned by default.
pub(super) async fn find_whole(
    context: &Context,
    id: Uuid,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let (user, _permit) = context.find::<StoredUser>(id, true).await?;
    let names_others = user.has_manager() || user.groups.as_ref().is_some_and(|groups| !groups.is_empty());
    // The ETag does not cover values of other resources, so a match does not prove that the client's copy is current.
    let conditions = if names_others { conditions.ignoring_none_match_tags() } else { conditions };
    let head = (etag(user.version), SCIM_JSON);
    let write = |out: &mut Vec<u8>| resource::write_user(&user, &context.view(), out);
    conditional_response(&conditions, user.version, head, write)
}

pub(super) async fn replace(target: Target, body: Value) -> Result<Outcome, Problem> {
    let context = &target.context;
    let draft = context.read(|reading| resource::read_user(body, &context.view(), reading))?;
    edit(target, move |user: &User| Ok(resource::preserve_native(draft.clone(), user))).await
}

pub(super) async fn patch(target: Target, operations: Vec<patch::Operation>) -> Result<Outcome, Problem> {
    let context = target.context.clone();
    let patched = move |user: &User| {
        context.read(|reading| resource::patch_user(user, &context.view(), &operations, reading))
    };
    edit(target, patched).await
}

pub(super) async fn delete(Target { context, id, conditions, .. }: Target) -> Result<Outcome, Problem> {
    let (tenant, now) = (context.tenant(), context.now());
    context.write::<User, _>(Delete { tenant, id, conditions, now, of: PhantomData }).await?;
    Ok(Outcome::deleted(context.location(ResourceType::User, id)))
}

/// Rewrites a user with a pure function of the stored user, in one transaction.
async fn edit(
    Target { context, id, conditions, fields, .. }: Target,
    edit: impl Fn(&User) -> Result<Draft, ScimError> + Send + Sync + 'static,
) -> Result<Outcome, Problem> {
    let (tenant, now) = (context.tenant(), context.now());
    let write = Edit { tenant, id, values: EditFunction(edit), conditions, now };
    let mut user = call(&context, write, &fields.projection).await.map_err(write_error)??;
    let _permit = match fields.projection.includes("groups") {
        // The write is committed, so it must not fail. If the groups cannot be read, the response does not contain them.
        true => context.complete_groups(&mut user).await.ok(),
        false => None,
    };
    Ok(outcome(&context, StatusCode::OK, &user, &fields.projection))
}

/// Runs an operation on a user, and reads the user's groups in the same call unless the projection excludes them.
async fn call<O>(context: &Context, operation: O, projection: &Projection) -> Result<O::Output, OpError>
where
    O: Operation<Error = OpError>,
    O::Output: HasUser,
{
    match projection.includes("groups") {
        true => {
            let (tenant, max_groups) = (context.tenant(), FEW_GROUPS);
            context.write::<User, _>(WithGroups { tenant, operation, max_groups }).await
        }
        false => context.write::<User, _>(operation).await,
    }
}

/// Translates the error of a write. A conflict names the value (RFC 7644, section 3.12).
fn write_error(error: OpError) -> Problem {
    match error {
        OpError::Conflict { attribute, value, existing } => conflict("user", attribute, &value, existing),
        error => error.into(),
    }
}

fn outcome(context: &Context, status: StatusCode, user: &User, projection: &Projection) -> Outcome {
    let body = projection.apply(resource::render_user(user, &context.view()));
    let location = context.location(ResourceType::User, user.id);
    Outcome { status, version: Some(user.version), location, body: Some(body), replayed: false }
}
