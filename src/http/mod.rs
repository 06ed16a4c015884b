//! The HTTP layer. This file is the table of URLs.

mod access_log;
mod admin;
pub mod api;
mod auth;
pub mod auth_throttle;
mod body;
mod brake;
mod changes;
mod connections;
mod context;
pub mod credentials;
mod deadline;
mod docs;
mod endpoint;
mod export;
mod extractor;
pub mod followers;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod groups;
mod headers;
mod health;
mod history;
mod import;
mod in_flight;
pub(crate) mod inspector;
mod keys;
mod me;
mod members;
pub mod metrics;
mod observe;
mod openapi;
mod pages;
mod params;
mod path;
pub mod problem;
pub mod rate_limit;
mod readiness;
mod records;
mod request_id;
mod requests;
mod resources;
mod response;
mod restore;
mod revert;
mod scim;
pub mod server;
mod start_page;
mod state;
mod static_file;
mod suggestion;
mod tenants;
mod traceparent;
mod users;

pub use state::State;

use crate::domain::connection::Connection;
use crate::domain::group::Group;
use crate::domain::key::Key;
use crate::domain::tenant::Tenant;
use crate::domain::user::User;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, HttpRequest, HttpResponse, web};
use endpoint::{Url, delete, get, patch, post, put, url};
use openapi::OperationDocs;
use params::NoQuery;
use problem::Problem;
use restore::restore_url;
use serde_json::{Map, Value, json};
use static_file::StaticFile;
use std::sync::LazyLock;

/// The table of URLs.
fn urls() -> impl Iterator<Item = Url> {
    [service_urls(), directory_urls(), admin_urls(), scim::urls()].into_iter().flatten()
}

fn service_urls() -> Vec<Url> {
    vec![
        url("/", [get(start_page::index).docs(start_page::index_docs)]),
        url(
            "/livez",
            [get(health::live).docs(|| health::live_docs("getLiveness", "Check that the process responds"))],
        ),
        url("/healthz", [get(health::live).docs(|| health::live_docs("getHealthz", "Alias of `/livez`"))]),
        url("/health", [get(health::live).docs(|| health::live_docs("getHealth", "Alias of `/livez`"))]),
        url("/readyz", [get(health::ready).docs(health::ready_docs)]),
        url("/openapi.json", [get(openapi_json).docs(openapi_docs)]),
        url("/docs", [get(docs::page).docs(docs::page_docs)]),
        url("/docs/{file}", [get(docs::file).docs(docs::file_docs)]),
        url("/admin", [get(admin::page).docs(admin::page_docs)]),
        url("/admin/{digest}/{asset}", [get(admin::file).docs(admin::file_docs)]),
        url(
            "/admin/{digest}/{folder}/{asset}",
            [get(admin::file_in_folder).docs(admin::file_in_folder_docs)],
        ),
        url("/me", [get(me::me).docs(me::me_docs)]),
        url("/metrics", [get(metrics::read).compressed().docs(metrics::read_docs)]),
        url("/changes", [get(changes::read).compressed().docs(changes::read_docs)]),
        url("/changes/revert", [post(revert::revert).docs(revert::revert_docs)]),
        url("/export", [get(export::export).compressed().docs(export::export_docs)]),
        url("/import", [post(import::import).docs(import::import_docs)]),
    ]
}

/// The URLs of users, groups and members.
fn directory_urls() -> Vec<Url> {
    let [users, user] = resources::urls::<User>(delete(users::delete).docs(users::delete_docs));
    let [groups, group] = resources::urls::<Group>(delete(groups::delete).docs(groups::delete_docs));
    vec![
        users,
        user,
        history::url::<User>(),
        restore_url::<User>(),
        url("/users/{id}/groups", [get(groups::list_of_user).compressed().docs(groups::list_of_user_docs)]),
        groups,
        group,
        history::url::<Group>(),
        restore_url::<Group>(),
        url(
            "/groups/{id}/members",
            [
                get(members::list).compressed().docs(members::list_docs),
                post(members::add).docs(members::add_docs),
            ],
        ),
        url(
            "/groups/{id}/members/{userId}",
            [
                get(members::find).docs(members::find_docs),
                put(members::put).docs(members::put_docs),
                delete(members::remove).docs(members::remove_docs),
            ],
        ),
    ]
}

