//! A client for a [`Server`] that is under test.

use super::server::{ADMIN_KEY, Server};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;

/// No answer takes longer, unless a test wants to see a server hang.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Calls one server, over connections that are kept alive. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    key: Option<String>,
    tenant: Option<String>,
}

impl Client {
    /// A client with the admin key.
    pub(crate) fn new(server: &Server) -> Self {
        Self::with_key(server, ADMIN_KEY)
    }

    /// A client with another key.
    pub(crate) fn with_key(server: &Server, key: &str) -> Self {
        Self::build(server, Some(key.to_owned()), builder())
    }

    /// A client without a key.
    pub(crate) fn anonymous(server: &Server) -> Self {
        Self::build(server, None, builder())
    }

    /// A client with a key that calls from an address of this machine, such as 127.0.0.2.
    pub(crate) fn from_address(server: &Server, key: &str, address: IpAddr) -> Self {
        Self::build(server, Some(key.to_owned()), builder().local_address(address))
    }

    fn build(server: &Server, key: Option<String>, builder: reqwest::ClientBuilder) -> Self {
        let http = builder.build().expect("a client without TLS");
        Self { http, base: server.base(), key, tenant: None }
    }

    /// The same client with another key, in that key's own tenant.
    pub(crate) fn keyed(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), tenant: None, ..self.clone() }
    }

    /// The same client, each request of which acts in another tenant.
    pub(crate) fn in_tenant(&self, name: &str) -> Self {
        Self { tenant: Some(name.to_owned()), ..self.clone() }
    }

    /// GET of a path that starts with a slash.
    pub(crate) fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    /// POST of JSON.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Request {
        self.request(Method::POST, path).json(body)
    }

    /// PUT of JSON.
    pub(crate) fn put(&self, path: &str, body: &Value) -> Request {
        self.request(Method::PUT, path).json(body)
    }

    /// PATCH by a JSON Merge Patch.
    pub(crate) fn patch(&self, path: &str, body: &Value) -> Request {
        self.request(Method::PATCH, path).body("application/merge-patch+json", body.to_string())
    }

    /// DELETE of a path.
    pub(crate) fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }

    /// Any method.
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
        // What a client sends twice must be the test's decision.
        .retry(reqwest::retry::never())
}

/// A request to be sent, once or again.
#[derive(Debug)]
pub(crate) struct Request {
    builder: reqwest::RequestBuilder,
}

impl Request {
    /// Adds a header.
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self { builder: self.builder.header(name, value) }
    }

    /// Asks for a type of answer.
    pub(crate) fn accept(self, media_type: &str) -> Self {
        self.header(ACCEPT.as_str(), media_type)
    }

    /// Sets a JSON body.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sets a body of any type.
    pub(crate) fn body(self, media_type: &str, body: impl Into<reqwest::Body>) -> Self {
        Self { builder: self.builder.header(CONTENT_TYPE, media_type).body(body) }
    }

    /// Sets a body without saying its type.
    pub(crate) fn untyped(self, body: impl Into<reqwest::Body>) -> Self {
        Self { builder: self.builder.body(body) }
    }

    /// Sends it, and panics when no whole answer comes.
    pub(crate) async fn send(&self) -> Answer {
        self.try_send().await.unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// Sends it, where an answer may fail to come. A request can be sent again.
    ///
    /// # Errors
    /// When no connection is made (`is_connect`: nothing was sent), when it breaks, or when the time is over.
    pub(crate) async fn try_send(&self) -> Result<Answer, reqwest::Error> {
        let builder = self.builder.try_clone().expect("no body is a stream");
        let response = builder.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await?.to_vec();
        Ok(Answer { status, headers, bytes })
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// All headers.
    pub(crate) headers: HeaderMap,
    /// The body as it came.
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// The status as a number.
    pub(crate) fn code(&self) -> u16 {
        self.status.as_u16()
    }

    /// A header's value, when there is one and it is text.
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

    /// This answer, when it has the status; else a panic that shows it.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.code(), status, "{:?} {}", self.headers, self.text());
        self
    }
}
