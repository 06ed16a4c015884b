//! Certificates, and connections with TLS to the server under test.

use crate::support::command::{CommandOutput, in_empty_environment, run};
use crate::support::server::{ADMIN_KEY, Builder, Server};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const LIMIT: Duration = Duration::from_secs(60);

/// A directory with the certificate authority `ca.pem`, the certificate `cert.pem` for `localhost` and 127.0.0.1, followed by
/// that of the authority, and its key `key.pem`.
#[derive(Debug)]
pub(crate) struct Certificate {
    directory: TempDir,
}

impl Certificate {
    /// A new authority with a certificate.
    pub(crate) fn create() -> Self {
        let certificate =
            Self { directory: tempfile::tempdir().expect("the temporary directory is created") };
        certificate.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=ca -keyout ca.key -out ca.pem");
        let names = "subjectAltName=DNS:localhost,IP:127.0.0.1\n";
        fs::write(certificate.path("names"), names).expect("the file is written");
        certificate.issue("first");
        certificate
    }

    /// Replaces the certificate and the key by new ones. `name` is the subject of the certificate.
    pub(crate) fn issue(&self, name: &str) {
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN={name} -keyout key.pem -out request.pem"
        ));
        self.sign();
    }

    /// Creates the certificate for the key in `request.pem`.
    pub(crate) fn sign(&self) {
        self.openssl("x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile names -out leaf.pem");
        let read = |name| fs::read_to_string(self.path(name)).expect("the file can be read");
        fs::write(self.path("cert.pem"), read("leaf.pem") + &read("ca.pem")).expect("the file is written");
    }

    /// Runs the openssl command in the directory.
    pub(crate) fn openssl(&self, arguments: &str) -> CommandOutput {
        let mut openssl = in_empty_environment("openssl", self.directory());
        run(openssl.args(arguments.split(' ')), LIMIT).expect_success()
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The path of a file in the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    /// Adds the settings of the certificate to a server.
    pub(crate) fn configure(&self, server: Builder) -> Builder {
        let path = |name| self.path(name).to_string_lossy().into_owned();
        server.env("ROSTER_TLS_CERT", &path("cert.pem")).env("ROSTER_TLS_KEY", &path("key.pem"))
    }

    /// Starts a server with the certificate.
    pub(crate) fn start(&self, database_url: &str) -> Server {
        self.configure(Server::builder(database_url)).start()
    }

    /// Sends a request with curl, which verifies the certificate. Returns the standard output.
    pub(crate) fn curl(&self, server: &Server, path: &str, arguments: &[&str]) -> CommandOutput {
        let mut curl = in_empty_environment("curl", self.directory());
        curl.args(["--silent", "--show-error", "--max-time", "30", "--cacert", "ca.pem"]);
        curl.args(["--header", &format!("Authorization: Bearer {ADMIN_KEY}")]).args(arguments);
        run(curl.arg(format!("https://localhost:{}{path}", server.address().port())), LIMIT)
    }

    /// Connects, and verifies the certificate.
    ///
    /// # Errors
    /// If the connection breaks or the handshake fails.
    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
        protocol: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        let authority =
            CertificateDer::from_pem_file(self.path("ca.pem")).expect("the file is a certificate");
        roots.add(authority).expect("the certificate is valid");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("the versions are supported");
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").expect("the name is valid");
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// Listens on a free port, and forwards the bytes of each connection over TLS with HTTP/1.1. Requires a running runtime
    /// with several threads.
    pub(crate) async fn tunnel(self: &Arc<Self>, server: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("the socket has an address");
        let certificate = Arc::clone(self);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let certificate = Arc::clone(&certificate);
                tokio::spawn(async move {
                    let mut stream = certificate.connect(server, "http/1.1").await?;
                    copy_bidirectional(&mut client, &mut stream).await
                });
            }
        });
        address
    }
}
