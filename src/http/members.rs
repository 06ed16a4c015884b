//! `/groups/{id}/members`.

use super::body::JsonBody;
use super::context::{Context, Reader, Writer};
use super::history;
use super::openapi::{BODY, JSON, OperationDocs, examples};
use super::pages::IdList;
use super::params::{NoQuery, Params};
use super::path::{PathId, PathIds};
use super::problem::Problem;
use super::response::{Response, no_content};
use crate::domain::condition::Conditions;
use crate::domain::fields::FieldError;
use crate::domain::member::{read_user_ids, unknown_users, valid_user_ids};
use crate::domain::schema::USERS;
use crate::ops::history::ListMembers;
use crate::ops::members::{self, Add, Find, FindUsers, Put, Remove};
use actix_web::HttpResponse;
use uuid::Uuid;

/// `GET /groups/{id}/members`
pub(super) async fn list(context: Context<Reader>, PathId(group): PathId, mut params: Params) -> Response {
    params.suggest_search(&USERS, format!("/users?filter=groups.value eq \"{group}\" and "));
    let at = params.at()?;
    let list = IdList::of(params, history::list(context.tenant(), "members", group, at))?;
    let _permit = context.permit_to_read().await?;
    let page = match at.map(|at| context.moment(at)) {
        Some(moment) => context.call(ListMembers { moment, group, page: list.page }).await?,
        None => context.call(members::List { tenant: context.tenant(), group, page: list.page }).await?,
    };
    list.respond(&format!("/groups/{group}/members"), &page, |member| member.user_id, |member| member)
}

pub(super) fn list_docs() -> OperationDocs {
    let example = examples::page("members", examples::member());
    let parameters = ["id", "limit", "cursor", "include", "at"];
    operation("listMembers", "List the members of a group", &parameters)
        .json(200, "A page of members, sorted by user id.", &["Link"], "MemberPage", &example)
        .errors(&[410])
}

/// `POST /groups/{id}/members`
pub(super) async fn add(
    context: Context<Writer>,
    _: NoQuery,
    conditions: Conditions,
    PathId(group): PathId,
    body: JsonBody,
) -> Response {
    let (valid, read) = body.read(|body| Ok((valid_user_ids(&body), read_user_ids(body))))?;
    let users = match read {
        Ok(users) => users,
        Err(errors) => return Err(all_invalid(&context, valid, errors).await?),
    };
    let (tenant, now) = (context.tenant(), context.now());
    context.call(Add { tenant, group, users, conditions, now }).await?;
    Ok(no_content())
}

/// The problem for a list with malformed ids. It also names the valid ids that belong to no user.
async fn all_invalid(
    context: &Context<Writer>,
    valid: Vec<(usize, Uuid)>,
    mut errors: Vec<FieldError>,
) -> Result<Problem, Problem> {
    let (indexes, users): (Vec<_>, Vec<_>) = valid.into_iter().unzip();
    let existing = context.call(FindUsers { tenant: context.tenant(), users: users.clone() }).await?;
    let unknown = indexes.into_iter().zip(users).filter(|(_, user)| !existing.contains(user));
    errors.extend(unknown_users(unknown.map(|(index, _)| index)));
    Ok(Problem::invalid_fields(errors))
}

pub(super) fn add_docs() -> OperationDocs {
    write("addMembers", "Add users to a group", &["id"])
        .describe(
            "Adds either all of the users or none. Users who are already members are accepted. The conditions apply to \
             the version of the group.",
        )
        .body(JSON, "UserIds", &examples::user_ids())
        .response(204, "All of the users are members.", &[], None)
        .errors(&BODY)
}

/// `GET /groups/{id}/members/{userId}`
pub(super) async fn find(context: Context<Reader>, _: NoQuery, PathIds(group, user): PathIds) -> Response {
    let member = context.call(Find { tenant: context.tenant(), group, user }).await?;
    Ok(HttpResponse::Ok().json(member))
}

pub(super) fn find_docs() -> OperationDocs {
    operation("getMember", "Get a member of a group", &["id", "userId"]).json(
        200,
        "The member.",
        &[],
        "Member",
        &examples::member(),
    )
}

/// `PUT /groups/{id}/members/{userId}`
pub(super) async fn put(
    context: Context<Writer>,
    _: NoQuery,
    conditions: Conditions,
    PathIds(group, user): PathIds,
) -> Response {
    let (tenant, now) = (context.tenant(), context.now());
    context.call(Put { tenant, group, user, conditions, now }).await?;
    Ok(no_content())
}

pub(super) fn put_docs() -> OperationDocs {
    write_docs("putMember", "Add a user to a group", "The user is a member.")
}

/// `DELETE /groups/{id}/members/{userId}`
pub(super) async fn remove(
    context: Context<Writer>,
    _: NoQuery,
    conditions: Conditions,
    PathIds(group, user): PathIds,
) -> Response {
    let (tenant, now) = (context.tenant(), context.now());
    context.call(Remove { tenant, group, user, conditions, now }).await?;
    Ok(no_content())
}

pub(super) fn remove_docs() -> OperationDocs {
    write_docs(
        "removeMember",
        "Remove a user from a group",
        "The user was removed. If the user was not a member, the response is 404.",
    )
}

fn write_docs(id: &str, summary: &str, response: &str) -> OperationDocs {
    write(id, summary, &["id", "userId"])
        .describe("The conditions apply to the version of the group.")
        .response(204, response, &[], None)
}

/// The conditions apply to the version of the group, because a member has none.
fn write(id: &str, summary: &str, path: &[&str]) -> OperationDocs {
    operation(id, summary, &[path, &["If-Match", "If-None-Match"]].concat()).errors(&[412, 504])
}

fn operation(id: &str, summary: &str, parameters: &[&str]) -> OperationDocs {
    OperationDocs::keyed(id, "groups", summary, parameters)
}
