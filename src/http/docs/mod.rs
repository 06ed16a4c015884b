//! `/docs`: Swagger UI for the OpenAPI document. The server serves all of its files itself.

use super::api::TrailingSlash;
use super::openapi::{DOCS_FILES, OperationDocs};
use super::problem::Problem;
use super::static_file::StaticFile;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, HeaderValue, REFERRER_POLICY,
};
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use serde_json::json;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use utoipa_swagger_ui::{Config, serve};

/// Prevents the page from loading anything from other servers and from sending anything to them. `data:` is needed for
/// the images in Swagger UI's style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The file that is not part of Swagger UI.
const START: &str = "start.js";

/// `GET /docs`
pub(super) async fn page(request: HttpRequest) -> HttpResponse {
    let page = include_str!("page.html");
    // If the path is `/docs/`, relative URLs already start in the directory of the files.
    let page = match request.extensions().get::<TrailingSlash>() {
        Some(_) => page.replace("\"docs/", "\"").into(),
        None => Cow::Borrowed(page),
    };
    HttpResponse::Ok()
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header(ContentType::html())
        .body(page)
}

pub(super) fn page_docs() -> OperationDocs {
    let content = json!({ "text/html": { "schema": { "type": "string" } } });
    OperationDocs::public("getDocs", "service", "Browse and try the API", &[])
        .response(200, "The page, which uses Swagger UI.", &[], Some(content))
        .errors(&[500])
}

/// `GET /docs/{file}`
pub(super) async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    static FILES: LazyLock<BTreeMap<&str, StaticFile>> = LazyLock::new(|| {
        DOCS_FILES.into_iter().filter_map(|name| Some((name, static_file(name)?))).collect()
    });
    let name = request.match_info().get("file").unwrap_or_default();
    let file = FILES.get(name).ok_or_else(Problem::no_such_path)?;
    let mut response = file.respond(&request)?;
    if name != START {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    }
    Ok(response)
}

fn static_file(name: &str) -> Option<StaticFile> {
    if name == START {
        return Some(StaticFile::new("text/javascript", include_str!("start.js")));
    }
    let file = serve(name, Arc::new(Config::from("openapi.json"))).ok().flatten()?;
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Some(StaticFile::new(file.content_type, bytes))
}

pub(super) fn file_docs() -> OperationDocs {
    let text = || json!({ "schema": { "type": "string" } });
    let content = json!({ "text/css": text(), "text/javascript": text(), "image/png": {} });
    OperationDocs::public("getDocsFile", "service", "Get a file of the documentation page", &["file"])
        .response(200, "The file.", &[], Some(content))
        .errors(&[404, 406, 500])
}
