//! `roster health`: queries `/readyz` of the server on this machine.

mod tls;

use crate::error::AppError;
use crate::listen::ListenAddress;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Time limit for connecting and for the response.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the command.
///
/// # Errors
/// If the server is not ready or cannot be reached.
pub(super) fn run(listen: &ListenAddress, has_tls: bool) -> Result<(), AppError> {
    match readiness(listen, has_tls) {
        Ok(response) if response.starts_with("HTTP/1.1 200 ") => Ok(()),
        Ok(response) => {
            Err(AppError::new(format!("the server at {listen} is not ready: {}", reason(&response))))
        }
        Err(error) => Err(AppError::new(format!("cannot reach the server at {listen}: {error}"))),
    }
}

/// The status line of a response, and the detail of its problem if there is one.
fn reason(response: &str) -> String {
    let status = response.lines().next().unwrap_or_default();
    let body = response.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let problem: Option<Value> = serde_json::from_str(body).ok();
    let detail = problem.as_ref().and_then(|problem| problem.get("detail")?.as_str());
    detail.map_or_else(|| status.to_owned(), |detail| format!("{status}: {detail}"))
}

/// The response of `/readyz`.
fn readiness(listen: &ListenAddress, has_tls: bool) -> io::Result<String> {
    let stream = connect(&listen.resolve()?)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {listen}\r\nConnection: close\r\n\r\n");
    if has_tls { send(tls::encrypt(stream)?, &request) } else { send(stream, &request) }
}

/// Sends a request and returns the response.
fn send(mut stream: impl Read + Write, request: &str) -> io::Result<String> {
    stream.write_all(request.as_bytes())?;
    let mut response = String::new();
    stream.take(64 * 1024).read_to_string(&mut response)?;
    Ok(response)
}

/// Connects to the first address on which a server listens.
fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut failed = io::Error::other("the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&on_this_machine(*address), TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Replaces the address of a server that listens on all addresses with the loopback address.
fn on_this_machine(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback =
            if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    address
}
