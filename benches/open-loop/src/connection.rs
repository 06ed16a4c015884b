//! A connection with at most one request in progress.

use anyhow::{Context, Result, bail};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    due: Option<Duration>,
}

/// A response that has arrived completely.
pub(crate) struct Response {
    /// The scheduled start of its request.
    pub(crate) due: Duration,
    /// Whether the server was overloaded and did nothing (503).
    pub(crate) is_refusal: bool,
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, received: Vec::with_capacity(16 * 1024), due: None })
    }

    /// The scheduled start of the request in progress.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.due
    }

    /// Sends a request. The socket's buffer has room for it, because no other request is in progress.
    pub(crate) fn send(&mut self, request: &[u8], due: Duration) -> Result<()> {
        self.due = Some(due);
        self.received.clear();
        self.stream.write_all(request).context("a request could not be sent")
    }

    /// Reads what has arrived. Returns the response if it is complete.
    pub(crate) fn receive(&mut self) -> Result<Option<Response>> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(length) => self.received.extend_from_slice(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => bail!(error),
            }
        }
        let status = status_if_complete(&self.received)?;
        let response = |(status, due)| Response { due, is_refusal: status == 503 };
        Ok(status.and_then(|status| Some((status, self.due.take()?))).map(response))
    }
}

/// Returns the status if the bytes are a complete response. Fails if the status is neither 2xx nor 503.
fn status_if_complete(bytes: &[u8]) -> Result<Option<u16>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
    let status = head.get(9..12).context("a response without a status")?.parse()?;
    if !matches!(status, 200..300 | 503) {
        bail!("a request failed: {}", head.lines().next().unwrap_or_default());
    }
    if status == 204 {
        return Ok(Some(status));
    }
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = length.context("a response without Content-Length")?;
    let is_complete = bytes.len() >= end + 4 + length.trim().parse::<usize>()?;
    Ok(is_complete.then_some(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_complete_with_its_last_byte() {
        let response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(status_if_complete(response).unwrap(), Some(200));
        assert_eq!(status_if_complete(&response[..response.len() - 1]).unwrap(), None);
        assert_eq!(status_if_complete(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(), Some(204));
        let refusal = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(status_if_complete(refusal).unwrap(), Some(503));
        assert!(status_if_complete(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").is_err());
    }
}
