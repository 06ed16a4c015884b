//! A connection with at most one request under way.

use anyhow::{Context, Result, bail};
use mio::net::TcpStream;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// The connection.
pub struct Line {
    stream: TcpStream,
    come: Vec<u8>,
    waiting: Option<Duration>,
}

impl Line {
    /// Connects.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream: TcpStream::from_std(stream), come: Vec::with_capacity(16 * 1024), waiting: None })
    }

    /// For the poll.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// When the request that is under way was to leave.
    pub fn waiting(&self) -> Option<Duration> {
        self.waiting
    }

    /// Sends a request that was to leave at a time. Nothing is under way, so that the kernel has room for all of it.
    pub fn send(&mut self, request: &[u8], due: Duration) -> Result<()> {
        self.waiting = Some(due);
        self.come.clear();
        self.stream.write_all(request).context("a request is not taken")
    }

    /// Reads what has come. When that ends the answer: when its request was to leave.
    pub fn receive(&mut self) -> Result<Option<Duration>> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(length) => self.come.extend_from_slice(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => bail!(error),
            }
        }
        Ok(if is_whole(&self.come)? { self.waiting.take() } else { None })
    }
}

/// Whether the bytes are a whole answer; an error when it is none of success.
fn is_whole(bytes: &[u8]) -> Result<bool> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(false) };
    let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
    if head.as_bytes().get(9) != Some(&b'2') {
        bail!("an answer that is no success: {}", head.lines().next().unwrap_or_default());
    }
    let length = head.lines().filter_map(|line| line.split_once(':'));
    let mut length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = length.next().context("an answer without a length")?;
    Ok(bytes.len() >= end + 4 + length.trim().parse::<usize>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert!(is_whole(answer).unwrap());
        assert!(!is_whole(&answer[..answer.len() - 1]).unwrap());
        assert!(is_whole(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n").is_err());
    }
}
