//! SCIM 2.0 over HTTP (RFC 7644), base `/scim/v2`: parsing and representation. What is asked of the database are the
//! operations that serve the native API too.

mod bulk;
mod context;
mod discovery;
mod groups;
mod limits;
mod list;
mod openapi;
mod resources;
mod response;
mod search;
mod users;

pub(super) use openapi::components;

use super::endpoint::{Url, delete, get, patch, post, put, url};
use super::problem::Problem;
use crate::domain::scim::ScimError;
use crate::http::openapi::OperationDocs;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use openapi::{json_of, keyed};

/// The table of URLs below the base. [`normalize_path`](super::api::normalize_path) gives paths this spelling.
pub(super) fn urls() -> Vec<Url> {
    vec![
        url("/scim/v2/ServiceProviderConfig", [get(discovery::config).docs(discovery::config_docs)]),
        url("/scim/v2/ResourceTypes", [get(discovery::resource_types).docs(discovery::resource_types_docs)]),
        url(
            "/scim/v2/ResourceTypes/{id}",
            [get(discovery::resource_type).docs(discovery::resource_type_docs)],
        ),
        url("/scim/v2/Schemas", [get(discovery::schemas).compressed().docs(discovery::schemas_docs)]),
        url("/scim/v2/Schemas/{id}", [get(discovery::schema).docs(discovery::schema_docs)]),
        url("/scim/v2/.search", [post(list::search_all).compressed().docs(list::search_all_docs)]),
        url(
            "/scim/v2/{type:Users|Groups}",
            [
                get(list::list).compressed().docs_per_type(list::list_docs),
                post(resources::create).docs_per_type(resources::create_docs),
            ],
        ),
        url(
            "/scim/v2/{type:Users|Groups}/.search",
            [post(list::search).compressed().docs_per_type(list::search_docs)],
        ),
        url(
            "/scim/v2/{type:Users|Groups}/{id}",
            [
                get(resources::find).docs_per_type(resources::find_docs),
                put(resources::replace).docs_per_type(resources::replace_docs),
                patch(resources::patch).docs_per_type(resources::patch_docs),
                delete(resources::delete).docs_per_type(resources::delete_docs),
            ],
        ),
        url("/scim/v2/Bulk", [post(bulk::bulk).docs(bulk::bulk_docs)]),
        url(
            "/scim/v2/Me",
            [
                get(me).docs(|| me_docs("get")),
                post(me).docs(|| me_docs("post")),
                put(me).docs(|| me_docs("put")),
                patch(me).docs(|| me_docs("patch")),
                delete(me).docs(|| me_docs("delete")),
            ],
        ),
    ]
}

/// `/Me` (RFC 7644, section 3.11)
async fn me() -> Result<HttpResponse, Problem> {
    Err(nobody().into())
}

/// Callers are no users yet.
fn nobody() -> ScimError {
    ScimError::of_status(501, "callers are not users here: /Me stands for nobody")
}

fn me_docs(method: &str) -> OperationDocs {
    let body = json_of("ScimError", &nobody().body().into());
    let status = StatusCode::NOT_IMPLEMENTED.as_u16();
    keyed(&format!("{method}ScimMe"), "What the caller is: callers are not users here", &[]).response(
        status,
        "Always (RFC 7644, section 3.11).",
        &[],
        body,
    )
}
