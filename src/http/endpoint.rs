//! The entries of the tables of URLs. An endpoint consists of a handler and its description in the OpenAPI document, so
//! that neither is registered without the other.

use super::api::SCIM_BASE;
use super::in_flight::count_uncompressed;
use super::openapi::OperationDocs;
use super::problem::Problem;
use super::request_id::RequestId;
use crate::domain::scim::ResourceType;
use crate::panics;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::middleware::{Compress, Next, from_fn};
use actix_web::{
    Error, FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, Route, guard, web,
};
use serde_json::{Map, Value, json};

pub(super) struct Url {
    path: String,
    endpoints: Vec<Endpoint>,
}

/// A handler, the methods that it serves, and its description.
pub(super) struct Endpoint {
    methods: &'static str,
    route: Route,
    docs: Docs,
}

enum Docs {
    Single(fn() -> OperationDocs),
    /// One operation for each SCIM resource type. The path contains [`TYPE_SEGMENT`].
    PerType(fn(ResourceType) -> OperationDocs),
}

/// A handler that has no description yet.
pub(super) struct Undocumented {
    methods: &'static str,
    route: Route,
}

/// The path segment that selects a SCIM resource type. The document has a path for each type.
const TYPE_SEGMENT: &str = "{type:Users|Groups}";

/// The path of the entry that serves a request. It names the SCIM resource type instead of [`TYPE_SEGMENT`].
pub(super) fn route_of(request: &HttpRequest) -> Option<String> {
    // A request that was refused before it was routed has no parameters, so the path is used.
    let segment = request.path().strip_prefix(SCIM_BASE).and_then(|below| below.split('/').nth(1));
    Some(request.match_pattern()?.replace(TYPE_SEGMENT, segment.unwrap_or_default()))
}

pub(super) fn url<const N: usize>(path: impl Into<String>, endpoints: [Endpoint; N]) -> Url {
    Url { path: path.into(), endpoints: endpoints.into() }
}

/// Defines a function for each method. GET includes HEAD.
macro_rules! methods {
    ($($name:ident = $methods:literal, $route:expr;)*) => {$(
        pub(super) fn $name<F, A>(handler: F) -> Undocumented
        where
            F: Handler<A>,
            A: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            Undocumented { methods: $methods, route: $route.to(handler) }
        }
    )*};
}

methods! {
    get = "GET, HEAD", web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    post = "POST", web::post();
    put = "PUT", web::put();
    patch = "PATCH", web::patch();
    delete = "DELETE", web::delete();
}

impl Undocumented {
    /// Compresses responses that are not single resources. A compressed resource would have a weak ETag, or none.
    pub(super) fn compressed(self) -> Self {
        Self { route: self.route.wrap(from_fn(count_uncompressed)).wrap(Compress::default()), ..self }
    }

    pub(super) fn docs(self, docs: fn() -> OperationDocs) -> Endpoint {
        Endpoint { methods: self.methods, route: self.route, docs: Docs::Single(docs) }
    }

    /// Adds a description for each SCIM resource type.
    pub(super) fn docs_per_type(self, docs: fn(ResourceType) -> OperationDocs) -> Endpoint {
        Endpoint { methods: self.methods, route: self.route, docs: Docs::PerType(docs) }
    }
}

impl Endpoint {
    /// The method of the endpoint in the OpenAPI document, where GET includes HEAD.
    fn documented_method(&self) -> String {
        self.methods.split(',').next().unwrap_or_default().to_ascii_lowercase()
    }

    /// The operations of the endpoint, with their paths.
    fn operations(&self, path: &str) -> Vec<(String, OperationDocs)> {
        let of_type = |docs: fn(ResourceType) -> OperationDocs, kind: ResourceType| {
            (path.replace(TYPE_SEGMENT, kind.endpoint().trim_start_matches('/')), docs(kind))
        };
        match self.docs {
            Docs::Single(docs) => vec![(path.to_owned(), docs())],
            Docs::PerType(docs) => ResourceType::ALL.map(|kind| of_type(docs, kind)).into(),
        }
    }
}

