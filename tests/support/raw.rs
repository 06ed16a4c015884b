//! HTTP by hand, for what a well-behaved client would not send.

use crate::support::server::ADMIN_KEY;
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// No answer may take longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection and what has come over it but was not yet asked for.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    come: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl RawAnswer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let of_line = |line: &'_ str| {
            let (found, _) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(found.len() + 1)
        };
        self.head.lines().find_map(|line| Some(line[of_line(line)?..].trim()))
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that it is a problem of this status and code.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.json()["code"], code, "{self:?}");
    }
}

/// The head of a request with the admin key, without the empty line that ends it.
pub(crate) fn head(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: roster\r\nAuthorization: Bearer {ADMIN_KEY}\r\n")
}

/// A whole request with a JSON body.
pub(crate) fn whole(method: &str, path: &str, body: &str) -> String {
    let head = head(method, path);
    format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Sends bytes over a connection of their own and gives the first answer.
pub(crate) fn ask(address: SocketAddr, request: &str) -> RawAnswer {
    let mut wire = Wire::connect(address);
    wire.send(request.as_bytes());
    wire.answer().unwrap_or_else(|| panic!("closed without an answer to {request:?}"))
}

impl Wire {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, come: Vec::new() }
    }

    /// Sends all of it.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the server takes it");
    }

    /// Sends as much of it as the server takes.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish_sending(&self) {
        self.stream.shutdown(Shutdown::Write).expect("the connection is open");
    }

    /// Waits for the next answer; `None` when the server has closed the connection instead.
    pub(crate) fn answer(&mut self) -> Option<RawAnswer> {
        let end = loop {
            if let Some(at) = self.come.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.read() {
                assert!(self.come.is_empty(), "half an answer: {:?}", String::from_utf8_lossy(&self.come));
                return None;
            }
        };
        let head = String::from_utf8(self.come.drain(..end).collect()).expect("a head is text");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let mut answer = RawAnswer { status, head, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |text| text.parse().expect("a length"));
        while self.come.len() < length {
            assert!(self.read(), "half a body: {answer:?}");
        }
        answer.body = self.come.drain(..length).collect();
        Some(answer)
    }

    /// Whether the server closes the connection without a further byte, and without a reset.
    pub(crate) fn is_closed_cleanly(&mut self) -> bool {
        !self.read() && self.come.is_empty()
    }

    /// Takes what comes; false at the end.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(length) => {
                self.come.extend(&buffer[..length]);
                true
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => self.read(),
            Err(error) => {
                panic!("the connection broke: {error}; so far {:?}", String::from_utf8_lossy(&self.come))
            }
        }
    }
}
