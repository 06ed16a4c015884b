//! Users.

use super::context::Context;
use super::resources::Showing;
use super::response::Done;
use crate::db::DbError;
use crate::domain::condition::Conditions;
use crate::domain::idempotency::Request;
use crate::domain::scim::patch::Operation;
use crate::domain::scim::projection::Projection;
use crate::domain::scim::resource::UserGroup;
use crate::domain::scim::{ResourceType, ScimError, ScimType, resource};
use crate::domain::user::{Draft, User};
use crate::http::problem::Problem;
use crate::ops::members::NamesOf;
use crate::ops::read_back::ReadBack;
use crate::ops::users::{Create, Delete, Edit, Find};
use actix_web::http::StatusCode;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

pub(super) async fn create(
    context: &Context,
    (id, named): (Uuid, Option<Request>),
    sent: Value,
    showing: &Showing,
) -> Result<Done, Problem> {
    let draft = resource::read_user(sent, &context.view(), context.profile())?;
    let unique = UniqueValues::of(&draft);
    let create = Create { tenant: context.tenant(), id, draft, now: context.now() };
    let (client, projection) = (context.clone(), showing.projection.clone());
    // Nobody is in a group from the first.
    let shown = move |user: &User| done(&client, StatusCode::CREATED, user, None, &projection);
    context.create((id, named), create, shown).await.map_err(|error| unique.conflict(error))
}

pub(super) async fn find(context: &Context, id: Uuid, projection: &Projection) -> Result<Done, Problem> {
    let user = context.call(Find { tenant: context.tenant(), id }).await?;
    let groups = match names_of(context, vec![id], usize::MAX, projection) {
        Some(names) => Some(context.call(names).await?),
        None => None,
    };
    Ok(done(context, StatusCode::OK, &user, groups, projection))
}

pub(super) async fn replace(
    context: &Context,
    id: Uuid,
    body: Value,
    conditions: Conditions,
    showing: &Showing,
) -> Result<Done, Problem> {
    let draft = resource::read_user(body, &context.view(), context.profile())?;
    let replaced = move |user: &User| Ok(resource::preserve_native(draft.clone(), user));
    edit(context, id, conditions, &showing.projection, replaced).await
}

pub(super) async fn patch(
    context: &Context,
    id: Uuid,
    operations: Vec<Operation>,
    conditions: Conditions,
    showing: &Showing,
) -> Result<Done, Problem> {
    let client = context.clone();
    let patched =
        move |user: &User| resource::patch_user(user, &client.view(), &operations, client.profile());
    edit(context, id, conditions, &showing.projection, patched).await
}

pub(super) async fn delete(context: &Context, id: Uuid, conditions: Conditions) -> Result<Done, Problem> {
    context.call(Delete { tenant: context.tenant(), id, conditions, now: context.now() }).await?;
    let location = context.view().location(ResourceType::User, &id.to_string());
    Ok(Done { status: StatusCode::NO_CONTENT, version: None, location, body: None, replayed: false })
}

/// Rewrites a user with a pure function of the stored user, in one transaction.
async fn edit(
    context: &Context,
    id: Uuid,
    conditions: Conditions,
    projection: &Projection,
    edit: impl Fn(&User) -> Result<Draft, ScimError> + Send + Sync + 'static,
) -> Result<Done, Problem> {
    let edit = Arc::new(edit);
    let in_transaction = Arc::clone(&edit);
    let write = Edit {
        tenant: context.tenant(),
        id,
        edit: move |user: &User| in_transaction(user),
        conditions,
        now: context.now(),
    };
    let read = names_of(context, vec![id], usize::MAX, projection);
    match context.call(ReadBack { write, read }).await {
        Ok((user, groups)) => Ok(done(context, StatusCode::OK, &user?, groups, projection)),
        Err(error) => Err(edit_error(context, id, error, &*edit).await),
    }
}

/// Names the value that violates a unique constraint. The rejected draft was discarded with its transaction, so it is
/// computed again from the stored user.
async fn edit_error(
    context: &Context,
    id: Uuid,
    error: DbError,
    edit: &impl Fn(&User) -> Result<Draft, ScimError>,
) -> Problem {
    if !matches!(error, DbError::Taken { .. }) {
        return error.into();
    }
    match context.call(Find { tenant: context.tenant(), id }).await.map(|user| edit(&user)) {
        Ok(Ok(draft)) => UniqueValues::of(&draft).conflict(error),
        _ => error.into(),
    }
}

/// The values of a user that must be unique.
struct UniqueValues {
    user_name: String,
    external_id: Option<String>,
}

impl UniqueValues {
    fn of(draft: &Draft) -> Self {
        Self { user_name: draft.attributes.user_name.clone(), external_id: draft.external_id.clone() }
    }

    /// Adds the value to the error of a violated unique constraint (RFC 7644, section 3.12).
    fn conflict(&self, error: DbError) -> Problem {
        let value = match &error {
            DbError::Taken { attribute: "userName" } => Some(("userName", &self.user_name)),
            DbError::Taken { attribute: "externalId" } => {
                self.external_id.as_ref().map(|id| ("externalId", id))
            }
            _ => None,
        };
        match value {
            Some((name, value)) => {
                let detail = format!("{name} ({value:?}) is already in use by another user.");
                ScimType::Uniqueness.error(detail).into()
            }
            None => error.into(),
        }
    }
}

/// What the groups of users are called.
type Groups = BTreeMap<Uuid, Vec<UserGroup>>;

/// In how many groups the users of a page may be together.
const GROUP_LIMIT: usize = 100_000;

/// The reading of the users' groups, where they are shown.
fn names_of(context: &Context, users: Vec<Uuid>, most: usize, projection: &Projection) -> Option<NamesOf> {
    projection.includes("groups").then(|| NamesOf { tenant: context.tenant(), users, most })
}

fn done(
    context: &Context,
    status: StatusCode,
    user: &User,
    groups: Option<Groups>,
    projection: &Projection,
) -> Done {
    let location = context.view().location(ResourceType::User, &user.id.to_string());
    let body = projection.apply(shown(context, user, groups.as_ref()));
    Done { status, version: Some(user.version), location, body: Some(body), replayed: false }
}

fn shown(context: &Context, user: &User, groups: Option<&Groups>) -> Map<String, Value> {
    let groups = groups.and_then(|groups| groups.get(&user.id));
    resource::render_user(user, groups.map(Vec::as_slice), &context.view())
}

/// Shows the users of a page, with their groups where these are asked for, unless they are in too many.
pub(super) async fn show(
    context: &Context,
    users: &[User],
    projection: &Projection,
) -> Result<Vec<Map<String, Value>>, Problem> {
    let ids = users.iter().map(|user| user.id).collect();
    let groups = match names_of(context, ids, GROUP_LIMIT, projection) {
        Some(names) if !users.is_empty() => Some(context.call(names).await.map_err(too_many)?),
        _ => None,
    };
    Ok(users.iter().map(|user| shown(context, user, groups.as_ref())).collect())
}

fn too_many(error: DbError) -> Problem {
    match error {
        DbError::Refused(_) => {
            let detail = "the users of this page are in more than 100,000 groups together: \
                          ask without attributes=groups, or for fewer users";
            ScimType::TooMany.error(detail).into()
        }
        error => error.into(),
    }
}
