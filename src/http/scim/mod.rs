//! SCIM 2.0 over HTTP (RFC 7644), base `/scim/v2`: parsing and representation. What is asked of the database are the
//! operations that serve the native API too.

mod bulk;
mod context;
mod discovery;
mod groups;
mod list;
mod resources;
mod response;
mod search;
mod users;

pub(super) use bulk::MAX_OPERATIONS;
pub(super) use context::base;
pub(super) use discovery::limits;
pub(super) use list::list_of;

use super::problem::Problem;
use super::{Url, delete, get, patch, post, put, url};
use crate::domain::scim::ScimError;
use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::http::uri::{PathAndQuery, Uri};

/// Where SCIM is.
const BASE: &str = "/scim/v2";

/// What every body below it is (RFC 7644, section 8.1).
pub(super) const MEDIA_TYPE: &str = "application/scim+json";

/// The table of URLs below the base. Names in paths have the spelling that [`spell_path`] gives them.
pub(super) fn urls() -> Vec<Url> {
    vec![
        url("/scim/v2/ServiceProviderConfig", [get(discovery::config)]),
        url("/scim/v2/ResourceTypes", [get(discovery::resource_types)]),
        url("/scim/v2/ResourceTypes/{id}", [get(discovery::resource_type)]),
        url("/scim/v2/Schemas", [get(discovery::schemas).compressed()]),
        url("/scim/v2/Schemas/{id}", [get(discovery::schema)]),
        url("/scim/v2/.search", [post(list::search_all).compressed()]),
        url("/scim/v2/{type:Users|Groups}", [get(list::list).compressed(), post(resources::create)]),
        url("/scim/v2/{type:Users|Groups}/.search", [post(list::search).compressed()]),
        url(
            "/scim/v2/{type:Users|Groups}/{id}",
            [
                get(resources::find),
                put(resources::replace),
                patch(resources::patch),
                delete(resources::delete),
            ],
        ),
        url("/scim/v2/Bulk", [post(bulk::bulk)]),
        url("/scim/v2/Me", [get(me), post(me), put(me), patch(me), delete(me)]),
    ]
}

/// The names in paths.
const NAMES: [&str; 8] =
    ["ServiceProviderConfig", "ResourceTypes", "Schemas", ".search", "Users", "Groups", "Bulk", "Me"];

/// Whether a path is SCIM's.
pub(super) fn is_below(path: &str) -> bool {
    path.strip_prefix(BASE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What needs no key: discovery (RFC 7644, section 4), since a client must learn from it how to prove who it is.
pub(super) fn is_public(path: &str) -> bool {
    let below = path.strip_prefix(BASE).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
    let name = below.split('/').next().unwrap_or_default();
    ["ServiceProviderConfig", "ResourceTypes", "Schemas"].contains(&name)
}

/// Spells the names in a path of SCIM's as the table of URLs does: clients call `/scim/v2/users`.
pub(super) fn spell_path(request: &mut ServiceRequest) {
    let Some(spelt) = spelt(request.path()) else { return };
    let path_and_query = match request.query_string() {
        "" => spelt,
        query => format!("{spelt}?{query}"),
    };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(path_and_query).ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
}

/// The spelling of a path, where it is another.
fn spelt(path: &str) -> Option<String> {
    let (base, below) = path.split_at_checked(BASE.len())?;
    if !base.eq_ignore_ascii_case(BASE) {
        return None;
    }
    let segments = below.split('/').map(|segment| {
        let known = NAMES.iter().find(|name| name.eq_ignore_ascii_case(segment));
        known.copied().unwrap_or(segment)
    });
    let spelt = format!("{BASE}{}", segments.collect::<Vec<_>>().join("/"));
    (spelt != path).then_some(spelt)
}

/// The answer to what was not carried out (RFC 7644, section 3.12).
pub(super) fn refuse(problem: &Problem) -> HttpResponse {
    let mut response = actix_web::ResponseError::error_response(problem);
    let error = problem.scim_error();
    let status = actix_web::http::StatusCode::from_u16(error.status);
    *response.status_mut() = status.unwrap_or(response.status());
    let media_type = actix_web::http::header::HeaderValue::from_static(MEDIA_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    match serde_json::to_string(&error.body()) {
        Ok(body) => response.set_body(body).map_into_boxed_body(),
        Err(_) => response,
    }
}

/// `/Me` (RFC 7644, section 3.11)
async fn me() -> Result<HttpResponse, Problem> {
    Err(nobody().into())
}

/// Callers are no users yet.
pub(super) fn nobody() -> ScimError {
    ScimError::of_status(501, "callers are not users here: /Me stands for nobody")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_55_names_in_paths_have_no_case() {
        for (path, expected) in [
            ("/scim/v2/users", Some("/scim/v2/Users")),
            ("/SCIM/V2/GROUPS/.SEARCH", Some("/scim/v2/Groups/.search")),
            ("/scim/v2/Users/me0-ABC", None),
            ("/scim/v2/Users", None),
            ("/scim/v22", None),
            ("/users", None),
            ("", None),
        ] {
            assert_eq!(spelt(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn item_19_discovery_needs_no_key() {
        for (path, public) in [
            ("/scim/v2/Schemas", true),
            ("/scim/v2/Schemas/urn:x", true),
            ("/scim/v2/SchemasX", false),
            ("/scim/v2/Users", false),
            ("/scim/v2", false),
            ("/Schemas", false),
        ] {
            assert_eq!(is_public(path), public, "{path}");
        }
    }
}
