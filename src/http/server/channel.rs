//! HTTP/1.1 on a connection, encrypted or not. A request that waits can be parked, and a request whose head does not
//! arrive in time is refused.

use super::connection::Connection;
use super::{DISCONNECT, HEAD_TIMEOUT, KEEP_ALIVE};
use actix_web::http::header::HttpDate;
use futures_util::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

pub(super) struct Channel {
    transport: Either<Connection, Box<TlsStream<Connection>>>,
    /// Whether a request is in progress.
    in_progress: bool,
    /// The request in progress, if it can be parked: it was received in one read, without anything after it.
    request: Option<Box<[u8]>>,
    /// What was received since the request in progress began, if it is one whole request that can be parked.
    next: Option<Box<[u8]>>,
    /// How many parts were received since then.
    parts: usize,
    /// The bytes of a parked request, which is received again.
    again: Box<[u8]>,
    /// Whether everything has been sent since [`Self::expect_flush`] and the last write.
    flushed: bool,
}

/// The first bytes of every request that can be parked.
const PARKABLE: &[u8] = b"GET /changes";
/// The maximum size in bytes of a request that can be parked.
const MAX_PARKABLE: usize = 4096;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

impl Channel {
    pub(super) fn plain(connection: Connection) -> Self {
        Self::new(Either::Left(connection))
    }

    pub(super) fn encrypted(stream: Box<TlsStream<Connection>>) -> Self {
        Self::new(Either::Right(stream))
    }

    fn new(transport: Either<Connection, Box<TlsStream<Connection>>>) -> Self {
        Self {
            transport,
            in_progress: false,
            request: None,
            next: None,
            parts: 0,
            again: Box::default(),
            flushed: true,
        }
    }

    fn connection(&self) -> &Connection {
        match &self.transport {
            Either::Left(connection) => connection,
            Either::Right(stream) => stream.get_ref().0,
        }
    }

    fn connection_mut(&mut self) -> &mut Connection {
        match &mut self.transport {
            Either::Left(connection) => connection,
            Either::Right(stream) => stream.get_mut().0,
        }
    }

    /// Whether the request in progress can be parked.
    pub(super) fn can_park(&self) -> bool {
        self.request.is_some()
    }

    /// A request begins to be handled.
    pub(super) fn begin(&mut self) {
        let next = self.next.take();
        self.request = next.filter(|_| self.parts == 1);
        self.parts = 0;
        self.in_progress = true;
        self.connection().registration().expect_within(None);
    }

    /// The request in progress has been handled.
    pub(super) fn end(&mut self) {
        self.in_progress = false;
        let next = if self.parts > 0 { HEAD_TIMEOUT } else { KEEP_ALIVE + DISCONNECT };
        self.connection().registration().expect_within(Some(next));
    }

    pub(super) fn expect_flush(&mut self) {
        self.flushed = false;
    }

    pub(super) fn is_flushed(&self) -> bool {
        self.flushed
    }

    /// Excludes the connection from those that are closed because they are idle.
    pub(super) fn park(&self) {
        self.connection().registration().set_waiting(true);
    }

    /// Receives the parked request again.
    pub(super) fn resume(&mut self) {
        self.connection_mut().resume();
        (self.next, self.parts) = (None, 0);
        let early = std::mem::take(&mut self.again);
        self.again = [self.request.take().unwrap_or_default(), early].concat().into();
    }

    /// Waits until the client closes the connection. If the client sends data instead, this never returns, because the
    /// data hides the end of the connection.
    pub(super) async fn closed(&mut self) {
        match &mut self.transport {
            Either::Left(connection) => {
                if matches!(connection.peek().await, Ok(Some(_))) {
                    pending().await
                }
            }
            Either::Right(stream) => {
                let mut byte = [0];
                if matches!(stream.read(&mut byte).await, Ok(1..)) {
                    self.again = byte.into();
                    pending().await
                }
            }
        }
    }

    /// Sends all bytes.
    ///
    /// # Errors
    /// If the connection is closed, or the client does not read fast enough.
    pub(super) async fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let sent = poll_fn(|context| Pin::new(&mut *self).poll_write(context, bytes)).await?;
            bytes = bytes.get(sent..).filter(|_| sent > 0).ok_or(io::ErrorKind::WriteZero)?;
        }
        poll_fn(|context| Pin::new(&mut *self).poll_flush(context)).await
    }

    /// Remembers a received request that can be parked.
    fn remember(&mut self, received: &[u8]) {
        self.parts = self.parts.saturating_add(1);
        if self.parts == 1 && !self.in_progress {
            self.connection().registration().expect_within(Some(HEAD_TIMEOUT));
        }
        let is_parkable = self.parts == 1
            && received.starts_with(PARKABLE)
            && received.len() <= MAX_PARKABLE
            && received.windows(END_OF_HEAD.len()).position(|four| four == END_OF_HEAD)
                == received.len().checked_sub(END_OF_HEAD.len());
        (self.request, self.next) = (None, is_parkable.then(|| received.into()));
    }

    /// Receives a parked request again.
    fn receive_again(&mut self, buffer: &mut ReadBuf<'_>) {
        let again = std::mem::take(&mut self.again);
        let (now, later) = again.split_at(again.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.again = later.into();
    }

    /// Waits until the connection must close: because there are too many, or, unless the previous response is still being
    /// sent, because the head of a request did not arrive in time. Such a request is refused.
    fn poll_closing(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let registration = self.connection().registration();
        if registration.is_closing(context) {
            return Poll::Ready(Ok(()));
        }
        if !self.flushed || !registration.is_late() {
            return Poll::Pending;
        }
        if self.parts > 0 {
            let date = HttpDate::from(SystemTime::now());
            let response = format!(
                "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\ndate: {date}\r\n\r\n"
            );
            // If the response cannot be sent at once, the connection is closed without one.
            if Pin::new(&mut self.transport).poll_write(context, response.as_bytes()).is_ready() {
                let _ = Pin::new(&mut self.transport).poll_flush(context);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Channel {
    /// Returns the end of the stream when the connection must close. A request that is being processed is therefore
    /// finished first.
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.again.is_empty() {
            let read = Pin::new(&mut self.transport).poll_read(context, buffer);
            if read.is_pending() {
                return self.poll_closing(context);
            }
            ready!(read)?;
        } else {
            self.receive_again(buffer);
        }
        if let Some(received @ [_, ..]) = buffer.filled().get(before..) {
            self.remember(received);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Channel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.flushed = false;
        Pin::new(&mut self.transport).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.transport).poll_flush(context);
        self.flushed = flushed.is_ready();
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(context)
    }
}
