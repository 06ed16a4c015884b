//! The probes. They need no key.

use super::openapi::OperationDocs;
use super::problem::Problem;
use super::state::State;
use actix_web::{HttpResponse, web};
use serde_json::json;

/// `GET /livez`: whether the process responds.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// The description under one of the names of the endpoint.
pub(super) fn live_docs(id: &str, summary: &str) -> OperationDocs {
    OperationDocs::public(id, "service", summary, &[])
        .json(200, "The process responds.", &[], "Status", &json!({ "status": "ok" }))
        .errors(&[500])
}

/// `GET /readyz`: whether the server and its database can process requests.
pub(super) async fn ready(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let stopping = || Problem::server_stopping();
    if state.is_stopping() {
        return Err(stopping());
    }
    match state.readiness.check(&state.database).await {
        // The server may have begun to stop during the check.
        _ if state.is_stopping() => Err(stopping()),
        Ok(()) => Ok(HttpResponse::Ok().json(json!({ "status": "ready" }))),
        Err(detail) => Err(Problem::not_ready(detail)),
    }
}

pub(super) fn ready_docs() -> OperationDocs {
    let summary = "Check that the server and its database can process requests";
    OperationDocs::public("getReadiness", "service", summary, &[])
        .describe("The result is cached for one second. An overloaded server counts as ready as long as reads and writes finish.")
        .json(200, "The server is ready.", &[], "Status", &json!({ "status": "ready" }))
        .errors(&[500, 503])
}
