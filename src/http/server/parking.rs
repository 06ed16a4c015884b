//! Parking: a request that waits releases everything that actix keeps for a request in progress, which is more than 16
//! KiB of buffers, and keeps only its connection and a small future. Ten thousand requests can then wait.
//!
//! A parked request runs again, through all middleware, once it has been woken. This module sends parked streams.

use super::channel::Channel;
use crate::http::changes::Resumed;
use actix_http::error::DispatchError;
use actix_service::Service;
use actix_web::HttpRequest;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use actix_web::http::{Method, Version};
use actix_web::web::Bytes;
use futures_util::StreamExt;
use futures_util::future::{LocalBoxFuture, pending, poll_fn};
use futures_util::stream::LocalBoxStream;
use std::cell::RefCell;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection that is being dispatched, as the dispatcher uses it.
pub(super) struct Io(Rc<Slot>);

/// The connection of a request, as its handler sees it.
pub(in crate::http) struct Parking(Rc<Slot>);

/// The state shared by the dispatcher, the handler and [`serve`].
struct Slot {
    /// The connection, until it is parked.
    channel: RefCell<Option<Channel>>,
    parked: RefCell<Option<Parked>>,
    resumed: RefCell<Option<Resumed>>,
}

/// The parked request or stream of a connection.
enum Parked {
    /// A request that runs again when the future ends.
    Request(LocalBoxFuture<'static, Resumed>),
    /// A response whose remaining body is this stream.
    Stream(LocalBoxStream<'static, Bytes>),
}

/// Serves a connection until it is closed.
pub(super) async fn serve<S>(
    http: Rc<S>,
    mut channel: Channel,
    peer: Option<SocketAddr>,
) -> Result<(), DispatchError>
where
    S: Service<(Io, Option<SocketAddr>), Response = (), Error = DispatchError>,
{
    let mut resumed = None;
    loop {
        let slot = Slot {
            channel: RefCell::new(Some(channel)),
            parked: RefCell::default(),
            resumed: RefCell::new(resumed),
        };
        let Some((parked_channel, parked)) = dispatch(&*http, Rc::new(slot), peer).await? else {
            return Ok(());
        };
        channel = parked_channel;
        match parked {
            // The client did not read the previous response in time, and has sent something else after this request.
            Parked::Request(_) if !channel.can_park() => return Ok(()),
            Parked::Request(request) => {
                tokio::select! {
                    woken = request => resumed = Some(woken),
                    () = channel.closed() => return Ok(()),
                }
                channel.resume();
            }
            Parked::Stream(stream) => return Ok(send(stream, channel).await?),
        }
    }
}

/// Runs the dispatcher. Returns `None` when it has closed the connection, or the connection when it is parked.
async fn dispatch<S>(
    http: &S,
    slot: Rc<Slot>,
    peer: Option<SocketAddr>,
) -> Result<Option<(Channel, Parked)>, DispatchError>
where
    S: Service<(Io, Option<SocketAddr>), Response = (), Error = DispatchError>,
{
    let mut dispatcher = Box::pin(http.call((Io(slot.clone()), peer)));
    poll_fn(|context| match dispatcher.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(result.map(|()| None)),
        Poll::Pending => slot.take_parked().map_or(Poll::Pending, |parked| Poll::Ready(Ok(Some(parked)))),
    })
    .await
}

/// Sends the rest of a stream in chunked encoding (RFC 9112, section 7.1), and closes the connection.
async fn send(mut stream: LocalBoxStream<'static, Bytes>, mut channel: Channel) -> io::Result<()> {
    loop {
        let part = tokio::select! {
            part = stream.next() => part,
            () = channel.closed() => return Ok(()),
        };
        let Some(part) = part else { return channel.send(b"0\r\n\r\n").await };
        let length = format!("{:X}\r\n", part.len());
        channel.send(&[length.as_bytes(), &part, b"\r\n"].concat()).await?;
    }
}

impl Slot {
    /// The parked connection, once everything before has been sent.
    fn take_parked(&self) -> Option<(Channel, Parked)> {
        if self.parked.borrow().is_none() || !self.channel.borrow().as_ref()?.is_flushed() {
            return None;
        }
        let (channel, parked) = (self.channel.take()?, self.parked.take()?);
        channel.park();
        Some((channel, parked))
    }

