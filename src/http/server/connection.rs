//! A client's connection. It is closed when the client does not read a response, or when the connection is idle and
//! there are too many connections.

use super::open_connections::Registration;
use super::send_time::SendTime;
use actix_web::rt::net::TcpStream;
use futures_util::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep_until};

pub(super) struct Connection {
    stream: TcpStream,
    registration: Registration,
    send_time: SendTime,
    /// Ends when the connection must be closed. Set while nothing can be written to the connection.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether a part of a request has been received since a part of a response was sent.
    receiving: bool,
    /// The request in progress, if it can be parked: it was received in one read, without anything after it.
    request: Option<Box<[u8]>>,
    /// What was received since the request in progress began, if it is one whole request that can be parked.
    next: Option<Box<[u8]>>,
    /// How many parts were received since then.
    parts: usize,
    /// The bytes of a parked request, which is received again.
    again: Box<[u8]>,
    /// Whether everything has been sent since [`Self::expect_flush`].
    flushed: bool,
}

/// The first bytes of every request that can be parked.
const PARKABLE: &[u8] = b"GET /changes";
/// The maximum size in bytes of a request that can be parked.
const MAX_PARKABLE: usize = 4096;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// The size of the kernel's buffer for data that the client has not received, in bytes. Linux uses twice as much. Without
/// a limit, it buffers up to 4 MB per connection, which no limit on the memory of the process covers.
const SEND_BUFFER: usize = 256 * 1024;

impl Connection {
    pub(super) fn new(stream: TcpStream, registration: Registration, send_timeout: Duration) -> Self {
        // Otherwise, the kernel holds back the last part of a large response until the client has acknowledged the others,
        // which takes 40 ms.
        if let Err(error) = stream.set_nodelay(true) {
            log::debug!("cannot turn off the delay of a connection: {error}");
        }
        if let Err(error) = rustix::net::sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER) {
            log::debug!("cannot limit the send buffer of a connection: {error}");
        }
        close_unread(&stream, send_timeout);
        let send_time = SendTime::new(send_timeout);
        Self {
            stream,
            registration,
            send_time,
            stalled: None,
            receiving: false,
            request: None,
            next: None,
            parts: 0,
            again: Box::default(),
            flushed: false,
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
    }

    pub(super) fn expect_flush(&mut self) {
        self.flushed = false;
    }

    pub(super) fn is_flushed(&self) -> bool {
        self.flushed
    }

    /// Excludes the connection from those that are closed because they are idle.
    pub(super) fn park(&self) {
        self.registration.set_waiting(true);
    }

    /// Receives the parked request again.
    pub(super) fn resume(&mut self) {
        self.registration.set_waiting(false);
        self.registration.touch();
        self.receiving = false;
        (self.next, self.parts) = (None, 0);
        self.again = self.request.take().unwrap_or_default();
    }

    /// Waits until the client closes the connection. If the client sends data instead, this never returns, because the
    /// data is left unread and hides the end of the connection.
    pub(super) async fn closed(&self) {
        if matches!(self.stream.peek(&mut [0]).await, Ok(1..)) {
            pending().await
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
        Ok(())
    }

    /// Remembers a received request that can be parked.
    fn remember(&mut self, received: &[u8]) {
        self.parts = self.parts.saturating_add(1);
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

    /// Waits until the client has used up its time to read, and returns the resulting error.
    fn poll_stalled(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let Self { stalled, send_time, .. } = self;
        let stalled =
            stalled.get_or_insert_with(|| Box::pin(sleep_until(send_time.wait(Instant::now()).into())));
        ready!(stalled.as_mut().poll(context));
        let client = self.stream.peer_addr().map(|address| address.ip().to_string()).unwrap_or_default();
        log::info!(client; "the client does not read its response fast enough: closing the connection");
        // Discards the data that the kernel has buffered for the client. If this fails, the kernel keeps the data for
        // some time.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }
}

/// Makes the kernel close the connection if the client does not read the data that the kernel has buffered, which can
/// be an entire response. Only Linux supports this.
pub(in crate::http) fn close_unread(stream: &TcpStream, timeout: Duration) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, timeout.as_millis() as u32) {
        log::debug!("cannot set the timeout of a connection: {error}");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (stream, timeout);
}

impl AsyncRead for Connection {
    /// Returns the end of the stream when the connection must close. A request that is being processed is therefore
    /// finished first.
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = if self.again.is_empty() {
            Pin::new(&mut self.stream).poll_read(context, buffer)
        } else {
            self.receive_again(buffer);
            Poll::Ready(Ok(()))
        };
        if read.is_pending() && self.registration.is_closing(context) {
            return Poll::Ready(Ok(()));
        }
        // Only the first part of a request counts as activity, so that a client cannot appear active by sending a
        // request slowly.
        if let Some(received @ [_, ..]) = buffer.filled().get(before..) {
            self.remember(received);
            if !std::mem::replace(&mut self.receiving, true) {
                self.registration.touch();
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if written.is_pending() {
            return self.poll_stalled(context).map(Err);
        }
        if let Poll::Ready(Ok(bytes)) = written {
            self.send_time.sent(bytes, Instant::now());
        }
        (self.stalled, self.receiving) = (None, false);
        self.registration.touch();
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushed = true;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::super::open_connections::OpenConnections;
    use super::*;
    use std::sync::Arc;
    use tokio::net::TcpListener;

    #[actix_web::test]
    async fn the_kernel_does_not_delay_the_end_of_a_response() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let registration = Arc::new(OpenConnections::new(1)).open();
        let connection = Connection::new(stream, registration, Duration::from_secs(1));
        assert!(connection.stream.nodelay().unwrap());
    }
}