/// The URLs for admins and operators.
fn admin_urls() -> Vec<Url> {
    let [keys, key] = records::urls::<Key>(
        post(keys::create).docs(keys::create_docs),
        delete(records::delete::<Key>).docs(keys::delete_docs),
    );
    let [connections, connection] = records::urls::<Connection>(
        post(connections::create).docs(connections::create_docs),
        delete(records::delete::<Connection>).docs(connections::delete_docs),
    );
    let [tenants, tenant] = records::urls::<Tenant>(
        post(tenants::create).docs(tenants::create_docs),
        delete(tenants::delete).docs(tenants::delete_docs),
    );
    vec![
        keys,
        key,
        connections,
        connection,
        url("/connections/{id}/release", [post(brake::release).docs(brake::release_docs)]),
        url(
            "/connections/{id}/tokens",
            [
                get(connections::list_tokens).compressed().docs(connections::list_tokens_docs),
                post(connections::create_token).docs(connections::create_token_docs),
            ],
        ),
        url(
            "/connections/{id}/tokens/{tokenId}",
            [
                patch(connections::patch_token).docs(connections::patch_token_docs),
                delete(connections::delete_token).docs(connections::delete_token_docs),
            ],
        ),
        url("/connections/{id}/requests", [get(requests::list).compressed().docs(requests::list_docs)]),
        tenants,
        tenant,
    ]
}

/// Builds the application with this state. The middleware belongs to the application and not to a scope, because it
/// must also see requests that match no path, such as `OPTIONS *`.
pub fn app(
    state: web::Data<State>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()>,
> {
    let mut app =
        App::new().app_data(state).wrap(from_fn(observe::authorize)).wrap(from_fn(observe::observe));
    for url in urls() {
        app = app.service(url.service());
    }
    app.default_service(web::to(no_such_path))
}

/// The OpenAPI document, which describes every endpoint of the table.
pub fn openapi_document() -> Value {
    let mut paths = Map::new();
    urls().for_each(|url| url.describe(&mut paths));
    openapi::document(paths, scim::components())
}

/// `GET /openapi.json`
async fn openapi_json(_: NoQuery, request: HttpRequest) -> Result<HttpResponse, Problem> {
    static FILE: LazyLock<StaticFile> =
        LazyLock::new(|| StaticFile::new("application/json", openapi_document().to_string()));
    FILE.respond(&request)
}

fn openapi_docs() -> OperationDocs {
    let content = json!({ "application/json": { "schema": { "type": "object" } } });
    OperationDocs::public("getOpenApi", "service", "Get this document", &[])
        .response(200, "The document, in OpenAPI 3.1.", &[], Some(content))
        .errors(&[400, 406, 500])
}

async fn no_such_path() -> Result<HttpResponse, Problem> {
    Err(Problem::no_such_path())
}

#[cfg(test)]
mod tests {
    use super::api::is_public;
    use super::*;

    #[test]
    fn exactly_the_public_paths_are_described_as_needing_no_key() {
        let document = openapi_document();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let needs_no_key = operation.get("security") == Some(&json!([]));
                assert_eq!(needs_no_key, is_public(path), "{method} {path}");
            }
        }
    }

    #[test]
    fn references_resolve_and_components_are_used() {
        let document = openapi_document();
        let mut references = Vec::new();
        find_references(&document, &mut references);
        assert!(references.len() > 100);
        for reference in references {
            assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
        }
        let text = document.to_string();
        for kind in ["schemas", "parameters", "headers", "responses"] {
            for name in document["components"][kind].as_object().unwrap().keys() {
                // 405 is the response to methods that a path does not support, so no operation refers to it.
                let is_used =
                    text.contains(&format!("#/components/{kind}/{name}\"")) || name == "MethodNotAllowed";
                assert!(is_used, "{kind}/{name} is not used");
            }
        }
    }

    fn find_references<'d>(value: &'d Value, found: &mut Vec<&'d str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|value| find_references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| find_references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn example_errors_are_errors() {
        assert!(!openapi_document().to_string().contains(openapi::problems::NOT_AN_ERROR));
    }
}
