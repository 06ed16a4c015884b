//! SIGHUP replaces the certificate without dropping connections.

use crate::support::block_on;
use crate::support::database::Database;
use crate::support::server::{ADMIN_KEY, Server};
use crate::support::sql::wait_until;
use crate::support::tls::Certificate;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

const LIMIT: Duration = Duration::from_secs(30);
const RELOADED: &str = "new connections use the reloaded certificate";

async fn connect(certificate: &Certificate, server: &Server) -> TlsStream<TcpStream> {
    certificate.connect(server.address(), "http/1.1").await.expect("the handshake succeeds")
}

/// The certificate that the server of a connection has sent.
fn served(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().expect("the server has a certificate")[0].to_vec()
}

/// Sends a request over a connection, and checks that it succeeds.
async fn request(stream: &mut TlsStream<TcpStream>) {
    let request = format!("GET /me HTTP/1.1\r\nHost: roster\r\nAuthorization: Bearer {ADMIN_KEY}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the request is sent");
    let mut received = Vec::new();
    while !received.ends_with(b"}") {
        let length = stream.read_buf(&mut received).await.expect("the response arrives");
        assert!(length > 0, "the connection ended: {}", String::from_utf8_lossy(&received));
    }
    assert!(received.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&received));
}

fn wait_for_reloads(server: &Server, count: usize) {
    wait_until(LIMIT, "the certificate is reloaded", || server.log().matches(RELOADED).count() >= count);
}

#[test]
fn new_connections_use_the_new_certificate_and_others_continue() {
    let (database, certificate) = (Database::sqlite(), Certificate::create());
    let server = certificate.start(&database.url());
    block_on(async {
        let mut before = connect(&certificate, &server).await;
        request(&mut before).await;
        certificate.issue("second");
        let mut between = connect(&certificate, &server).await;
        server.signal("HUP");
        wait_for_reloads(&server, 1);
        let mut after = connect(&certificate, &server).await;
        for stream in [&mut before, &mut between, &mut after] {
            request(stream).await;
        }
        assert_eq!(served(&before), served(&between));
        assert_ne!(served(&before), served(&after));
    });
}

#[test]
fn invalid_files_leave_the_previous_certificate_in_use() {
    let (database, certificate) = (Database::sqlite(), Certificate::create());
    let server = certificate.start(&database.url());
    block_on(async {
        let first = served(&connect(&certificate, &server).await);
        let read = |name| fs::read(certificate.path(name)).expect("the file can be read");
        certificate.openssl("genpkey -algorithm ED25519 -out other.pem");
        let invalid =
            [("CERT", "cert.pem", vec![]), ("KEY", "key.pem", vec![]), ("KEY", "key.pem", read("other.pem"))];
        for (index, (setting, name, content)) in invalid.into_iter().enumerate() {
            let valid = read(name);
            fs::write(certificate.path(name), content).expect("the file is written");
            server.signal("HUP");
            wait_until(LIMIT, "the error is logged", || {
                server.log().matches("the certificate is not reloaded").count() > index
            });
            let log = server.log();
            let line = log.lines().last().expect("the log has lines");
            assert!(line.contains("ERROR") && line.contains(&format!("ROSTER_TLS_{setting}: ")), "{line}");
            let mut stream = connect(&certificate, &server).await;
            request(&mut stream).await;
            assert_eq!(served(&stream), first);
            fs::write(certificate.path(name), valid).expect("the file is written");
        }
        certificate.issue("repaired");
        server.signal("HUP");
        wait_for_reloads(&server, 1);
        assert_ne!(served(&connect(&certificate, &server).await), first);
    });
}

#[test]
fn no_request_fails_during_reloads() {
    const RELOADS: usize = 20;
    let (database, certificate) = (Database::sqlite(), Arc::new(Certificate::create()));
    let server = Arc::new(certificate.start(&database.url()));
    block_on(async {
        let (is_done, requests) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let clients: Vec<_> = (0..8)
            .map(|index| {
                let (certificate, server) = (Arc::clone(&certificate), Arc::clone(&server));
                let (is_done, requests) = (Arc::clone(&is_done), Arc::clone(&requests));
                tokio::spawn(async move {
                    let mut stream = connect(&certificate, &server).await;
                    while !is_done.load(Ordering::Relaxed) {
                        // Half of the clients use a new connection for each request.
                        if index % 2 == 0 {
                            stream = connect(&certificate, &server).await;
                        }
                        request(&mut stream).await;
                        requests.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for reload in 1..=RELOADS {
            let sent = requests.load(Ordering::Relaxed);
            let issuing = Arc::clone(&certificate);
            let issued = tokio::task::spawn_blocking(move || issuing.issue(&format!("c{reload}")));
            issued.await.expect("the certificate is issued");
            server.signal("HUP");
            wait_for_reloads(&server, reload);
            wait_until(LIMIT, "requests are sent", || requests.load(Ordering::Relaxed) > sent + 8);
        }
        is_done.store(true, Ordering::Relaxed);
        for client in clients {
            client.await.expect("no request fails");
        }
    });
}
