//! An HTTP/2 connection over TLS whose streams a test controls.

use crate::support::server::ADMIN_KEY;
use crate::support::tls::Certificate;
use actix_web::web::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request};
use serde_json::Value;
use std::future::poll_fn;
use std::net::SocketAddr;
use tokio::task::JoinHandle;

/// An open connection, which acknowledges everything that the test reads.
pub(crate) struct Http2 {
    pub(crate) sender: SendRequest<Bytes>,
    /// Ends with the connection, with the error that the server has sent.
    pub(crate) ended: JoinHandle<Result<(), h2::Error>>,
}

/// A complete response.
#[derive(Debug)]
pub(crate) struct Http2Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Http2 {
    /// Connects, and lets the server send this number of bytes of each response before the test has read them. Requires a
    /// runtime with several threads.
    pub(crate) async fn connect(certificate: &Certificate, address: SocketAddr, window: u32) -> Self {
        let stream = certificate.connect(address, "h2").await.expect("the handshake succeeds");
        let mut builder = Builder::new();
        builder.initial_window_size(window).max_concurrent_reset_streams(100_000).enable_push(false);
        let (sender, connection) = builder.handshake(stream).await.expect("the connection is established");
        Self { sender, ended: tokio::spawn(connection) }
    }

    /// Starts a request with the admin key. The body can be sent if there is one.
    ///
    /// # Errors
    /// If the connection has ended.
    pub(crate) async fn start(
        &mut self,
        request: http::request::Builder,
        has_body: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        let request = request.header("authorization", format!("Bearer {ADMIN_KEY}")).body(());
        poll_fn(|context| self.sender.poll_ready(context)).await?;
        self.sender.send_request(request.expect("the request is valid"), !has_body)
    }

    /// Sends a request without a body and receives the response.
    pub(crate) async fn request(&mut self, request: http::request::Builder) -> Http2Response {
        let (response, _) = self.start(request, false).await.expect("the request is sent");
        receive(response).await
    }

    /// [`Self::request`] for GET.
    pub(crate) async fn get(&mut self, path: &str) -> Http2Response {
        self.request(get(path)).await
    }

    /// Sends a JSON body and receives the response.
    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Http2Response {
        let request = json("POST", path);
        let (response, mut stream) = self.start(request, true).await.expect("the request is sent");
        stream.send_data(body.to_string().into(), true).expect("the body is sent");
        receive(response).await
    }
}

/// A GET request.
pub(crate) fn get(path: &str) -> http::request::Builder {
    Request::get(format!("https://localhost{path}"))
}

/// The head of a request with a JSON body.
pub(crate) fn json(method: &str, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(format!("https://localhost{path}"))
        .header("content-type", "application/json")
}

/// Receives a complete response.
pub(crate) async fn receive(response: ResponseFuture) -> Http2Response {
    let (parts, mut stream) = response.await.expect("the server responds").into_parts();
    let mut body = Vec::new();
    while let Some(part) = receive_part(&mut stream).await {
        match part {
            Ok(part) => body.extend(part),
            // The response is complete, and the server does not need the rest of the request (RFC 9113, section 8.1).
            Err(error) if error.reason() == Some(Reason::NO_ERROR) => break,
            Err(error) => panic!("the response is incomplete: {error}"),
        }
    }
    Http2Response { status: parts.status.as_u16(), headers: parts.headers, body }
}

/// Receives a part of a response, and lets the server send more.
pub(crate) async fn receive_part(stream: &mut RecvStream) -> Option<Result<Bytes, h2::Error>> {
    let part = stream.data().await?;
    Some(part.and_then(|part| stream.flow_control().release_capacity(part.len()).map(|()| part)))
}

impl Http2Response {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
