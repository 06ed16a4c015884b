//! The HTTP face. This file is the table of URLs.

pub mod auth;
pub mod auth_throttle;
mod body;
mod changes;
mod connections;
pub mod credentials;
mod docs;
mod groups;
mod headers;
mod health;
mod keys;
mod members;
mod observe;
pub mod openapi;
mod params;
pub mod problem;
mod request_id;
mod response;
mod scim;
mod tenants;
mod users;

use crate::clock::Clock;
use crate::db::Database;
use crate::domain::key::AdminKey;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{
    App, Error, FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, Route, guard, web,
};
use auth_throttle::AuthThrottle;
use credentials::Credentials;
use problem::Problem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What needs no key, as the files under `/docs/`.
const PUBLIC: [&str; 7] = ["/", "/livez", "/healthz", "/health", "/readyz", "/openapi.json", "/docs"];

fn is_public(path: &str) -> bool {
    PUBLIC.contains(&path) || path.starts_with("/docs/") || scim::is_public(path)
}

/// The table of URLs.
fn urls() -> Vec<Url> {
    vec![
        url("/", [get(health::index)]),
        url("/livez", [get(health::live)]),
        url("/healthz", [get(health::live)]),
        url("/health", [get(health::live)]),
        url("/readyz", [get(health::ready)]),
        url("/openapi.json", [get(openapi::read).compressed()]),
        url("/docs", [get(docs::page)]),
        url("/docs/{file}", [get(docs::file).compressed()]),
        url("/users", [get(users::list).compressed(), post(users::create)]),
        url(
            "/users/{id}",
            [get(users::find), patch(users::patch), put(users::replace), delete(users::delete)],
        ),
        url("/users/{id}/groups", [get(groups::list_of_user).compressed()]),
        url("/groups", [get(groups::list).compressed(), post(groups::create)]),
        url(
            "/groups/{id}",
            [get(groups::find), patch(groups::patch), put(groups::replace), delete(groups::delete)],
        ),
        url("/groups/{id}/members", [get(members::list).compressed(), post(members::add)]),
        url(
            "/groups/{id}/members/{userId}",
            [get(members::find), put(members::put), delete(members::remove)],
        ),
        url("/changes", [get(changes::read).compressed()]),
        url("/keys", [get(keys::list).compressed(), post(keys::create)]),
        url("/keys/{id}", [get(keys::find), patch(keys::patch), delete(keys::delete)]),
        url("/connections", [get(connections::list).compressed(), post(connections::create)]),
        url(
            "/connections/{id}",
            [get(connections::find), patch(connections::patch), delete(connections::delete)],
        ),
        url(
            "/connections/{id}/tokens",
            [get(connections::list_tokens).compressed(), post(connections::create_token)],
        ),
        url("/connections/{id}/tokens/{tokenId}", [delete(connections::delete_token)]),
        url("/tenants", [get(tenants::list).compressed(), post(tenants::create)]),
        url("/tenants/{id}", [get(tenants::find), patch(tenants::patch), delete(tenants::delete)]),
    ]
}

/// What the handlers share.
pub struct State {
    /// The door to the database.
    pub database: Database,
    /// The time.
    pub clock: Clock,
    /// The key of the settings.
    pub admin_key: Option<AdminKey>,
    /// The keys and tenants that were seen lately.
    pub credentials: Credentials,
    /// Who failed to prove who they are.
    pub auth_throttle: AuthThrottle,
    /// The most bytes of a body, decompressed.
    pub body_limit: usize,
    /// How long a body may take to come.
    pub deadline: Duration,
    /// Where clients outside find the server.
    pub public_url: String,
    readiness: health::Readiness,
    stopping: AtomicBool,
}

impl State {
    /// The state of a server that is not stopping.
    #[must_use]
    pub fn new(
        database: Database,
        clock: Clock,
        settings: &crate::config::Settings,
        public_url: String,
    ) -> Self {
        Self {
            credentials: Credentials::new(database.clone()),
            auth_throttle: AuthThrottle::new(settings.failed_attempts),
            database,
            clock,
            admin_key: settings.admin_key.clone(),
            body_limit: settings.body_limit,
            deadline: settings.request_deadline,
            public_url,
            readiness: health::Readiness::default(),
            stopping: AtomicBool::new(false),
        }
    }

    /// From now on `/readyz` says no, and every answer asks the client to close its connection.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

/// The whole application around a state. The middleware is the application's own and not a scope's: it must see
/// what matches no path at all, such as `OPTIONS *`.
pub fn app(
    state: web::Data<State>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()>,
> {
    let mut app = App::new().app_data(state).wrap(from_fn(observe::guard)).wrap(from_fn(observe::observe));
    for url in urls().into_iter().chain(scim::urls()) {
        app = app.service(url.resource());
    }
    app.default_service(web::to(nothing_here))
}

/// A path with its endpoints.
struct Url {
    path: &'static str,
    endpoints: Vec<Endpoint>,
}

fn url<const N: usize>(path: &'static str, endpoints: [Endpoint; N]) -> Url {
    Url { path, endpoints: endpoints.into() }
}

/// A handler and the methods that it answers.
struct Endpoint {
    methods: &'static str,
    route: Route,
}

impl Endpoint {
    /// For lists. A single resource is never compressed: on the way its ETag would be weakened or dropped.
    fn compressed(self) -> Self {
        Self { route: self.route.wrap(Compress::default()), ..self }
    }
}

fn get<F, A>(handler: F) -> Endpoint
where
    F: Handler<A>,
    A: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let route = web::route().guard(guard::Any(guard::Get()).or(guard::Head())).to(handler);
    Endpoint { methods: "GET, HEAD", route }
}

/// The other methods differ in nothing but their name.
macro_rules! methods {
    ($($name:ident = $method:literal;)*) => {$(
        fn $name<F, A>(handler: F) -> Endpoint
        where
            F: Handler<A>,
            A: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            Endpoint { methods: $method, route: web::$name().to(handler) }
        }
    )*};
}

methods! {
    post = "POST";
    put = "PUT";
    patch = "PATCH";
    delete = "DELETE";
}

impl Url {
    /// The endpoints, OPTIONS, and 405 for every other method.
    fn resource(self) -> Resource {
        let mut allow: Vec<_> = self.endpoints.iter().map(|endpoint| endpoint.methods).collect();
        allow.push("OPTIONS");
        let allow = allow.join(", ");
        let mut resource = web::resource(self.path);
        for endpoint in self.endpoints {
            resource = resource.route(endpoint.route);
        }
        resource.default_service(web::to(move |request: HttpRequest| {
            let allow = allow.clone();
            async move {
                if request.method() == Method::OPTIONS {
                    return Ok(HttpResponse::NoContent().insert_header((ALLOW, allow)).finish());
                }
                Err(Problem::method_not_allowed(request.method(), &allow))
            }
        }))
    }
}

async fn nothing_here() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found("there is nothing at this path"))
}
