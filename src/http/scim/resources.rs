//! The endpoints of single resources, for users and groups alike.

use super::context::{Context, WriteContext};
use super::openapi::{
    BODY_ERRORS, MEDIA_TYPES, about, content, example_of, examples, new_example_of, schema_name, showing,
};
use super::request::{Action, Creation, ResponseFields, Target, resource_type};
use super::response::Outcome;
use super::{groups, users};
use crate::domain::condition::Conditions;
use crate::domain::scim::{ResourceType, patch as patching};
use crate::http::body::JsonBody;
use crate::http::context::new_id;
use crate::http::headers::IdempotencyKey;
use crate::http::openapi::OperationDocs;
use crate::http::path::PathId;
use crate::http::problem::Problem;
use actix_web::{HttpRequest, HttpResponse};

pub(super) async fn perform(target: Target, action: Action) -> Result<Outcome, Problem> {
    match (target.kind, action) {
        (ResourceType::User, Action::Create(creation)) => users::create(target, creation).await,
        (ResourceType::User, Action::Replace(body)) => users::replace(target, body).await,
        (ResourceType::User, Action::Patch(operations)) => users::patch(target, operations).await,
        (ResourceType::User, Action::Delete) => users::delete(target).await,
        (ResourceType::Group, Action::Create(creation)) => groups::create(target, creation).await,
        (ResourceType::Group, Action::Replace(body)) => groups::replace(target, body).await,
        (ResourceType::Group, Action::Patch(operations)) => groups::patch(target, operations).await,
        (ResourceType::Group, Action::Delete) => groups::delete(target).await,
    }
}

/// `POST /Users`, `POST /Groups`
pub(super) async fn create(
    WriteContext(context): WriteContext,
    request: HttpRequest,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let kind = resource_type(&request);
    let path = match kind {
        ResourceType::User => "/scim/v2/Users",
        ResourceType::Group => "/scim/v2/Groups",
    };
    let key = context.idempotent(path, key, || body.hash());
    let creation = Creation { key, body: body.read(Ok)?, now: context.now() };
    let id = new_id(creation.now);
    let fields = ResponseFields::of(&request, &context)?;
    let target = Target { context, kind, id, conditions: Conditions::default(), fields };
    perform(target, Action::Create(creation)).await.map(Outcome::respond)
}

pub(super) fn create_docs(kind: ResourceType) -> OperationDocs {
    let name = schema_name(kind);
    let next = ["get", "replace", "patch", "delete"].map(|verb| format!("{verb}{name}"));
    let headers = ["Location", "ETag", "Idempotency-Replayed"];
    showing(kind, "Create", &["Idempotency-Key"])
        .body(MEDIA_TYPES, &format!("New{name}"), &new_example_of(kind))
        .response(201, "The created resource.", &headers, content(&name, &example_of(kind)))
        .links(201, &next.each_ref().map(String::as_str))
        .errors(&BODY_ERRORS)
        .errors(&[409, 422, 504])
}

/// `GET /Users/{id}`, `GET /Groups/{id}`
pub(super) async fn find(
    context: Context,
    request: HttpRequest,
    conditions: Conditions,
    PathId(id): PathId,
) -> Result<HttpResponse, Problem> {
    let ResponseFields { projection, .. } = ResponseFields::of(&request, &context)?;
    let outcome = match resource_type(&request) {
        ResourceType::User if projection.is_default() => {
            return users::find_whole(&context, id, conditions.weakly()).await;
        }
        ResourceType::User => users::find(&context, id, &projection).await?,
        ResourceType::Group => groups::find(&context, id, &projection).await?,
    };
    let mut conditions = conditions.weakly();
    // The ETag does not cover values of other resources, so a match does not prove that the client's copy is current.
    if outcome.contains_other_resources(&projection) {
        conditions = conditions.ignoring_none_match_tags();
    }
    outcome.respond_to_get(&conditions)
}

pub(super) fn find_docs(kind: ResourceType) -> OperationDocs {
    showing(kind, "Get", &CONDITIONS)
        .describe(
            "If the response would contain values of other resources (`groups`, `members.display`, a manager), a \
             matching ETag does not return 304, because these values can change while the version stays the same. \
             Only `If-None-Match: *` does.",
        )
        .response(200, "The resource.", &["ETag"], content(&schema_name(kind), &example_of(kind)))
        .response(304, "The resource matches `If-None-Match`.", &["ETag"], None)
        .errors(&[412])
}

/// `PUT /Users/{id}`, `PUT /Groups/{id}`
pub(super) async fn replace(target: Target, body: JsonBody) -> Result<HttpResponse, Problem> {
    let action = Action::Replace(body.read(Ok)?);
    perform(target, action).await.map(Outcome::respond)
}

pub(super) fn replace_docs(kind: ResourceType) -> OperationDocs {
    let schema = format!("{}Replacement", schema_name(kind));
    let operation = showing(kind, "Replace", &CONDITIONS).body(MEDIA_TYPES, &schema, &new_example_of(kind));
    changed(kind, operation)
}

/// `PATCH /Users/{id}`, `PATCH /Groups/{id}`
pub(super) async fn patch(target: Target, body: JsonBody) -> Result<HttpResponse, Problem> {
    let body = body.read(Ok)?;
    let operations = target.context.read(|reading| patching::read(body, reading))?;
    perform(target, Action::Patch(operations)).await.map(Outcome::respond)
}

pub(super) fn patch_docs(kind: ResourceType) -> OperationDocs {
    let operation =
        showing(kind, "Patch", &CONDITIONS).body(MEDIA_TYPES, "ScimPatch", &examples::patch(kind));
    let operation = changed(kind, operation);
    match kind {
        ResourceType::User => operation,
        ResourceType::Group => operation
            .describe("Returns the group (200) if the request has `attributes`, otherwise 204.")
            .response(204, "The group was patched.", &["ETag"], None),
    }
}

/// The responses to a PUT or PATCH.
fn changed(kind: ResourceType, operation: OperationDocs) -> OperationDocs {
    let content = content(&schema_name(kind), &example_of(kind));
    operation
        .response(200, "The resource after the change.", &["ETag"], content)
        .errors(&BODY_ERRORS)
        .errors(&[409, 412, 504])
}

/// `DELETE /Users/{id}`, `DELETE /Groups/{id}`
pub(super) async fn delete(target: Target) -> Result<HttpResponse, Problem> {
    perform(target, Action::Delete).await.map(Outcome::respond)
}

pub(super) fn delete_docs(kind: ResourceType) -> OperationDocs {
    about(kind, "Delete", &CONDITIONS)
        .response(204, "The resource was deleted.", &[], None)
        .errors(&[412, 504])
}

const CONDITIONS: [&str; 3] = ["id", "If-Match", "If-None-Match"];
