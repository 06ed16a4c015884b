//! `/`: the name, version and links of the service, as JSON or, for browsers, as an HTML page. The path requires no
//! key.

use super::headers::prefers_html;
use super::openapi::OperationDocs;
use super::params::NoQuery;
use super::state::State;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentType, REFERRER_POLICY, VARY};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use std::collections::BTreeMap;

/// The top-level paths, each with the name of its link.
const LINKS: [(&str, &str); 15] = [
    (ADMIN, "/admin"),
    ("changes", "/changes"),
    ("connections", "/connections"),
    ("docs", "/docs"),
    ("export", "/export"),
    ("groups", "/groups"),
    ("keys", "/keys"),
    ("livez", "/livez"),
    ("me", "/me"),
    ("metrics", "/metrics"),
    ("openapi", "/openapi.json"),
    ("readyz", "/readyz"),
    ("scim", "/scim/v2"),
    ("tenants", "/tenants"),
    ("users", "/users"),
];

/// The name of the link to the admin page, which can be turned off.
const ADMIN: &str = "admin";

/// The page has no styles and no scripts, so the policy does not allow it to load anything.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /`
pub(super) async fn index(_: NoQuery, request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((VARY, "Accept"));
    if prefers_html(request.headers()) {
        response
            .insert_header((CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((REFERRER_POLICY, "no-referrer"));
        return response.insert_header(ContentType::html()).body(page(&state));
    }
    response.json(json!({
        "name": "roster",
        "version": env!("CARGO_PKG_VERSION"),
        "url": state.public_url,
        "links": links(state.admin_page).collect::<BTreeMap<_, _>>(),
    }))
}

fn links(admin_page: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    LINKS.into_iter().filter(move |(name, _)| admin_page || *name != ADMIN)
}

/// The HTML page. Its links are relative, so that they work behind a proxy that adds a prefix.
fn page(state: &State) -> String {
    let link = |(name, path): (&str, &str)| {
        let relative = path.trim_start_matches('/');
        format!("      <li><a href=\"{relative}\">{path}</a> ({name})</li>\n")
    };
    let links: String = links(state.admin_page).map(link).collect();
    include_str!("start_page.html").replace("VERSION", env!("CARGO_PKG_VERSION")).replace("LINKS", &links)
}

pub(super) fn index_docs() -> OperationDocs {
    let links: BTreeMap<_, _> = links(true).collect();
    let version = env!("CARGO_PKG_VERSION");
    let example =
        json!({ "name": "roster", "version": version, "url": "http://127.0.0.1:3000", "links": links });
    OperationDocs::public("getService", "service", "Get the name, version and links of the service", &[])
        .describe("If `Accept` prefers `text/html`, the response is a page with the same links.")
        .json(200, "Name, version and links.", &[], "Service", &example)
        .errors(&[400, 500])
}
