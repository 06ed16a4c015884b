//! `/Bulk` (RFC 7644, section 3.7). Each operation runs like a separate request, in its own transaction. The ids of created
//! resources are assigned in advance, so that operations can refer to resources that do not exist yet.

#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
mod references;
mod request;

use super::context::{Context, WriteContext};
use super::openapi::{BODY_ERRORS, MEDIA_TYPES, authenticated, content, examples};
use super::request::{Action, Creation, ResponseFields, Target};
use super::resources::perform;
use super::response::{Outcome, json, message};
use crate::domain::condition::{Conditions, Tags};
use crate::domain::excerpt;
use crate::domain::key::Role;
use crate::domain::parse_id;
use crate::domain::scim::projection::Projection;
use crate::domain::scim::resource::etag;
use crate::domain::scim::{ResourceType, ScimError, ScimType, urn};
use crate::domain::time::Timestamp;
use crate::http::body::JsonBody;
use crate::http::context::new_id;
use crate::http::openapi::OperationDocs;
use crate::http::problem::{LoggedProblem, Problem};
use actix_web::HttpResponse;
use references::{PREFIX, resolve_text};
use request::{Data, Operation, invalid_syntax};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// `POST /Bulk`
pub(super) async fn bulk(
    WriteContext(context): WriteContext,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let body = body.read(Ok)?;
    let context = context.in_bulk();
    let (operations, fail_on_errors) = context.read(|reading| request::read(body, reading))?;
    let mut bulk = Bulk::new(&context, operations)?;
    let results = bulk.run(fail_on_errors).await;
    let mut response = json(&message(urn::BULK_RESPONSE, [("Operations", results.into())]));
    let count = bulk.failed.len();
    if let Some((_, first)) = bulk.failed.pop_first() {
        let mut extensions = response.extensions_mut();
        extensions.insert(FailedOperations(count));
        extensions.insert(first);
    }
    Ok(response)
}

/// The number of operations that failed in a bulk request, for its log line. The status of the response is 200 nevertheless.
pub(in crate::http) struct FailedOperations(pub(in crate::http) usize);

pub(super) fn bulk_docs() -> OperationDocs {
    let response = content("ScimBulkResponse", &examples::bulk_response());
    authenticated("bulkScim", "Run a bulk request", &[])
        .describe(
            "RFC 7644, section 3.7. Operations run one by one, each in its own transaction. `bulkId:` followed by the \
             bulkId of an operation refers to the resource that this operation creates. The key is checked before each \
             operation. An operation that has not started when the request's deadline passes returns 503.",
        )
        .body(MEDIA_TYPES, "ScimBulkRequest", &examples::bulk_request())
        .response(200, "The result of each operation.", &[], response)
        .errors(&BODY_ERRORS)
}

/// A resource that a bulk request creates. Its id is assigned first, because other operations can refer to it.
struct Created {
    /// The index of the operation.
    index: usize,
    id: Uuid,
    now: Timestamp,
}

/// A bulk request in progress.
struct Bulk<'c> {
    context: &'c Context,
    operations: Vec<Operation>,
    /// By bulkId: the resource that an operation creates.
    created: HashMap<String, Created>,
    /// By index: the operations that failed, with what the log says about them.
    failed: BTreeMap<usize, LoggedProblem>,
}

impl<'c> Bulk<'c> {
    fn new(context: &'c Context, operations: Vec<Operation>) -> Result<Self, ScimError> {
        let (mut created, mut now) = (HashMap::new(), context.now());
        let posts = operations.iter().enumerate().filter(|(_, operation)| operation.method == "POST");
        for (index, operation) in posts {
            // An operation without one gets its own error when it runs.
            let Some(bulk_id) = operation.bulk_id.clone().filter(|id| !id.is_empty()) else { continue };
            // Lists in the order of creation have the order of the request.
            now = context.now().after(now);
            if created.insert(bulk_id.clone(), Created { index, id: new_id(now), now }).is_some() {
                return Err(invalid_syntax(format!(
                    "The bulkId {bulk_id:?} is used by more than one operation."
                )));
            }
        }
        Ok(Self { context, operations, created, failed: BTreeMap::new() })
    }

    /// Runs operations until `fail_on_errors` of them have failed. Returns the results in the order of the request.
    async fn run(&mut self, fail_on_errors: usize) -> Vec<Value> {
        let mut results = BTreeMap::new();
        let references = self.references();
        for index in references::order(&references) {
            if self.failed.len() >= fail_on_errors {
                break;
            }
            if let Some(operation) = self.operations.get(index) {
                let (result, problem) = self.run_one(index, operation).await;
                results.insert(index, result);
                self.failed.extend(problem.map(|problem| (index, problem.logged())));
            }
        }
        results.into_values().map(Value::from).collect()
    }

    /// For each operation, the indices of the operations that create the resources to which it refers.
    fn references(&mut self) -> Vec<Vec<usize>> {
        let (created, profile) = (&self.created, self.context.profile());
        let of_operation = |operation: &mut Operation| {
            let Operation { path, data, .. } = operation;
            let identifiers = resource_type(path).map(|kind| references::identifiers(kind, data, profile));
            let in_data = identifiers.into_iter().flatten().flat_map(|text| references::of_text(text));
            let bulk_ids = path.split('/').flat_map(references::of_text).chain(in_data);
            bulk_ids.filter_map(|bulk_id| created.get(bulk_id)).map(|created| created.index).collect()
        };
        self.operations.iter_mut().map(of_operation).collect()
    }

