//! Groups. Members are rows: a write changes some of them without loading the others. They are loaded only to be
//! rendered.

use super::context::Context;
use super::limits::too_many;
use super::request::{Creation, Target};
use super::response::{Outcome, conflict};
use crate::domain::group::{Draft, Group};
use crate::domain::member::{Member, MembershipEdit, unknown_members};
use crate::domain::scim::patch::{self, Operation};
use crate::domain::scim::projection::Projection;
use crate::domain::scim::{Errors, ResourceType, ScimError, ScimType, from_field_errors, resource};
use crate::http::problem::Problem;
use crate::ops::OpError;
use crate::ops::groups::{Create, Delete, Edit, Find};
use crate::ops::members::{AllMembers, FindUsers, GroupsWithMembers};
use crate::ops::write_then_read::WriteThenRead;
use actix_web::http::StatusCode;
use serde_json::Value;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use uuid::Uuid;

/// The maximum total number of members of the groups on a page.
const MAX_MEMBERS: i64 = 100_000;
const TOO_MANY: &str = "The groups on this page have more than 100,000 members in total. \
                        Add excludedAttributes=members, or request fewer groups.";

pub(super) async fn create(target: Target, creation: Creation) -> Result<Outcome, Problem> {
    let Target { context, id, fields, .. } = target;
    let Creation { key, body, now } = creation;
    let (draft, ids) = read(&context, body).await?;
    let mut members = MembershipEdit::default();
    members.add(ids);
    let create = Create { tenant: context.tenant(), id, draft, members, now };
    let reads = fields.projection.includes("members");
    let create = then_read_members(&context, id, create, reads);
    let _permit = if reads { Some(context.permit_to_write().await?) } else { None };
    let captured = context.clone();
    let render = move |(group, members): &(Group, Option<Vec<Member>>)| {
        outcome(&captured, StatusCode::CREATED, group, members.as_deref(), &fields.projection)
    };
    // Creating the group locks the members, whose names are part of the response.
    context.create::<Group, _>((id, key), Vec::new(), create, render).await.map_err(write_error)
}

pub(super) async fn find(context: &Context, id: Uuid, projection: &Projection) -> Result<Outcome, Problem> {
    let mut group = context.call(Find { tenant: context.tenant(), id, of: PhantomData }).await?;
    let mut members = None;
    let _permit;
    if projection.includes("members") && group.member_count > 0 {
        _permit = context.permit_to_read().await?;
        let found = with_members(context, vec![id], i64::MAX).await?.remove(&id);
        let (current, all) = found.ok_or(OpError::NotFound)?;
        (group, members) = (current, Some(all));
    }
    Ok(outcome(context, StatusCode::OK, &group, members.as_deref(), projection))
}

/// Replaces a group. A body without `members` removes all members, since PUT clears absent attributes.
pub(super) async fn replace(target: Target, body: Value) -> Result<Outcome, Problem> {
    let (draft, ids) = read(&target.context, body).await?;
    let mut members = MembershipEdit::default();
    members.remove_all();
    members.add(ids);
    let replaced =
        move |group: &Group| Ok((resource::preserve_native_of_group(draft.clone(), group), members.clone()));
    edit(target, true, &[], replaced).await
}

/// Reads the body of a group and the ids of its members.
async fn read(context: &Context, body: Value) -> Result<(Draft, Vec<Uuid>), Problem> {
    let (draft, ids) = context.read(|reading| resource::read_group(body, &context.view(), reading));
    match draft {
        Ok(draft) => Ok((draft, ids)),
        Err(error) => Err(with_unknown_members(context, error, ids).await?),
    }
}

/// The problem for an invalid request. It also names the members that it would add and that do not exist, which the
/// database reports only for a request that is otherwise valid.
async fn with_unknown_members(
    context: &Context,
    error: ScimError,
    mut users: Vec<Uuid>,
) -> Result<Problem, Problem> {
    if users.is_empty() {
        return Ok(error.into());
    }
    users.truncate(FindUsers::MAX);
    let found = context.call(FindUsers { tenant: context.tenant(), users: users.clone() }).await?;
    users.retain(|user| !found.contains(user));
    let mut errors = Errors::default();
    errors.extend([error.clone()].into_iter().chain(from_field_errors(&unknown_members(&users))));
    Ok(errors.combine().unwrap_or(error).into())
}

