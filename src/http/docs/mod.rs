//! `/docs`: the API to read and to try, by Swagger UI. All of it comes from here.

use super::openapi::{DOCS_FILES, OperationDocs};
use super::problem::Problem;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, REFERRER_POLICY};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;
use std::sync::Arc;
use utoipa_swagger_ui::{Config, serve};

/// Nothing is loaded from, or sent, elsewhere. Swagger UI's pictures are in its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The file that is not part of Swagger UI.
const START: &str = "start.js";

/// `GET /docs`
pub(super) async fn page() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header(ContentType::html())
        .body(include_str!("page.html"))
}

pub(super) fn page_docs() -> OperationDocs {
    let content = json!({ "text/html": { "schema": { "type": "string" } } });
    OperationDocs::public("getDocs", "service", "This document to read and to try", &[])
        .response(200, "A page.", &[], Some(content))
        .errors(&[500])
}

/// `GET /docs/{file}`
pub(super) async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.match_info().get("file").unwrap_or_default();
    if name == START {
        return Ok(HttpResponse::Ok().content_type("text/javascript").body(include_str!("start.js")));
    }
    let known = || serve(name, Arc::new(Config::from("openapi.json"))).ok().flatten();
    let file = DOCS_FILES.contains(&name).then(known).flatten();
    let file = file.ok_or_else(Problem::no_such_path)?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .content_type(file.content_type)
        .body(file.bytes.into_owned()))
}

pub(super) fn file_docs() -> OperationDocs {
    let text = || json!({ "schema": { "type": "string" } });
    let content = json!({ "text/css": text(), "text/javascript": text(), "image/png": {} });
    OperationDocs::public("getDocsFile", "service", "What the page loads", &["file"])
        .response(200, "A file.", &[], Some(content))
        .errors(&[404, 406, 500])
}
