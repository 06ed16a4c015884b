//! HTTP/2 (RFC 9113). actix-http has a dispatcher too, but it limits neither streams nor headers, continues requests that
//! the client has canceled, and does not end idle connections or, at shutdown, any connection.

use super::connection::Connection;
use super::send_time::SendTime;
use super::{DISCONNECT, HEAD_TIMEOUT, KEEP_ALIVE};
use actix_http::error::PayloadError;
use actix_http::{BoxedPayloadStream, Payload, Request, Response};
use actix_service::Service;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{HeaderName, HeaderValue, HttpDate};
use actix_web::http::{Method, StatusCode, Version};
use actix_web::web::Bytes;
use futures_util::future::{self, poll_fn};
use futures_util::stream::{FuturesUnordered, Stream, StreamExt as _};
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime};
use tokio::time::{sleep, timeout, timeout_at};
use tokio_rustls::server::TlsStream;

/// The maximum number of concurrent requests of a connection.
const MAX_STREAMS: u32 = 100;
/// The maximum size in bytes of the head of a request, as RFC 9113, section 6.5.2, counts it. Larger ones receive 431.
const MAX_HEAD: u32 = 32 * 1024;
/// The number of bytes that a client may send ahead of the handler, per request and per connection.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;
/// The maximum number of bytes of a response that are buffered.
const SEND_BUFFER: usize = 16 * 1024;
/// How many requests a client may cancel in excess of those that it lets finish.
const MAX_CANCELED: u32 = 200;

/// How a request ended.
enum Outcome {
    Finished,
    /// The client has canceled the request, or does not read the response.
    Canceled,
}

/// Serves a connection on which HTTP/2 was negotiated until it is closed or idle for too long, or until `stopping` ends.
/// Requests in progress are finished first.
pub(super) async fn serve<S>(
    app: Rc<S>,
    stream: Box<TlsStream<Connection>>,
    peer: Option<SocketAddr>,
    send_timeout: Duration,
    stopping: impl Future<Output = ()>,
) where
    S: Service<Request, Response = ServiceResponse, Error = actix_web::Error>,
{
    match dispatch(&*app, stream, peer, send_timeout, stopping).await {
        Err(error) if error.reason() == Some(Reason::ENHANCE_YOUR_CALM) => {
            let client = peer.map(|address| address.ip().to_string()).unwrap_or_default();
            log::info!(client; "the client cancels too many requests: closing the connection");
        }
        Err(error) => log::debug!("an HTTP/2 connection ends: {error}"),
        Ok(()) => {}
    }
}

async fn dispatch<S>(
    app: &S,
    stream: Box<TlsStream<Connection>>,
    peer: Option<SocketAddr>,
    send_timeout: Duration,
    stopping: impl Future<Output = ()>,
) -> Result<(), h2::Error>
where
    S: Service<Request, Response = ServiceResponse, Error = actix_web::Error>,
{
    let registration = stream.get_ref().0.registration().clone();
    let Ok(connection) = timeout(HEAD_TIMEOUT, builder().handshake(stream)).await else { return Ok(()) };
    let (mut connection, mut requests, mut canceled) = (connection?, FuturesUnordered::new(), 0_u32);
    let (mut is_ending, mut idle) = (false, pin!(sleep(HEAD_TIMEOUT)));
    let (stopping, closing) = (pin!(stopping), pin!(registration.closing()));
    let mut must_end = future::select(stopping, closing);
    loop {
        tokio::select! {
            accepted = connection.accept() => {
                let Some((request, mut sender)) = accepted.transpose()? else { return Ok(()) };
                if let Some(request) = request_of(request, peer) {
                    requests.push(respond(app, request, sender, send_timeout));
                    registration.set_waiting(true);
                } else {
                    sender.send_reset(Reason::PROTOCOL_ERROR);
                }
                continue;
            }
            Some(outcome) = requests.next(), if !requests.is_empty() => match outcome {
                Outcome::Finished => canceled = canceled.saturating_sub(1),
                Outcome::Canceled if canceled < MAX_CANCELED => canceled += 1,
                Outcome::Canceled => {
                    connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                    let _ = timeout(DISCONNECT, connection.accept()).await;
                    return Err(Reason::ENHANCE_YOUR_CALM.into());
                }
            },
            _ = &mut must_end, if !is_ending => {
                is_ending = true;
                connection.graceful_shutdown();
            }
            () = &mut idle, if requests.is_empty() => {
                if std::mem::replace(&mut is_ending, true) {
                    return Ok(());
                }
                connection.graceful_shutdown();
            }
        }
        if requests.is_empty() {
            registration.set_waiting(false);
            idle.as_mut().reset((Instant::now() + if is_ending { DISCONNECT } else { KEEP_ALIVE }).into());
        }
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER);
    builder
}

