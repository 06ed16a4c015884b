//! The address on which the server listens.

use derive_more::Display;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::str::FromStr;
use tokio::net::TcpSocket;

/// An IP address or a host name, with a port. A host name is resolved only when the address is used.
#[derive(Clone, Debug, Display, PartialEq, Eq)]
pub struct ListenAddress(String);

/// The number of connections that the kernel accepts before the server does.
const BACKLOG: u32 = 1024;

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        let is_host_and_port =
            || text.rsplit_once(':').is_some_and(|(host, port)| is_name(host) && port.parse::<u16>().is_ok());
        if text.parse::<SocketAddr>().is_ok() || is_host_and_port() {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be an IP address and a port, such as 127.0.0.1:3000 or [::]:3000, or a host name and a port"
                .to_owned())
        }
    }
}

impl ListenAddress {
    /// The addresses to which the host name resolves, IPv4 first, because clients of `localhost` often use 127.0.0.1.
    ///
    /// # Errors
    /// If the name does not resolve to any address.
    pub fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let mut addresses: Vec<_> = self.0.to_socket_addrs()?.collect();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        Ok(addresses)
    }

    /// Binds the first address that can be bound, without accepting connections yet.
    ///
    /// # Errors
    /// If no address can be bound, or the port of one is in use.
    pub fn bind(&self) -> io::Result<BoundSocket> {
        bind_first(&self.resolve()?)
    }
}

/// A socket that is bound to its port but does not accept connections yet.
#[derive(Debug)]
pub struct BoundSocket(TcpSocket);

/// Binds the first address that this machine has. A port in use is an error: on another address, clients that use the
/// first one would reach another server.
fn bind_first(addresses: &[SocketAddr]) -> io::Result<BoundSocket> {
    let mut failed = io::Error::other("the host name does not resolve to any address");
    for address in addresses {
        match bind(*address) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => failed = error,
            bound => return bound,
        }
    }
    Err(failed)
}

fn bind(address: SocketAddr) -> io::Result<BoundSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Without this option, the port could not be bound for about a minute after a restart.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(BoundSocket(socket))
}

impl BoundSocket {
    /// Starts accepting connections. Requires a running Tokio runtime.
    ///
    /// # Errors
    /// If another process has started to listen on the port since it was bound.
    pub fn listen(self) -> io::Result<TcpListener> {
        self.0.listen(BACKLOG)?.into_std()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_and_ip_addresses_are_accepted() {
        for text in
            ["127.0.0.1:0", "[::1]:3000", "[fe80::1%1]:3000", "localhost:3000", "db-1.example_x.com:65535"]
        {
            assert_eq!(text.parse::<ListenAddress>().map(|address| address.to_string()), Ok(text.to_owned()));
        }
        for text in
            ["", ":3000", "3000", "localhost", "localhost:", "localhost:65536", "::1:3000", "a b:1", "a/b:1"]
        {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn ipv4_comes_first() {
        let addresses = "localhost:80".parse::<ListenAddress>().unwrap().resolve().unwrap();
        assert!(addresses.first().is_some_and(|address| address.is_ipv4()), "{addresses:?}");
    }

    #[test]
    fn an_address_is_skipped_only_if_the_machine_does_not_have_it() {
        let foreign: SocketAddr = "192.0.2.1:0".parse().unwrap();
        let own: SocketAddr = "127.0.0.1:0".parse().unwrap();
        assert!(bind_first(&[foreign, own]).is_ok());
        assert_eq!(bind_first(&[foreign]).unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
        let listener = std::net::TcpListener::bind(own).unwrap();
        let in_use = listener.local_addr().unwrap();
        assert_eq!(bind_first(&[in_use, own]).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
