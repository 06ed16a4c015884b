//! Groups. Their members are rows: what a request says of them is written to rows, and they are read to be shown only.

use super::context::Context;
use super::resources::Showing;
use super::response::Done;
use crate::db::DbError;
use crate::domain::condition::Conditions;
use crate::domain::group::{Draft, Group};
use crate::domain::idempotency::Request;
use crate::domain::member::{Member, MembershipEdit};
use crate::domain::scim::patch::Operation;
use crate::domain::scim::projection::Projection;
use crate::domain::scim::{ResourceType, ScimError, ScimType, resource};
use crate::http::problem::Problem;
use crate::ops::groups::{Create, Delete, Edit, Find};
use crate::ops::members::{Everybody, Whole};
use crate::ops::read_back::ReadBack;
use actix_web::http::StatusCode;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// How many members the groups of a page may have together.
const MEMBER_LIMIT: i64 = 100_000;

pub(super) async fn create(
    context: &Context,
    (id, named): (Uuid, Option<Request>),
    sent: Value,
    showing: &Showing,
) -> Result<Done, Problem> {
    let (draft, ids) = resource::read_group(sent, &context.view(), context.profile())?;
    let name = draft.attributes.display_name.clone();
    let mut members = MembershipEdit::default();
    members.add(ids.unwrap_or_default());
    let create = Create { tenant: context.tenant(), id, draft, members, now: context.now() };
    let create = read_back(context, id, create, showing.projection.includes("members"));
    let (client, projection) = (context.clone(), showing.projection.clone());
    let shown = move |(group, members): &(Group, Option<Vec<Member>>)| {
        done(&client, StatusCode::CREATED, group, members.as_deref(), &projection)
    };
    context.create((id, named), create, shown).await.map_err(|error| refusal(error, Some(&name)))
}

pub(super) async fn find(context: &Context, id: Uuid, projection: &Projection) -> Result<Done, Problem> {
    let mut group = context.call(Find { tenant: context.tenant(), id }).await?;
    let mut members = None;
    if projection.includes("members") && group.member_count > 0 {
        let whole = whole(context, vec![id], i64::MAX).await?.remove(&id);
        let (seen, everybody) = whole.ok_or(DbError::NotFound)?;
        (group, members) = (seen, Some(everybody));
    }
    Ok(done(context, StatusCode::OK, &group, members.as_deref(), projection))
}

/// Without `members` in the body, nobody is a member any more: a replacement clears what it does not say.
pub(super) async fn replace(
    context: &Context,
    id: Uuid,
    sent: Value,
    conditions: Conditions,
    showing: &Showing,
) -> Result<Done, Problem> {
    let (draft, ids) = resource::read_group(sent, &context.view(), context.profile())?;
    let mut members = MembershipEdit::default();
    members.remove_all();
    members.add(ids.unwrap_or_default());
    let name = draft.attributes.display_name.clone();
    let replaced =
        move |group: &Group| Ok((resource::preserve_native_of_group(draft.clone(), group), members.clone()));
    let is_shown = showing.projection.includes("members");
    let (group, members) = edit(context, id, conditions, Some(&name), is_shown, replaced).await?;
    Ok(done(context, StatusCode::OK, &group, members.as_deref(), &showing.projection))
}

/// Answered with the group only when the client says what it wants to see of it: it may have many members.
pub(super) async fn patch(
    context: &Context,
    id: Uuid,
    operations: Vec<Operation>,
    conditions: Conditions,
    showing: &Showing,
) -> Result<Done, Problem> {
    let client = context.clone();
    let patched =
        move |group: &Group| resource::patch_group(group, &client.view(), &operations, client.profile());
    let is_shown = showing.is_asked_for && showing.projection.includes("members");
    let (group, members) = edit(context, id, conditions, None, is_shown, patched).await?;
    if showing.is_asked_for {
        return Ok(done(context, StatusCode::OK, &group, members.as_deref(), &showing.projection));
    }
    let (version, location) = (Some(group.version), location(context, id));
    Ok(Done { status: StatusCode::NO_CONTENT, version, location, body: None, replayed: false })
}

