//! `/admin`: the admin page. It consists of static files and calls only the public API, with a key that the user enters.

mod compact;
mod files;

use super::api::TrailingSlash;
use super::openapi::OperationDocs;
use super::problem::Problem;
use super::state::State;
use super::static_file::StaticFile;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, HeaderValue, REFERRER_POLICY,
};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use compact::compact;
use files::FILES;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Prevents the page from loading anything from other servers, from sending anything to them, and from turning text into
/// scripts or markup. `data:` is needed for the images in the style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// The files of the page by name, with the digest of all of them.
struct Files {
    digest: String,
    by_name: BTreeMap<&'static str, StaticFile>,
}

static PAGE: LazyLock<Files> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    FILES.iter().for_each(|(name, text)| hash.update(format!("{name}\0{text}\0")));
    let digest = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let by_name =
        FILES.into_iter().map(|(name, text)| (name, StaticFile::new(content_type(name), compact(text))));
    Files { digest, by_name: by_name.collect() }
});

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    }
}

/// `GET /admin`
pub(super) async fn page(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    if !state.admin_page {
        return Err(Problem::no_such_path());
    }
    // If the path is `/admin/`, relative URLs already start in the directory of the files.
    let directory = match request.extensions().get::<TrailingSlash>() {
        Some(_) => format!("\"{}/", PAGE.digest),
        None => format!("\"admin/{}/", PAGE.digest),
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header(ContentType::html())
        .body(include_str!("page/index.html").replace("\"admin/", &directory)))
}

pub(super) fn page_docs() -> OperationDocs {
    let content = json!({ "text/html": { "schema": { "type": "string" } } });
    OperationDocs::public("getAdminPage", "service", "Use Roster in a browser", &[])
        .describe(
            "The page asks for a key. `ROSTER_ADMIN_PAGE=false` turns it off; the response is then 404.",
        )
        .response(200, "The page.", &[], Some(content))
        .errors(&[404, 500])
}

/// `GET /admin/{digest}/{asset}`
pub(super) async fn file(
    request: HttpRequest,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (digest, name) = path.into_inner();
    respond(&request, &state, &digest, &name)
}

/// `GET /admin/{digest}/{folder}/{asset}`
pub(super) async fn file_in_folder(
    request: HttpRequest,
    state: web::Data<State>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, Problem> {
    let (digest, folder, name) = path.into_inner();
    respond(&request, &state, &digest, &format!("{folder}/{name}"))
}

/// A file. Its URL contains the digest of all files, so it never changes, and the files of two releases are never mixed.
fn respond(request: &HttpRequest, state: &State, digest: &str, name: &str) -> Result<HttpResponse, Problem> {
    let file = PAGE.by_name.get(name).filter(|_| state.admin_page && digest == PAGE.digest);
    let mut response = file.ok_or_else(Problem::no_such_path)?.respond(request)?;
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(CACHE_CONTROL, forever);
    Ok(response)
}

pub(super) fn file_docs() -> OperationDocs {
    file_operation("getAdminFile", &["digest", "asset"])
}

pub(super) fn file_in_folder_docs() -> OperationDocs {
    file_operation("getAdminFileInFolder", &["digest", "folder", "asset"])
}

fn file_operation(id: &'static str, parameters: &[&'static str]) -> OperationDocs {
    let text = || json!({ "schema": { "type": "string" } });
    let content = json!({ "text/css": text(), "text/javascript": text(), "image/svg+xml": text() });
    OperationDocs::public(id, "service", "Get a file of the admin page", parameters)
        .response(200, "The file.", &[], Some(content))
        .errors(&[404, 406, 500])
}
