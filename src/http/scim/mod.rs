//! SCIM 2.0 over HTTP (RFC 7644) under `/scim/v2`: parsing and representation. It uses the same database operations as the
//! native API.

mod bulk;
mod context;
mod discovery;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
mod groups;
mod limits;
mod list;
mod openapi;
mod request;
mod resources;
mod response;
mod search;
mod users;

pub(super) use bulk::FailedOperations;
pub(super) use openapi::components;

use super::endpoint::{Url, delete, get, patch, post, put, url};
use super::problem::Problem;
use crate::domain::scim::ScimError;
use crate::http::openapi::OperationDocs;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use openapi::{authenticated, content};

/// The URL table of SCIM. [`normalize_path`](super::api::normalize_path) converts paths to this case.
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
        url("/scim/v2", [get(list::list_all).compressed().docs(list::list_all_docs)]),
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
    Err(me_not_implemented().into())
}

fn me_not_implemented() -> ScimError {
    ScimError::of_status(501, "/Me is not implemented: callers are connections and keys, not users.")
}

fn me_docs(method: &str) -> OperationDocs {
    let body = content("ScimError", &me_not_implemented().body().into());
    let status = StatusCode::NOT_IMPLEMENTED.as_u16();
    authenticated(&format!("{method}ScimMe"), "Not implemented, because callers are not users", &[]).response(
        status,
        "Always returned (RFC 7644, section 3.11).",
        &[],
        body,
    )
}
