//! The entries of the tables of URLs. An endpoint consists of a handler and its description in the OpenAPI document, so
//! that neither is registered without the other.

use super::api::SCIM_BASE;
use super::in_flight::count_uncompressed;
use super::openapi::OperationDocs;
use super::problem::Problem;
use crate::domain::scim::ResourceType;
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, Route, guard, web};
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
    pub(super) fn service(self) -> Resource {
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
                Err(Problem::wrong_method(request.method(), &allow))
            }
        }))
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