impl Url {
    /// The service that runs the handlers, answers OPTIONS, and answers every other method with 405.
    pub(super) fn service(
        self,
    ) -> Resource<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse,
            Error = Error,
            InitError = (),
        >,
    > {
        let mut allow: Vec<_> = self.endpoints.iter().map(|endpoint| endpoint.methods).collect();
        allow.push("OPTIONS");
        let allow = allow.join(", ");
        let mut resource = web::resource(self.path);
        for endpoint in self.endpoints {
            resource = resource.route(endpoint.route);
        }
        let resource = resource.default_service(web::to(move |request: HttpRequest| {
            let allow = allow.clone();
            async move {
                if request.method() == Method::OPTIONS {
                    return Ok(HttpResponse::NoContent().insert_header((ALLOW, allow)).finish());
                }
                Err(Problem::wrong_method(request.method(), &allow))
            }
        }));
        resource.wrap(from_fn(catch_panics))
    }

    /// The values that [`route_of`] returns for the requests of this entry.
    pub(super) fn routes(&self) -> Vec<String> {
        let of_type =
            |kind: ResourceType| self.path.replace(TYPE_SEGMENT, kind.endpoint().trim_start_matches('/'));
        let mut routes = ResourceType::ALL.map(of_type).to_vec();
        routes.dedup();
        routes
    }

    /// Adds the paths and operations to those of the OpenAPI document.
    pub(super) fn describe(&self, paths: &mut Map<String, Value>) {
        for endpoint in &self.endpoints {
            for (path, operation) in endpoint.operations(&self.path) {
                let methods = paths.entry(path).or_insert_with(|| json!({}));
                if let Some(methods) = methods.as_object_mut() {
                    methods.insert(endpoint.documented_method(), operation.build());
                }
            }
        }
    }
}

/// Runs a handler with its extractors. If it panics, the response has the status 500, and the connection stays open.
async fn catch_panics(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // Routing, which requires the only reference to the request, is done.
    let routed = request.request().clone();
    match panics::catch(async { next.call(request).await }).await {
        Ok(response) => Ok(response?.map_into_boxed_body()),
        Err(panic) => {
            log::error!(request_id = *RequestId::of(&routed); "a handler panicked: {panic}");
            Ok(ServiceResponse::from_err(Problem::defect(), routed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::observe::observe;
    use crate::http::openapi_docs;
    use actix_web::{App, HttpServer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    async fn panicking() -> HttpResponse {
        tokio::task::yield_now().await;
        panic!("deliberate")
    }

    /// Sends a request and returns the response with this status.
    async fn send(connection: &mut TcpStream, path: &str, status: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nx-request-id: r1\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut response = vec![0; 4096];
        let length = connection.read(&mut response).await.unwrap();
        let response = String::from_utf8_lossy(&response[..length]).into_owned();
        assert!(response.starts_with(&format!("HTTP/1.1 {status}")), "{response}");
        response
    }

    /// The server has a single worker, which all requests share.
    #[actix_web::test]
    async fn a_panic_in_a_handler_affects_no_other_request() {
        let urls = || {
            let panicking = url("/panicking", [get(panicking).docs(openapi_docs)]);
            let working = url("/working", [get(HttpResponse::Ok).docs(openapi_docs)]);
            App::new().wrap(from_fn(observe)).service(panicking.service()).service(working.service())
        };
        let server = HttpServer::new(urls).workers(1).bind(("127.0.0.1", 0)).unwrap();
        let address = server.addrs()[0];
        let running = actix_web::rt::spawn(server.run());
        let mut connections = Vec::new();
        for _ in 0..3 {
            let mut connection = TcpStream::connect(address).await.unwrap();
            for _ in 0..2 {
                let problem = send(&mut connection, "/panicking", "500").await;
                assert!(problem.contains(r#""code":"internal""#) && problem.contains(r#""requestId":"r1""#));
                assert!(!problem.contains("deliberate"), "{problem}");
                send(&mut connection, "/working", "200").await;
            }
            connections.push(connection);
        }
        running.abort();
    }
}
