//! Users.

use super::context::Context;
use super::limits::too_many;
use super::request::Target;
use super::response::Outcome;
use crate::domain::idempotency::Request;
use crate::domain::scim::patch::Operation;
use crate::domain::scim::projection::Projection;
use crate::domain::scim::resource::UserGroup;
use crate::domain::scim::{ResourceType, ScimError, ScimType, resource};
use crate::domain::user::{Draft, User};
use crate::http::problem::Problem;
use crate::ops::OpError;
use crate::ops::members::GroupNames;
use crate::ops::users::{Create, Delete, Edit, EditFunction, Find};
use crate::ops::write_then_read::WriteThenRead;
use actix_web::http::StatusCode;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use uuid::Uuid;

pub(super) async fn create(target: Target, key: Option<Request>, body: Value) -> Result<Outcome, Problem> {
    let Target { context, id, fields, .. } = target;
    let draft = resource::read_user(body, &context.view(), context.profile())?;
    let operation = Create { tenant: context.tenant(), id, draft, now: context.now() };
    let captured = context.clone();
    // A new user is in no group, so there are no groups to read.
    let render = move |user: &User| outcome(&captured, StatusCode::CREATED, user, None, &fields.projection);
    context.create((id, key), operation, render).await.map_err(write_error)
}

pub(super) async fn find(context: &Context, id: Uuid, projection: &Projection) -> Result<Outcome, Problem> {
    let user = context.call(Find { tenant: context.tenant(), id, of: PhantomData }).await?;
    let groups = match read_groups(context, vec![id], usize::MAX, projection) {
        Some(read) => Some(context.call(read).await?),
        None => None,
    };
    Ok(outcome(context, StatusCode::OK, &user, groups, projection))
}

pub(super) async fn replace(target: Target, body: Value) -> Result<Outcome, Problem> {
    let draft = resource::read_user(body, &target.context.view(), target.context.profile())?;
    edit(target, move |user: &User| Ok(resource::preserve_native(draft.clone(), user))).await
}

pub(super) async fn patch(target: Target, operations: Vec<Operation>) -> Result<Outcome, Problem> {
    let context = target.context.clone();
    let patched =
        move |user: &User| resource::patch_user(user, &context.view(), &operations, context.profile());
    edit(target, patched).await
}

pub(super) async fn delete(Target { context, id, conditions, .. }: Target) -> Result<Outcome, Problem> {
    let (tenant, now) = (context.tenant(), context.now());
    context.call(Delete { tenant, id, conditions, now, of: PhantomData }).await?;
    Ok(Outcome::deleted(context.location(ResourceType::User, id)))
}

/// Rewrites a user with a pure function of the stored user, in one transaction.
async fn edit(
    Target { context, id, conditions, fields, .. }: Target,
    edit: impl Fn(&User) -> Result<Draft, ScimError> + Send + Sync + 'static,
) -> Result<Outcome, Problem> {
    let (tenant, now) = (context.tenant(), context.now());
    let write = Edit { tenant, id, values: EditFunction(edit), conditions, now };
    let read = read_groups(&context, vec![id], usize::MAX, &fields.projection);
    let (user, groups) = context.call(WriteThenRead { write, read }).await.map_err(write_error)?;
    Ok(outcome(&context, StatusCode::OK, &user?, groups, &fields.projection))
}

/// Translates the error of a write. A conflict names the value (RFC 7644, section 3.12).
fn write_error(error: OpError) -> Problem {
    match error {
        OpError::Conflict { attribute, value } => conflict(attribute, &value),
        error => error.into(),
    }
}

/// The error for a value that another user has.
pub(super) fn conflict(attribute: &str, value: &str) -> Problem {
    ScimType::Uniqueness.error(format!("{attribute} ({value:?}) is already in use by another user.")).into()
}

/// The groups of users, by the users' ids.
type Groups = BTreeMap<Uuid, Vec<UserGroup>>;

/// The maximum total number of groups of the users on a page.
const MAX_GROUPS: usize = 100_000;
const TOO_MANY: &str = "The users on this page are in more than 100,000 groups in total. \
                        Remove groups from attributes, or request fewer users.";

/// The operation that reads the users' groups; `None` when the projection leaves them out.
fn read_groups(
    context: &Context,
    users: Vec<Uuid>,
    max_groups: usize,
    projection: &Projection,
) -> Option<GroupNames> {
    projection.includes("groups").then(|| GroupNames { tenant: context.tenant(), users, max_groups })
}

fn outcome(
    context: &Context,
    status: StatusCode,
    user: &User,
    groups: Option<Groups>,
    projection: &Projection,
) -> Outcome {
    let body = projection.apply(render(context, user, groups.as_ref()));
    let location = context.location(ResourceType::User, user.id);
    Outcome { status, version: Some(user.version), location, body: Some(body), replayed: false }
}

fn render(context: &Context, user: &User, groups: Option<&Groups>) -> Map<String, Value> {
    let groups = groups.and_then(|groups| groups.get(&user.id));
    resource::render_user(user, groups.map(Vec::as_slice), &context.view())
}

/// Renders the users of a page, with their groups if the projection includes them.
///
/// # Errors
/// `tooMany` when the users are in more than 100,000 groups in total.
pub(super) async fn render_page(
    context: &Context,
    users: &[User],
    projection: &Projection,
) -> Result<Vec<Map<String, Value>>, Problem> {
    let ids = users.iter().map(|user| user.id).collect();
    let groups = match read_groups(context, ids, MAX_GROUPS, projection) {
        Some(read) if !users.is_empty() => {
            Some(context.call(read).await.map_err(|error| too_many(error, TOO_MANY))?)
        }
        _ => None,
    };
    Ok(users.iter().map(|user| render(context, user, groups.as_ref())).collect())
}
