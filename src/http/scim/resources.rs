//! Single resources: what is common to users and groups.

use super::context::{Context, Writing};
use super::openapi::{BODIES, BODY, about, example_of, examples, json_of, new_example_of, shape, showing};
use super::response::Done;
use super::search::Search;
use super::{groups, users};
use crate::domain::condition::{Conditions, Tags};
use crate::domain::idempotency;
use crate::domain::scim::projection::Projection;
use crate::domain::scim::{ResourceType, patch as patching};
use crate::http::body::JsonBody;
use crate::http::headers::IdempotencyKey;
use crate::http::openapi::OperationDocs;
use crate::http::path::PathId;
use crate::http::problem::Problem;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use serde_json::Value;
use std::future::{Ready, ready};
use uuid::Uuid;

/// A request about one resource, as a request of its own or in a bulk request.
pub(super) enum Request {
    /// RFC 7644, section 3.3: under this id, and once for this name.
    Create((Uuid, Option<idempotency::Request>), Value),
    /// RFC 7644, section 3.5.1.
    Replace(Uuid, Value),
    /// RFC 7644, section 3.5.2.
    Patch(Uuid, Value),
    /// RFC 7644, section 3.6.
    Delete(Uuid),
}

/// How an answer shows a resource.
pub(super) struct Showing {
    pub(super) projection: Projection,
    /// Whether the client named what it wants to see, and so wants to see it.
    pub(super) is_asked_for: bool,
}

impl Showing {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let search = Search::of_query(request)?;
        let projection = search.projection(kind_of(request))?;
        Ok(Self { projection, is_asked_for: search.names_attributes() })
    }
}

