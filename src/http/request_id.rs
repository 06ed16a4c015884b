//! Request ids. The response, the log lines and the changes of a request carry its id.

use actix_web::HttpMessage;
use actix_web::http::header::{HeaderMap, HeaderName};
use std::sync::Arc;
use uuid::Uuid;

/// The name of the header that carries the request id.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: the client's `X-Request-Id` or a generated one.
#[derive(Clone)]
pub(super) struct RequestId(pub(super) Arc<str>);

impl RequestId {
    /// Takes the client's id if it is 1 to 128 visible ASCII characters; otherwise generates one.
    pub(super) fn from_headers(headers: &HeaderMap) -> Self {
        let sent = visible(headers, &X_REQUEST_ID);
        Self(sent.map_or_else(|| Uuid::now_v7().to_string().into(), Into::into))
    }

    /// The id that the middleware assigned to the request.
    pub(super) fn of(request: &impl HttpMessage) -> Arc<str> {
        request.extensions().get::<Self>().map_or_else(|| "-".into(), |id| id.0.clone())
    }
}

/// The value of a header if it is 1 to 128 visible ASCII characters.
pub(super) fn visible<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let text = headers.get(name)?.to_str().ok()?;
    ((1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())).then_some(text)
}