/// Patches a group. The response contains the group only if the client requests attributes: it may have many members.
pub(super) async fn patch(target: Target, operations: Vec<Operation>) -> Result<Outcome, Problem> {
    let (context, has_body) = (target.context.clone(), target.fields.are_requested);
    let operations: Arc<[_]> = operations.into();
    let captured = Arc::clone(&operations);
    let patched = move |group: &Group| {
        context.read(|reading| resource::patch_group(group, &context.view(), &captured, reading))
    };
    edit(target, has_body, &operations, patched).await
}

pub(super) async fn delete(Target { context, id, conditions, .. }: Target) -> Result<Outcome, Problem> {
    let (tenant, now) = (context.tenant(), context.now());
    context.write::<Group, _>(Delete { tenant, id, conditions, now, of: PhantomData }).await?;
    Ok(Outcome::deleted(context.location(ResourceType::Group, id)))
}

/// A write of a group that reads the members back if the response contains them.
fn then_read_members<W>(
    context: &Context,
    group: Uuid,
    write: W,
    reads: bool,
) -> WriteThenRead<W, AllMembers> {
    WriteThenRead { write, read: reads.then(|| AllMembers { tenant: context.tenant(), group }) }
}

/// Rewrites a group and its members with a pure function of the stored group, in one transaction. `operations` are
/// those of a PATCH.
async fn edit(
    Target { context, id, conditions, fields, .. }: Target,
    has_body: bool,
    operations: &[Operation],
    edit: impl Fn(&Group) -> Result<(Draft, MembershipEdit), ScimError> + Send + Sync + 'static,
) -> Result<Outcome, Problem> {
    let edit = Edit { tenant: context.tenant(), id, edit, conditions, now: context.now() };
    let reads = has_body && fields.projection.includes("members");
    let edit = then_read_members(&context, id, edit, reads);
    let _permit = if reads { Some(context.permit_to_write().await?) } else { None };
    let (group, members) = context.write::<Group, _>(edit).await.map_err(write_error)?;
    let group = match group {
        Ok(group) => group,
        Err(error) => {
            let added = patch::added_members(operations).into_iter().collect();
            return Err(with_unknown_members(&context, error, added).await?);
        }
    };
    if has_body {
        return Ok(outcome(&context, StatusCode::OK, &group, members.as_deref(), &fields.projection));
    }
    let (version, location) = (Some(group.version), context.location(ResourceType::Group, id));
    Ok(Outcome { status: StatusCode::NO_CONTENT, version, location, body: None, replayed: false })
}

/// Translates the error of a write. A conflict names the value (RFC 7644, section 3.12).
fn write_error(error: OpError) -> Problem {
    match error {
        OpError::Conflict { attribute, value, existing } => conflict("group", attribute, &value, existing),
        OpError::Refused(detail) => ScimType::NoTarget.error(detail).into(),
        error => error.into(),
    }
}

fn outcome(
    context: &Context,
    status: StatusCode,
    group: &Group,
    members: Option<&[Member]>,
    projection: &Projection,
) -> Outcome {
    let body = Some(projection.apply(resource::render_group(group, members, &context.view())));
    let (version, location) = (Some(group.version), context.location(ResourceType::Group, group.id));
    Outcome { status, version, location, body, replayed: false }
}

async fn with_members(
    context: &Context,
    groups: Vec<Uuid>,
    max_members: i64,
) -> Result<BTreeMap<Uuid, (Group, Vec<Member>)>, OpError> {
    context.call(GroupsWithMembers { tenant: context.tenant(), groups, max_members }).await
}

/// Loads the members of the groups of a page if the projection includes them. A group that no longer exists is left out.
///
/// # Errors
/// `tooMany` when the groups have more than 100,000 members in total. A shorter page would make clients that page by index
/// skip groups.
pub(super) async fn load_members(
    context: &Context,
    groups: Vec<Group>,
    projection: &Projection,
) -> Result<Vec<(Group, Option<Vec<Member>>)>, Problem> {
    if !projection.includes("members") || groups.is_empty() {
        return Ok(groups.into_iter().map(|group| (group, None)).collect());
    }
    let ids = groups.iter().map(|group| group.id);
    let mut found =
        with_members(context, ids.collect(), MAX_MEMBERS).await.map_err(|error| too_many(error, TOO_MANY))?;
    let found = groups.iter().filter_map(|group| found.remove(&group.id));
    Ok(found.map(|(group, members)| (group, Some(members))).collect())
}
