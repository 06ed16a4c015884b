//! HTTP over a plain TCP connection, for requests that an ordinary client cannot send.

use crate::support::server::ADMIN_KEY;
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;
use tokio::net::TcpSocket;

/// Time limit of each read and write.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A connection, and the bytes received over it that are not part of a returned response.
#[derive(Debug)]
pub(crate) struct RawConnection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A response as it was received.
#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl RawResponse {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that the body is a problem with this status and code.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.json()["code"], code, "{self:?}");
    }
}

/// The head of a request with the admin key, without the final empty line.
pub(crate) fn request_head(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: roster\r\nAuthorization: Bearer {ADMIN_KEY}\r\n")
}

/// A complete request without a body.
pub(crate) fn raw_request(method: &str, path: &str) -> String {
    request_head(method, path) + "\r\n"
}

/// A complete request with a JSON body.
pub(crate) fn json_request(method: &str, path: &str, body: &str) -> String {
    let head = request_head(method, path);
    format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Sends bytes over a new connection and returns the first response.
pub(crate) fn send_raw(address: SocketAddr, request: &str) -> RawResponse {
    let mut connection = RawConnection::connect(address);
    connection.send(request.as_bytes());
    connection.receive().unwrap_or_else(|| panic!("no response to {request:?}"))
}

impl RawConnection {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::on(TcpStream::connect(address).expect("the server listens"))
    }

    /// A connection for which the kernel buffers only a few kilobytes that the client has not read.
    pub(crate) async fn connect_with_small_buffer(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket is created");
        socket.set_recv_buffer_size(4096).expect("the option can be set");
        let stream = socket.connect(address).await.expect("the server listens");
        let stream = stream.into_std().expect("the socket is open");
        stream.set_nonblocking(false).expect("the option can be set");
        Self::on(stream)
    }

    fn on(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(TIMEOUT)).expect("the timeout is valid");
        stream.set_write_timeout(Some(TIMEOUT)).expect("the timeout is valid");
        stream.set_nodelay(true).expect("the option can be set");
        Self { stream, received: Vec::new() }
    }

    /// Sends all bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the server reads the bytes");
    }

    /// Sends bytes to a server that may close the connection before it has read them all.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Shuts down the sending direction.
    pub(crate) fn finish_sending(&self) {
        self.stream.shutdown(Shutdown::Write).expect("the connection is open");
    }

    /// Waits until the server has begun to respond, without reading.
    pub(crate) fn wait_for_response(&self) {
        let peeked = self.stream.peek(&mut [0]).expect("the connection is open");
        assert_eq!(peeked, 1, "the server closed the connection");
    }

    /// Waits for the status of the next response, and reads no more than that.
    pub(crate) fn receive_status(&mut self) -> u16 {
        let mut start = [0; 12];
        self.stream.read_exact(&mut start).expect("the server responds");
        let code =
            str::from_utf8(&start).ok().and_then(|start| start.strip_prefix("HTTP/1.1 ")?.parse().ok());
        code.unwrap_or_else(|| panic!("not a status line: {start:?}"))
    }

    /// Waits for the next response. Returns `None` if the server closes the connection instead.
    pub(crate) fn receive(&mut self) -> Option<RawResponse> {
        let end = loop {
            if let Some(at) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.read() {
                assert!(
                    self.received.is_empty(),
                    "incomplete head: {:?}",
                    String::from_utf8_lossy(&self.received)
                );
                return None;
            }
        };
        let head = String::from_utf8(self.received.drain(..end).collect()).expect("the head is UTF-8");
        let status =
            head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("the head has a status");
        let mut response = RawResponse { status, head, body: Vec::new() };
        let length =
            response.header("content-length").map_or(0, |text| text.parse().expect("the length is a number"));
        while self.received.len() < length {
            assert!(self.read(), "incomplete body: {response:?}");
        }
        response.body = self.received.drain(..length).collect();
        Some(response)
    }

    /// Receives bytes until they contain a text. Returns what was received since the last call.
    #[track_caller]
    pub(crate) fn receive_until(&mut self, needle: &str) -> String {
        loop {
            let text = String::from_utf8_lossy(&self.received).into_owned();
            if text.contains(needle) {
                self.received.clear();
                return text;
            }
            assert!(self.read(), "the connection ended without {needle:?}: {text}");
        }
    }

    /// Waits for the next chunk of a body in chunked encoding. The last chunk is empty. Returns `None` if the server closes
    /// the connection instead.
    pub(crate) fn receive_chunk(&mut self) -> Option<Vec<u8>> {
        let end = loop {
            if let Some(at) = self.received.windows(2).position(|two| two == b"\r\n") {
                break at + 2;
            }
            if !self.read() {
                return None;
            }
        };
        let length = str::from_utf8(&self.received[..end]).expect("the length is UTF-8");
        let length = usize::from_str_radix(length.trim(), 16).expect("the length is hexadecimal");
        while self.received.len() < end + length + 2 {
            assert!(self.read(), "incomplete chunk: {:?}", String::from_utf8_lossy(&self.received));
        }
        let chunk: Vec<_> = self.received.drain(..end + length + 2).collect();
        Some(chunk[end..end + length].to_vec())
    }

    /// Whether the server closes the connection without a further byte, and without a reset.
    pub(crate) fn is_closed_cleanly(&mut self) -> bool {
        !self.read() && self.received.is_empty()
    }

    /// Receives all bytes until the server closes the connection.
    pub(crate) fn receive_to_end(&mut self) -> Vec<u8> {
        while self.read() {}
        std::mem::take(&mut self.received)
    }

    /// Receives more bytes. Returns false at the end of the stream.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(length) => {
                self.received.extend(&buffer[..length]);
                true
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => self.read(),
            Err(error) => {
                panic!("the connection broke: {error}, after {:?}", String::from_utf8_lossy(&self.received))
            }
        }
    }
}
