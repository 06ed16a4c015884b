//! Responses in SCIM's media type, with weak ETags.

use crate::domain::condition::Conditions;
use crate::domain::idempotency::StoredResponse;
use crate::domain::scim::projection::Projection;
use crate::domain::scim::resource::etag;
use crate::domain::scim::{ScimType, urn};
use crate::http::api::SCIM_JSON;
use crate::http::problem::Problem;
use crate::http::response::IDEMPOTENCY_REPLAYED;
use crate::ops::idempotency::IdempotentResponse;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderName, LOCATION};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// The result of a request for one resource. It becomes a separate response or a part of a bulk response.
pub(super) struct Outcome {
    pub(super) status: StatusCode,
    /// The current version of the resource; `None` once it is deleted.
    pub(super) version: Option<i64>,
    pub(super) location: String,
    /// The projected resource.
    pub(super) body: Option<Map<String, Value>>,
    /// Whether this is the stored response of an earlier request with the same idempotency key.
    pub(super) replayed: bool,
}

impl Outcome {
    pub(super) fn deleted(location: String) -> Self {
        Self { status: StatusCode::NO_CONTENT, version: None, location, body: None, replayed: false }
    }

    /// Builds the HTTP response (RFC 7644, sections 3.3 and 3.14).
    pub(super) fn respond(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(version) = self.version {
            response.insert_header((ETAG, etag(version)));
        }
        if self.status == StatusCode::CREATED {
            response.insert_header((LOCATION, self.location));
        }
        if self.replayed {
            response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
        }
        match self.body {
            Some(body) => response.insert_header((CONTENT_TYPE, SCIM_JSON)).json(body),
            None => response.finish(),
        }
    }

    /// Builds the response to a GET with conditions.
    pub(super) fn respond_to_get(self, conditions: &Conditions) -> Result<HttpResponse, Problem> {
        let version = self.version.unwrap_or_default();
        if !conditions.allow_read(version) {
            return Err(Problem::version_mismatch(Some(version)));
        }
        if conditions.not_modified(version) {
            return Ok(Self { status: StatusCode::NOT_MODIFIED, body: None, ..self }.respond());
        }
        Ok(self.respond())
    }

    /// The form in which the response is stored with an idempotency key.
    pub(super) fn into_stored(self, resource: Uuid) -> StoredResponse {
        let etag = self.version.map(|version| (ETAG.to_string(), etag(version)));
        let headers = [(LOCATION.to_string(), self.location)].into_iter().chain(etag).collect();
        let body = self.body.map(|body| Value::from(body).to_string());
        StoredResponse { status: self.status.as_u16(), headers, body, resource }
    }

    pub(super) fn from_stored(IdempotentResponse { response, replayed }: IdempotentResponse) -> Self {
        let header = |name: HeaderName| response.headers.iter().find(|(stored, _)| *stored == name.as_str());
        let version = |tag: &str| tag.trim_start_matches("W/").trim_matches('"').parse().ok();
        Self {
            status: StatusCode::from_u16(response.status).unwrap_or_default(),
            version: header(ETAG).and_then(|(_, tag)| version(tag)),
            location: header(LOCATION).map(|(_, uri)| uri.clone()).unwrap_or_default(),
            body: response.body.as_deref().and_then(|body| serde_json::from_str(body).ok()),
            replayed,
        }
    }

    /// Whether the body contains values of other resources, which can change while this resource's version stays the same.
    pub(super) fn contains_other_resources(&self, projection: &Projection) -> bool {
        let attribute = |name: &str| self.body.as_ref().and_then(|body| body.get(name));
        attribute("groups").is_some()
            || (attribute("members").is_some() && projection.includes_sub_attribute("members", "display"))
            || attribute(urn::ENTERPRISE_USER).is_some_and(|enterprise| enterprise.get("manager").is_some())
    }
}

/// Builds a 200 response with a body that is not a single user or group.
pub(super) fn json(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, SCIM_JSON)).json(body)
}

/// The ListResponse of a list that has only one page (RFC 7644, section 3.4.2).
pub(super) fn list_of(resources: Vec<Value>) -> Map<String, Value> {
    let count = resources.len();
    let counts = [("totalResults", count.into()), ("startIndex", 1.into()), ("itemsPerPage", count.into())];
    message(urn::LIST, counts.into_iter().chain([("Resources", resources.into())]))
}

/// A message with its schema's URN and its members.
pub(super) fn message(
    urn: &str,
    members: impl IntoIterator<Item = (&'static str, Value)>,
) -> Map<String, Value> {
    let schemas = ("schemas", Value::from(vec![urn]));
    [schemas].into_iter().chain(members).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The error for a value that another resource of this kind has.
pub(super) fn conflict(kind: &str, attribute: &str, value: &str, existing: Option<Uuid>) -> Problem {
    let owner = existing.map_or_else(|| format!("another {kind}"), |id| format!("the {kind} {id}"));
    ScimType::Uniqueness.error(format!("{attribute} ({value:?}) is already in use by {owner}.")).into()
}
