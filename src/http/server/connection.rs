//! A client's TCP connection. It is closed when the client does not read a response.

use super::open_connections::Registration;
use super::send_time::SendTime;
use actix_web::rt::net::TcpStream;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Sleep, sleep_until};

pub(super) struct Connection {
    stream: TcpStream,
    registration: Rc<Registration>,
    send_time: SendTime,
    /// Ends when the connection must be closed. Set while nothing can be written to the connection.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether a part of a request has been received since a part of a response was sent.
    receiving: bool,
}

/// The size of the kernel's buffer for data that the client has not received, in bytes. Linux uses twice as much. Without
/// a limit, it buffers up to 4 MB per connection, which no limit on the memory of the process covers.
const SEND_BUFFER: usize = 256 * 1024;

impl Connection {
    pub(super) fn new(stream: TcpStream, registration: Rc<Registration>, send_timeout: Duration) -> Self {
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
        Self { stream, registration, send_time, stalled: None, receiving: false }
    }

    /// The entry of the connection among the open ones.
    pub(super) fn registration(&self) -> &Rc<Registration> {
        &self.registration
    }

    /// Records that a parked request is received again.
    pub(super) fn resume(&mut self) {
        self.registration.set_waiting(false);
        self.registration.touch();
        self.receiving = false;
    }

    /// Waits until the client sends data or closes the connection, and returns the first byte without consuming it.
    ///
    /// # Errors
    /// If the connection breaks.
    pub(super) async fn peek(&self) -> io::Result<Option<u8>> {
        let mut first = [0];
        let length = self.stream.peek(&mut first).await?;
        Ok(first.first().copied().filter(|_| length > 0))
    }

    /// Responds to a client that does not use the protocol of this connection.
    ///
    /// # Errors
    /// If the connection breaks.
    pub(super) async fn refuse(mut self, response: &[u8]) -> io::Result<()> {
        // If the request were left unread, the kernel could discard the response.
        let _ = self.stream.read(&mut [0; 4096]).await?;
        self.stream.write_all(response).await
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
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        // Only the first part of a request counts as activity, so that a client cannot appear active by sending a
        // request slowly.
        if buffer.filled().len() > before && !std::mem::replace(&mut self.receiving, true) {
            self.registration.touch();
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
        let registration = Rc::new(Arc::new(OpenConnections::new(1)).open());
        let connection = Connection::new(stream, registration, Duration::from_secs(1));
        assert!(connection.stream.nodelay().unwrap());
    }
}
