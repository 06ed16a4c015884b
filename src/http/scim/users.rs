//! Users.

use super::answer::Done;
use super::context::Context;
use super::resources::{Showing, again, check, unless_overtaken};
use crate::db::DbError;
use crate::domain::condition::Conditions;
use crate::domain::scim::patch::Operation;
use crate::domain::scim::projection::Projection;
use crate::domain::scim::{ResourceType, ScimError, ScimType, resource};
use crate::domain::user::{Draft, User};
use crate::http::problem::Problem;
use crate::ops::members::NamesOf;
use crate::ops::users::{Create, Delete, Find, Replace};
use actix_web::http::StatusCode;
use serde_json::{Map, Value};
use std::slice;
use uuid::Uuid;

pub(super) async fn create(
    context: &Context,
    id: Uuid,
    sent: Value,
    showing: &Showing,
) -> Result<Done, Problem> {
    let draft = resource::read_user(sent, &context.view(), context.profile())?;
    let names = Names::of(&draft);
    let create = Create { tenant: context.tenant(), id, draft, now: context.now() };
    let user = context.call(create).await.map_err(|error| names.refusal(error))?;
    done(context, StatusCode::CREATED, &user, &showing.projection).await
}

pub(super) async fn find(context: &Context, id: Uuid, projection: &Projection) -> Result<Done, Problem> {
    let user = context.call(Find { tenant: context.tenant(), id }).await?;
    done(context, StatusCode::OK, &user, projection).await
}

pub(super) async fn replace(
    context: &Context,
    id: Uuid,
    sent: Value,
    conditions: Conditions,
    showing: &Showing,
) -> Result<Done, Problem> {
    let draft = resource::read_user(sent, &context.view(), context.profile())?;
    let user =
        change(context, id, &conditions, |user| Ok(resource::keep_native(draft.clone(), user))).await?;
    done(context, StatusCode::OK, &user, &showing.projection).await
}

pub(super) async fn patch(
    context: &Context,
    id: Uuid,
    operations: &[Operation],
    conditions: Conditions,
    showing: &Showing,
) -> Result<Done, Problem> {
    let (view, profile) = (context.view(), context.profile());
    let patched = |user: &User| resource::patch_user(user, &view, operations, profile);
    let user = change(context, id, &conditions, patched).await?;
    done(context, StatusCode::OK, &user, &showing.projection).await
}

pub(super) async fn delete(context: &Context, id: Uuid, conditions: Conditions) -> Result<Done, Problem> {
    context.call(Delete { tenant: context.tenant(), id, conditions, now: context.now() }).await?;
    let location = context.view().location(ResourceType::User, &id.to_string());
    Ok(Done { status: StatusCode::NO_CONTENT, version: None, location, body: None })
}

/// Writes what becomes of a user.
async fn change(
    context: &Context,
    id: Uuid,
    conditions: &Conditions,
    become_of: impl Fn(&User) -> Result<Draft, ScimError>,
) -> Result<User, Problem> {
    let tenant = context.tenant();
    again(async || {
        let user = context.call(Find { tenant, id }).await?;
        check(conditions, user.version)?;
        let draft = become_of(&user)?;
        let names = Names::of(&draft);
        let conditions = Conditions::version(user.version);
        let written = context.call(Replace { tenant, id, draft, conditions, now: context.now() }).await;
        unless_overtaken(written).map_err(|error| names.refusal(error))
    })
    .await
}

/// What of a user can belong to another.
struct Names {
    user_name: String,
    external_id: Option<String>,
}

impl Names {
    fn of(draft: &Draft) -> Self {
        Self { user_name: draft.attributes.user_name.clone(), external_id: draft.external_id.clone() }
    }

    /// Names the value too (RFC 7644, section 3.12).
    fn refusal(&self, error: DbError) -> Problem {
        let value = match &error {
            DbError::Taken { attribute: "userName" } => Some(("userName", &self.user_name)),
            DbError::Taken { attribute: "externalId" } => {
                self.external_id.as_ref().map(|id| ("externalId", id))
            }
            _ => None,
        };
        let taken = |(name, value): (_, &String)| {
            ScimType::Uniqueness.error(format!("{name} ({value:?}) belongs to another user")).into()
        };
        value.map_or_else(|| error.clone().into(), taken)
    }
}

async fn done(
    context: &Context,
    status: StatusCode,
    user: &User,
    projection: &Projection,
) -> Result<Done, Problem> {
    let shown = show(context, slice::from_ref(user), projection).await?.pop();
    let location = context.view().location(ResourceType::User, &user.id.to_string());
    let body = shown.map(|shown| projection.apply(shown));
    Ok(Done { status, version: Some(user.version), location, body })
}

/// Shows users, with their groups where these are asked for.
pub(super) async fn show(
    context: &Context,
    users: &[User],
    projection: &Projection,
) -> Result<Vec<Map<String, Value>>, Problem> {
    let view = context.view();
    let mut groups = None;
    if projection.shows("groups") && !users.is_empty() {
        let ids = users.iter().map(|user| user.id).collect();
        groups = Some(context.call(NamesOf { tenant: context.tenant(), users: ids }).await?);
    }
    let show = |user: &User| {
        let groups = groups.as_ref().and_then(|groups| groups.get(&user.id));
        resource::user(user, groups.map(Vec::as_slice), &view)
    };
    Ok(users.iter().map(show).collect())
}