/// The same request in the types of actix-web. `None` if they do not permit it.
fn request_of(request: http::Request<RecvStream>, peer: Option<SocketAddr>) -> Option<Request> {
    let (parts, body) = request.into_parts();
    let mut request = match body.is_end_stream() {
        true => Request::new(),
        false => {
            Request::with_payload(Payload::Stream { payload: Box::pin(Body(body)) as BoxedPayloadStream })
        }
    };
    let head = request.head_mut();
    head.uri = parts.uri.to_string().parse().ok()?;
    head.method = Method::from_bytes(parts.method.as_str().as_bytes()).ok()?;
    head.version = Version::HTTP_2;
    for (name, value) in &parts.headers {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        head.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    head.peer_addr = peer;
    Some(request)
}

/// The body of a request. The client may send more as soon as a piece has been taken.
struct Body(RecvStream);

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = ready!(self.0.poll_data(context)).map(|piece| {
            let piece = piece?;
            self.0.flow_control().release_capacity(piece.len())?;
            Ok(piece)
        });
        Poll::Ready(
            piece.map(|piece| piece.map_err(|error: h2::Error| PayloadError::Io(io::Error::other(error)))),
        )
    }
}

/// Handles a request and sends the response. If the client cancels the request, the handler is dropped.
async fn respond<S>(
    app: &S,
    request: Request,
    mut sender: SendResponse<Bytes>,
    send_timeout: Duration,
) -> Outcome
where
    S: Service<Request, Response = ServiceResponse, Error = actix_web::Error>,
{
    let is_head = *request.method() == Method::HEAD;
    let response: Response<BoxBody> = tokio::select! {
        biased;
        _ = poll_fn(|context| sender.poll_reset(context)) => return Outcome::Canceled,
        response = app.call(request) => response.map_or_else(Into::into, Into::into),
    };
    match send(response, sender, is_head, send_timeout).await {
        Ok(()) => Outcome::Finished,
        Err(_) => Outcome::Canceled,
    }
}

/// Sends a response.
///
/// # Errors
/// If the client cancels it or does not read it fast enough, if its body fails, or if the connection breaks.
async fn send(
    response: Response<BoxBody>,
    mut sender: SendResponse<Bytes>,
    is_head: bool,
    send_timeout: Duration,
) -> Result<(), h2::Error> {
    let (response, body) = response.into_parts();
    let has_body = !is_head && response.status() != StatusCode::NO_CONTENT && !body.size().is_eof();
    let Ok(head) = head(&response, body.size()) else {
        sender.send_reset(Reason::INTERNAL_ERROR);
        return Err(Reason::INTERNAL_ERROR.into());
    };
    let stream = sender.send_response(head, !has_body)?;
    if has_body { send_body(body, stream, send_timeout).await } else { Ok(()) }
}

async fn send_body(
    mut body: BoxBody,
    mut stream: SendStream<Bytes>,
    send_timeout: Duration,
) -> Result<(), h2::Error> {
    let mut time = SendTime::new(send_timeout);
    loop {
        let part = tokio::select! {
            biased;
            reason = poll_fn(|context| stream.poll_reset(context)) => return Err(reason?.into()),
            part = poll_fn(|context| Pin::new(&mut body).poll_next(context)) => part,
        };
        match part {
            Some(Ok(part)) => send_part(part, &mut stream, &mut time).await?,
            Some(Err(error)) => {
                log::warn!("a response ends early: {error}");
                return Err(cancel(&mut stream, Reason::INTERNAL_ERROR));
            }
            None => return stream.send_data(Bytes::new(), true),
        }
    }
}

/// Sends a part of a body as fast as the client reads it.
async fn send_part(
    mut part: Bytes,
    stream: &mut SendStream<Bytes>,
    time: &mut SendTime,
) -> Result<(), h2::Error> {
    while !part.is_empty() {
        stream.reserve_capacity(part.len());
        let end = time.wait(Instant::now());
        let capacity = timeout_at(end.into(), poll_fn(|context| stream.poll_capacity(context)));
        let Ok(capacity) = capacity.await else {
            log::info!("a client does not read its response fast enough: canceling the response");
            return Err(cancel(stream, Reason::CANCEL));
        };
        let capacity = capacity.transpose()?.ok_or(Reason::STREAM_CLOSED)?;
        time.sent(capacity, Instant::now());
        stream.send_data(part.split_to(capacity.min(part.len())), false)?;
    }
    Ok(())
}

fn cancel(stream: &mut SendStream<Bytes>, reason: Reason) -> h2::Error {
    stream.send_reset(reason);
    reason.into()
}

/// The head of a response, without the fields that only HTTP/1.1 permits (RFC 9113, section 8.2.2).
fn head(response: &Response<()>, size: BodySize) -> Result<http::Response<()>, http::Error> {
    let mut head = http::Response::builder().status(response.status().as_u16());
    let fields = response.headers().iter().filter(|(name, _)| !HTTP_1.contains(&name.as_str()));
    for (name, value) in fields {
        head = head.header(name.as_str(), value.as_bytes());
    }
    if let BodySize::Sized(length) = size
        && response.status() != StatusCode::NO_CONTENT
    {
        head = head.header("content-length", length);
    }
    head.header("date", HttpDate::from(SystemTime::now()).to_string()).body(())
}

/// The fields of HTTP/1.1 that describe a connection.
const HTTP_1: [&str; 5] = ["connection", "transfer-encoding", "upgrade", "keep-alive", "proxy-connection"];