    fn park(&self, parked: Parked) {
        if let Some(channel) = &mut *self.channel.borrow_mut() {
            channel.expect_flush();
        }
        self.parked.replace(Some(parked));
    }

    /// Whether the dispatcher holds nothing that the client has sent, besides the request in progress.
    fn can_park(&self) -> bool {
        self.channel.borrow().as_ref().is_some_and(Channel::can_park)
    }
}

impl Io {
    /// Lets the handlers of a connection park it.
    pub(super) fn parking(&self) -> Parking {
        Parking(self.0.clone())
    }

    fn poll<T>(
        &self,
        closed: T,
        poll: impl FnOnce(Pin<&mut Channel>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match &mut *self.0.channel.borrow_mut() {
            Some(channel) => poll(Pin::new(channel)),
            None => Poll::Ready(Ok(closed)),
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll((), |channel| channel.poll_read(context, buffer))
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(0, |channel| channel.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll((), |channel| channel.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll((), |channel| channel.poll_shutdown(context))
    }
}

impl Parking {
    /// The means to park a request. `None` if it cannot be parked, so that its handler must wait itself: it has a body, is
    /// not a GET over HTTP/1.1, or another request follows it.
    pub(in crate::http) fn of(request: &HttpRequest) -> Option<Self> {
        let has_body = || {
            [CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE]
                .iter()
                .any(|name| request.headers().contains_key(name))
        };
        let is_simple = *request.method() == Method::GET && request.version() == Version::HTTP_11;
        let Self(slot) = request.conn_data::<Self>().filter(|_| is_simple && !has_body())?;
        slot.can_park().then(|| Self(slot.clone()))
    }

    /// Marks the beginning of a request. Returns the state that its handler left if the request was parked.
    pub(in crate::http) fn begin(request: &HttpRequest) -> (Option<Resumed>, Option<InProgress>) {
        let Some(Self(slot)) = request.conn_data::<Self>() else { return (None, None) };
        if let Some(channel) = &mut *slot.channel.borrow_mut() {
            channel.begin();
        }
        (slot.resumed.take(), Some(InProgress(slot.clone())))
    }

    /// Parks the request, whose handler is dropped. It runs again when `wait` ends.
    pub(in crate::http) async fn park(self, wait: impl Future<Output = Resumed> + 'static) -> Infallible {
        self.0.park(Parked::Request(Box::pin(wait)));
        drop(self);
        pending().await
    }
}

/// A request over HTTP/1.1, until this is dropped. The connection then waits for the head of the next request.
pub(in crate::http) struct InProgress(Rc<Slot>);

impl InProgress {
    /// Keeps the request in progress until its response has been sent, if that is a stream. The request can have a body that
    /// is received meanwhile.
    pub(in crate::http) fn until_sent(self, body: BoxBody) -> BoxBody {
        match body.size() {
            BodySize::Stream => BoxBody::new(BodyInProgress { body, _request: self }),
            BodySize::None | BodySize::Sized(_) => body,
        }
    }
}

struct BodyInProgress {
    body: BoxBody,
    _request: InProgress,
}

impl MessageBody for BodyInProgress {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Box<dyn Error>>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        if let Some(channel) = &mut *self.0.channel.borrow_mut() {
            channel.end();
        }
    }
}

/// The body of a stream of any length. It is parked when it waits for the first time.
pub(in crate::http) struct ParkableBody {
    /// `None` once it is parked.
    stream: Option<LocalBoxStream<'static, Bytes>>,
    parking: Option<Parking>,
}

impl ParkableBody {
    pub(in crate::http) fn new(request: &HttpRequest, stream: LocalBoxStream<'static, Bytes>) -> Self {
        Self { stream: Some(stream), parking: Parking::of(request) }
    }
}

impl MessageBody for ParkableBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let Some(stream) = &mut self.stream else { return Poll::Pending };
        let next = stream.as_mut().poll_next(context);
        if next.is_pending()
            && let Some(Parking(slot)) = self.parking.take_if(|parking| parking.0.can_park())
            && let Some(stream) = self.stream.take()
        {
            slot.park(Parked::Stream(stream));
        }
        next.map(|part| part.map(Ok))
    }
}