impl FromRequest for Showing {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

impl Request {
    /// Has it carried out.
    pub(super) async fn carry_out(
        self,
        context: &Context,
        kind: ResourceType,
        conditions: Conditions,
        showing: &Showing,
    ) -> Result<Done, Problem> {
        match (kind, self) {
            (ResourceType::User, Self::Create(as_named, sent)) => {
                users::create(context, as_named, sent, showing).await
            }
            (ResourceType::User, Self::Replace(id, sent)) => {
                users::replace(context, id, sent, conditions, showing).await
            }
            (ResourceType::User, Self::Patch(id, sent)) => {
                let operations = patching::read(sent, context.profile())?;
                users::patch(context, id, operations, conditions, showing).await
            }
            (ResourceType::User, Self::Delete(id)) => users::delete(context, id, conditions).await,
            (ResourceType::Group, Self::Create(as_named, sent)) => {
                groups::create(context, as_named, sent, showing).await
            }
            (ResourceType::Group, Self::Replace(id, sent)) => {
                groups::replace(context, id, sent, conditions, showing).await
            }
            (ResourceType::Group, Self::Patch(id, sent)) => {
                let operations = patching::read(sent, context.profile())?;
                groups::patch(context, id, operations, conditions, showing).await
            }
            (ResourceType::Group, Self::Delete(id)) => groups::delete(context, id, conditions).await,
        }
    }
}

/// `POST /Users`, `POST /Groups`
pub(super) async fn create(
    Writing(context): Writing,
    request: HttpRequest,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let path = match kind_of(&request) {
        ResourceType::User => "/scim/v2/Users",
        ResourceType::Group => "/scim/v2/Groups",
    };
    let named = context.idempotent(path, key, || body.hash());
    let create = Request::Create((Uuid::now_v7(), named), body.read(Ok)?);
    carry_out(&context, &request, create, Conditions::default()).await
}

pub(super) fn create_docs(kind: ResourceType) -> OperationDocs {
    let name = shape(kind);
    let next = ["get", "replace", "patch", "delete"].map(|verb| format!("{verb}{name}"));
    let headers = ["Location", "ETag", "Idempotency-Replayed"];
    showing(kind, "Create", &["Idempotency-Key"])
        .body(BODIES, &format!("New{name}"), &new_example_of(kind))
        .response(201, "It is there.", &headers, json_of(&name, &example_of(kind)))
        .links(201, &next.each_ref().map(String::as_str))
        .errors(&BODY)
        .errors(&[409, 422, 504])
}

/// `GET /Users/{id}`, `GET /Groups/{id}`
pub(super) async fn find(
    context: Context,
    request: HttpRequest,
    conditions: Conditions,
    Showing { projection, .. }: Showing,
    PathId(id): PathId,
) -> Result<HttpResponse, Problem> {
    let found = match kind_of(&request) {
        ResourceType::User => users::find(&context, id, &projection).await?,
        ResourceType::Group => groups::find(&context, id, &projection).await?,
    };
    let mut conditions = conditions.weakly();
    // What is shown of others may change while the version stays: then only `*` tells that the client has it.
    if found.shows_others(&projection) && matches!(conditions.if_none_match, Some(Tags::List(_))) {
        conditions.if_none_match = None;
    }
    found.respond_to_reading(&conditions)
}

pub(super) fn find_docs(kind: ResourceType) -> OperationDocs {
    showing(kind, "Get", &CONDITIONS)
        .describe(
            "What shows what others are called (groups, the names of members, a manager) is 304 to `*` only: those \
             move no version.",
        )
        .response(200, "As much of it as is asked for.", &["ETag"], json_of(&shape(kind), &example_of(kind)))
        .response(304, "It is in a version that `If-None-Match` names.", &["ETag"], None)
        .errors(&[412])
}

/// `PUT /Users/{id}`, `PUT /Groups/{id}`
pub(super) async fn replace(
    Writing(context): Writing,
    request: HttpRequest,
    conditions: Conditions,
    PathId(id): PathId,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let replace = Request::Replace(id, body.read(Ok)?);
    carry_out(&context, &request, replace, conditions).await
}

pub(super) fn replace_docs(kind: ResourceType) -> OperationDocs {
    let shape = format!("{}Replacement", shape(kind));
    let operation = showing(kind, "Replace", &CONDITIONS).body(BODIES, &shape, &new_example_of(kind));
    changed(kind, operation)
}

/// `PATCH /Users/{id}`, `PATCH /Groups/{id}`
pub(super) async fn patch(
    Writing(context): Writing,
    request: HttpRequest,
    conditions: Conditions,
    PathId(id): PathId,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let patch = Request::Patch(id, body.read(Ok)?);
    carry_out(&context, &request, patch, conditions).await
}

pub(super) fn patch_docs(kind: ResourceType) -> OperationDocs {
    let operation = showing(kind, "Patch", &CONDITIONS).body(BODIES, "ScimPatch", &examples::patch(kind));
    let operation = changed(kind, operation);
    match kind {
        ResourceType::User => operation,
        ResourceType::Group => operation.describe("200 with `attributes`, else 204.").response(
            204,
            "It is changed.",
            &["ETag"],
            None,
        ),
    }
}

/// The responses to a PUT or PATCH request.
fn changed(kind: ResourceType, operation: OperationDocs) -> OperationDocs {
    operation
        .response(200, "The resource as it is now.", &["ETag"], json_of(&shape(kind), &example_of(kind)))
        .errors(&BODY)
        .errors(&[409, 412, 504])
}

/// `DELETE /Users/{id}`, `DELETE /Groups/{id}`
pub(super) async fn delete(
    Writing(context): Writing,
    request: HttpRequest,
    conditions: Conditions,
    PathId(id): PathId,
) -> Result<HttpResponse, Problem> {
    let delete = Request::Delete(id);
    carry_out(&context, &request, delete, conditions).await
}

pub(super) fn delete_docs(kind: ResourceType) -> OperationDocs {
    about(kind, "Delete", &CONDITIONS).response(204, "It is gone.", &[], None).errors(&[412, 504])
}

const CONDITIONS: [&str; 3] = ["id", "If-Match", "If-None-Match"];

async fn carry_out(
    context: &Context,
    request: &HttpRequest,
    wanted: Request,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let (kind, showing) = (kind_of(request), Showing::of(request)?);
    wanted.carry_out(context, kind, conditions.weakly(), &showing).await.map(Done::respond)
}

/// Which resources a path is about.
pub(super) fn kind_of(request: &HttpRequest) -> ResourceType {
    match request.match_info().get("type") {
        Some("Groups") => ResourceType::Group,
        _ => ResourceType::User,
    }
}