pub(super) async fn delete(context: &Context, id: Uuid, conditions: Conditions) -> Result<Done, Problem> {
    context.call(Delete { tenant: context.tenant(), id, conditions, now: context.now() }).await?;
    let location = location(context, id);
    Ok(Done { status: StatusCode::NO_CONTENT, version: None, location, body: None, replayed: false })
}

/// A write of a group, with a look at who is in it then if that is shown.
fn read_back<W>(context: &Context, group: Uuid, write: W, is_shown: bool) -> ReadBack<W, Everybody> {
    ReadBack { write, read: is_shown.then(|| Everybody { tenant: context.tenant(), group }) }
}

/// Writes what becomes of a group and of who is in it; gives them back, the members if they are shown.
async fn edit(
    context: &Context,
    id: Uuid,
    conditions: Conditions,
    name: Option<&str>,
    is_shown: bool,
    edit: impl Fn(&Group) -> Result<(Draft, MembershipEdit), ScimError> + Send + Sync + 'static,
) -> Result<(Group, Option<Vec<Member>>), Problem> {
    let edit = Edit { tenant: context.tenant(), id, edit, conditions, now: context.now() };
    let edit = read_back(context, id, edit, is_shown);
    let (group, members) = context.call(edit).await.map_err(|error| refusal(error, name))?;
    Ok((group?, members))
}

/// Names the value that belongs to another (RFC 7644, section 3.12), where it is known.
fn refusal(error: DbError, name: Option<&str>) -> Problem {
    match (error, name) {
        (DbError::Taken { attribute: "displayName" }, Some(name)) => {
            ScimType::Uniqueness.error(format!("displayName ({name:?}) belongs to another group")).into()
        }
        (DbError::Refused(detail), _) => ScimType::NoTarget.error(detail).into(),
        (error, _) => error.into(),
    }
}

fn done(
    context: &Context,
    status: StatusCode,
    group: &Group,
    members: Option<&[Member]>,
    projection: &Projection,
) -> Done {
    let body = Some(projection.apply(resource::render_group(group, members, &context.view())));
    let (version, location) = (Some(group.version), location(context, group.id));
    Done { status, version, location, body, replayed: false }
}

fn location(context: &Context, id: Uuid) -> String {
    context.view().location(ResourceType::Group, &id.to_string())
}

async fn whole(
    context: &Context,
    groups: Vec<Uuid>,
    most: i64,
) -> Result<BTreeMap<Uuid, (Group, Vec<Member>)>, DbError> {
    context.call(Whole { tenant: context.tenant(), groups, most }).await
}

/// Shows the groups of a page, unless they have too many members: a page without some of its groups would make a client's
/// walk skip them.
pub(super) async fn show(
    context: &Context,
    groups: Vec<Group>,
    projection: &Projection,
) -> Result<Vec<Map<String, Value>>, Problem> {
    let view = context.view();
    if !projection.includes("members") {
        return Ok(groups.iter().map(|group| resource::render_group(group, None, &view)).collect());
    }
    let ids = groups.iter().map(|group| group.id);
    let mut whole = whole(context, ids.collect(), MEMBER_LIMIT).await.map_err(too_many)?;
    let shown = groups.iter().filter_map(|group| whole.remove(&group.id));
    Ok(shown.map(|(group, members)| resource::render_group(&group, Some(&members), &view)).collect())
}

fn too_many(error: DbError) -> Problem {
    match error {
        DbError::Refused(_) => {
            let detail = "the groups of this page have more than 100,000 members together: \
                          ask with excludedAttributes=members, or for fewer groups";
            ScimType::TooMany.error(detail).into()
        }
        error => error.into(),
    }
}
