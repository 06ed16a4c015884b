//! TLS: the certificate, its private key, and the handshake.

use super::HEAD_TIMEOUT;
use super::connection::Connection;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{Error, InconsistentKeys, ServerConfig};
use tokio_rustls::server::TlsStream;

/// The maximum size of each file in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 22;
/// The names of the protocols in the handshake (RFC 7301).
const HTTP_2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";
/// The response to a client that speaks plain HTTP.
const HTTPS_REQUIRED: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 26\r\n\
    connection: close\r\n\r\nThis port requires HTTPS.\n";

/// The files of the certificate and its key, and the configuration for new connections.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads both files.
    ///
    /// # Errors
    /// A message that names the setting and the file.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, String> {
        let config = RwLock::new(Arc::new(config(certificate, key)?));
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), config })
    }

    /// Reads both files again, for new connections. Open connections keep their keys.
    ///
    /// # Errors
    /// A message that names the setting and the file. New connections then use the certificate as before.
    pub fn reload(&self) -> Result<(), String> {
        let config = Arc::new(config(&self.certificate, &self.key)?);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Waits for a client to complete the handshake. Returns `None` if it does not do so within [`HEAD_TIMEOUT`], or if
    /// there are too many connections.
    pub(super) async fn accept(&self, connection: Connection) -> Option<Accepted> {
        let registration = connection.registration().clone();
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner).clone();
        let handshake = timeout(HEAD_TIMEOUT, Box::pin(handshake(connection, config)));
        let accepted = tokio::select! {
            accepted = handshake => accepted.unwrap_or_else(|late| Err(late.into())),
            () = registration.closing() => return None,
        };
        accepted.inspect_err(|error| log::debug!("a TLS handshake failed: {error}")).ok()
    }
}

/// A connection after the handshake, with the protocol that the client has chosen.
pub(super) enum Accepted {
    Http1(Box<TlsStream<Connection>>),
    Http2(Box<TlsStream<Connection>>),
}

async fn handshake(connection: Connection, config: Arc<ServerConfig>) -> io::Result<Accepted> {
    if connection.peek().await? != Some(HANDSHAKE) {
        connection.refuse(HTTPS_REQUIRED).await?;
        return Err(io::Error::other("the client does not use TLS"));
    }
    let stream = Box::new(TlsAcceptor::from(config).accept(connection).await?);
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP_2);
    Ok(if is_http2 { Accepted::Http2(stream) } else { Accepted::Http1(stream) })
}

fn config(certificate: &Path, key: &Path) -> Result<ServerConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let certified = Arc::new(SingleCertAndKey::from(certified_key(&provider, certificate, key)?));
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(certified);
    config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1_1.to_vec()];
    Ok(config)
}

fn certified_key(provider: &CryptoProvider, certificate: &Path, key: &Path) -> Result<CertifiedKey, String> {
    let in_cert = |error: String| format!("ROSTER_TLS_CERT: {}: {error}", certificate.display());
    let in_key = |error: String| format!("ROSTER_TLS_KEY: {}: {error}", key.display());
    let chain = certificates(certificate).map_err(in_cert)?;
    let private = private_key(key).map_err(in_key)?;
    let private = provider.key_provider.load_private_key(private);
    let private = private.map_err(|error| in_key(format!("the private key is not supported: {error}")))?;
    let certified = CertifiedKey::new(chain, private);
    match certified.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(Error::InconsistentKeys(_)) => Err(in_key(format!(
            "the private key does not match the first certificate in {}",
            certificate.display()
        ))),
        Err(error) => Err(in_cert(format!("the first certificate is not valid: {error}"))),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err("the file contains no certificate in PEM format".to_owned()),
        Ok(chain) => Ok(chain),
        Err(error) => Err(format!("the file is not in PEM format: {error}")),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let text = read(path)?;
    let is_encrypted = String::from_utf8_lossy(&text).contains("ENCRYPTED");
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| match is_encrypted {
        true => "the private key is encrypted: remove the passphrase with `openssl pkey`".to_owned(),
        false => "the file contains no private key in PEM format".to_owned(),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut content));
    read.map_err(|error| format!("the file cannot be read: {error}"))?;
    Ok(content)
}
