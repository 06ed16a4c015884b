//! An HTTP client for the [`Server`] under test.

use super::server::{ADMIN_KEY, Server};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Time limit of every request, longer than any of the server's own timeouts in the tests.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Sends requests to one server over persistent connections, which clones share.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    key: Option<String>,
    tenant: Option<String>,
}

impl Client {
    /// A client that sends the admin key.
    pub(crate) fn new(server: &Server) -> Self {
        Self::new_with_key(server, ADMIN_KEY)
    }

    /// A client that sends another key.
    pub(crate) fn new_with_key(server: &Server, key: &str) -> Self {
        Self::build(server, Some(key.to_owned()), builder())
    }

    /// A client without a key.
    pub(crate) fn anonymous(server: &Server) -> Self {
        Self::build(server, None, builder())
    }

    /// A client that sends a key from this local address, such as 127.0.0.2.
    pub(crate) fn from_address(server: &Server, key: &str, address: IpAddr) -> Self {
        Self::build(server, Some(key.to_owned()), builder().local_address(address))
    }

    fn build(server: &Server, key: Option<String>, builder: reqwest::ClientBuilder) -> Self {
        let http = builder.build().expect("the client is built");
        Self { http, base: server.base(), key, tenant: None }
    }

    /// The same client with another key. It acts in the tenant of that key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), tenant: None, ..self.clone() }
    }

    /// The same client, which names this tenant in every request.
    pub(crate) fn in_tenant(&self, name: &str) -> Self {
        Self { tenant: Some(name.to_owned()), ..self.clone() }
    }

    /// The same client for another address of the server.
    pub(crate) fn at(&self, address: &str) -> Self {
        Self { base: format!("http://{address}"), ..self.clone() }
    }

    /// The address of the server.
    pub(crate) fn address(&self) -> SocketAddr {
        self.base.trim_start_matches("http://").parse().expect("the base is an address")
    }

    /// GET. The path starts with a slash, here and in all other methods.
    pub(crate) fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    /// POST with a JSON body.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Request {
        self.request(Method::POST, path).json(body)
    }

    /// PUT with a JSON body.
    pub(crate) fn put(&self, path: &str, body: &Value) -> Request {
        self.request(Method::PUT, path).json(body)
    }

    /// PATCH with a JSON Merge Patch (RFC 7396).
    pub(crate) fn patch(&self, path: &str, body: &Value) -> Request {
        self.request(Method::PATCH, path).body("application/merge-patch+json", body.to_string())
    }

    /// DELETE.
    pub(crate) fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }

    /// A request with any method.
    pub(crate) fn request(&self, method: Method, path: &str) -> Request {
        let mut builder = self.http.request(method, format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            builder = builder.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        if let Some(tenant) = &self.tenant {
            builder = builder.header("roster-tenant", tenant);
        }
        Request { builder }
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .timeout(TIMEOUT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        // Only the test decides whether a request is sent again.
        .retry(reqwest::retry::never())
}

/// A request that can be sent several times.
#[derive(Debug)]
pub(crate) struct Request {
    builder: reqwest::RequestBuilder,
}

impl Request {
    /// Adds a header.
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self { builder: self.builder.header(name, value) }
    }

    /// Sets the `Accept` header.
    pub(crate) fn accept(self, media_type: &str) -> Self {
        self.header(ACCEPT.as_str(), media_type)
    }

    /// Sets a JSON body.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sets a body of any media type.
    pub(crate) fn body(self, media_type: &str, body: impl Into<reqwest::Body>) -> Self {
        Self { builder: self.builder.header(CONTENT_TYPE, media_type).body(body) }
    }

    /// Sets a body without a `Content-Type` header.
    pub(crate) fn body_without_content_type(self, body: impl Into<reqwest::Body>) -> Self {
        Self { builder: self.builder.body(body) }
    }

    /// Sends the request.
    ///
    /// # Panics
    /// If no complete response arrives.
    pub(crate) async fn send(&self) -> Response {
        self.try_send().await.unwrap_or_else(|error| panic!("no response: {error:?}"))
    }

    /// Sends the request when the response may fail to arrive.
    ///
    /// # Errors
    /// If no connection is established (`is_connect`: nothing was sent), if it breaks, or after [`TIMEOUT`].
    pub(crate) async fn try_send(&self) -> Result<Response, reqwest::Error> {
        let builder = self.builder.try_clone().expect("the body is not a stream");
        let response = builder.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await?.to_vec();
        Ok(Response { status, headers, bytes })
    }
}

/// A complete response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Response {
    /// The status as a number.
    pub(crate) fn code(&self) -> u16 {
        self.status.as_u16()
    }

    /// The value of a header, if it is present and text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("not JSON: {error}: {}", self.text()))
    }

    /// Returns the response if it has this status.
    ///
    /// # Panics
    /// With the headers and the body if it has another status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.code(), status, "{:?} {}", self.headers, self.text());
        self
    }
}