    /// Runs an operation. Returns its result, and the problem if it failed.
    async fn run_one(&self, index: usize, operation: &Operation) -> (Map<String, Value>, Option<Problem>) {
        let Operation { method, bulk_id, .. } = operation;
        let mut result = Map::from_iter([("method".to_owned(), method.clone().into())]);
        result.extend(bulk_id.clone().map(|id| ("bulkId".to_owned(), id.into())));
        let resource = self.resource(operation);
        if let Ok((kind, Some(id))) = &resource {
            result.insert("location".to_owned(), self.context.location(*kind, *id).into());
        }
        let outcome = match (self.context.check_key(Role::Writer).await, resource) {
            (Ok(()), Ok(resource)) => self.perform(index, operation, resource).await,
            (Ok(()), Err(error)) => Err(error.into()),
            (Err(problem), _) => Err(problem),
        };
        let (status, problem) = match outcome {
            Ok(Outcome { status, version, location, .. }) => {
                result.insert("location".to_owned(), location.into());
                result.extend(version.map(|version| ("version".to_owned(), etag(version).into())));
                (status.as_u16(), None)
            }
            Err(problem) => {
                let id = &self.context.caller().origin.request_id;
                self.context.note_rejected(index, &problem);
                let error = problem.scim_error().with_request_id(id);
                result.insert("response".to_owned(), error.body().into());
                (error.status, Some(problem))
            }
        };
        result.insert("status".to_owned(), status.to_string().into());
        (result, problem)
    }

    /// The resource type and the id in an operation's path.
    fn resource(&self, operation: &Operation) -> Result<(ResourceType, Option<Uuid>), ScimError> {
        let path = &operation.path;
        let not_found = || ScimError::of_status(404, format!("No resource has the path {path:?}."));
        let kind = resource_type(path).ok_or_else(not_found)?;
        let mut segments = path.split('/').filter(|segment| !segment.is_empty()).skip(1);
        match (segments.next(), segments.next()) {
            (None, _) => Ok((kind, None)),
            (Some(id), None) => {
                let id = resolve_text(id, &|bulk_id| self.created_id(bulk_id))?;
                parse_id(&id).map(|id| (kind, Some(id))).ok_or_else(not_found)
            }
            _ => Err(not_found()),
        }
    }

    async fn perform(
        &self,
        index: usize,
        operation: &Operation,
        (kind, id): (ResourceType, Option<Uuid>),
    ) -> Result<Outcome, Problem> {
        let mut data = operation.data.clone();
        for text in references::identifiers(kind, &mut data, self.context.profile()) {
            *text = resolve_text(text, &|bulk_id| self.created_id(bulk_id))?;
        }
        let own = operation.bulk_id.as_ref().and_then(|bulk_id| self.created.get(bulk_id));
        let (id, action) = match (operation.method.as_str(), id, data) {
            ("POST", None, Data::Body(data)) => match own {
                Some(created) if created.index == index => {
                    (created.id, Action::Create(Creation { key: None, body: data, now: created.now }))
                }
                _ => return Err(missing_bulk_id().into()),
            },
            ("PUT", Some(id), Data::Body(data)) => (id, Action::Replace(data)),
            ("PATCH", Some(id), Data::Patch(operations)) => (id, Action::Patch(operations?)),
            ("DELETE", Some(id), _) => (id, Action::Delete),
            (method, ..) => {
                let (path, method) = (excerpt(&operation.path), excerpt(method));
                let detail = format!("The path {path:?} does not support {method:?}.");
                return Err(ScimError::of_status(405, detail).into());
            }
        };
        let if_match = operation.version.as_deref().map(Tags::parse).transpose();
        let if_match = if_match.map_err(|error| ScimType::InvalidValue.error(format!("version {error}.")))?;
        let conditions = Conditions { if_match, if_none_match: None }.weakly();
        // The result contains no attributes, so none need be loaded.
        let projection = self.context.read(|reading| Projection::parse(kind, Some("id"), None, reading))?;
        let fields = ResponseFields { projection, are_requested: false };
        perform(Target { context: self.context.clone(), kind, id, conditions, fields }, action).await
    }

    /// The id of the resource that the operation with this bulkId creates, unless the operation failed.
    fn created_id(&self, bulk_id: &str) -> Result<String, ScimError> {
        let created = self.created.get(bulk_id).filter(|created| !self.failed.contains_key(&created.index));
        created.map(|created| created.id.to_string()).ok_or_else(|| {
            let reference = format!("{PREFIX}{bulk_id:.100}");
            let detail = format!("{reference:?} does not refer to a resource that this request creates.");
            ScimType::InvalidValue.error(detail)
        })
    }
}

/// The resource type in an operation's path.
fn resource_type(path: &str) -> Option<ResourceType> {
    let name = path.split('/').find(|segment| !segment.is_empty())?;
    let is_named = |kind: &ResourceType| kind.endpoint().trim_start_matches('/').eq_ignore_ascii_case(name);
    ResourceType::ALL.into_iter().find(is_named)
}

fn missing_bulk_id() -> ScimError {
    invalid_syntax("An operation with the method POST must have a bulkId.")
}
