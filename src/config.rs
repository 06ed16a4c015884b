//! The settings, in order of precedence: command-line flag, environment, `.env` in the working directory, default.

use crate::db::{DatabaseUrl, Options};
use crate::domain::key::AdminKeys;
use crate::http::rate_limit::Rate;
use crate::listen::ListenAddress;
use crate::ops::PAGE_BYTES;
use clap::{Args, ValueEnum};
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// Writer actors on PostgreSQL: one works while the other's transaction commits. A third does not help.
const WRITERS: usize = 2;

/// Every setting. `.env.example` has the same names and defaults, and a test compares the two. [`crate::cli`] makes every
/// flag global, so it is accepted before and after a subcommand.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Database URL: sqlite://PATH, sqlite://:memory:, postgres://… or postgresql://…
    #[arg(long, env = "DATABASE_URL", value_name = "DATABASE_URL")]
    #[arg(default_value = "sqlite://roster.db", hide_env_values = true)]
    pub database_url: DatabaseUrl,

    /// IP address or host name, and port to listen on; port 0 selects a free port
    #[arg(long, env = "ROSTER_LISTEN", value_name = "ROSTER_LISTEN", default_value = "127.0.0.1:3000")]
    pub listen: ListenAddress,

    /// IP address or host name, and port, at which metrics need no key; port 0 selects a free port; if not set, only
    /// operators can read /metrics
    #[arg(long, env = "ROSTER_METRICS_LISTEN", value_name = "ROSTER_METRICS_LISTEN")]
    pub metrics_listen: Option<ListenAddress>,

    /// Fixed key with the role operator: at least 32 characters from A-Z a-z 0-9 - . _ ~ + / =; during a rotation, two keys
    /// separated by a space
    #[arg(long, env = "ROSTER_ADMIN_KEY", value_name = "ROSTER_ADMIN_KEY", hide_env_values = true)]
    pub admin_key: Option<AdminKeys>,

    /// File with the value of ROSTER_ADMIN_KEY, such as a mounted secret; it is read at startup
    #[arg(long, env = "ROSTER_ADMIN_KEY_FILE", value_name = "ROSTER_ADMIN_KEY_FILE")]
    #[arg(value_parser = admin_keys_in_file)]
    pub admin_key_file: Option<AdminKeys>,

    /// Base URL at which clients reach the server; derived from the listen address if not set
    #[arg(long, env = "ROSTER_PUBLIC_URL", value_name = "ROSTER_PUBLIC_URL", value_parser = public_url)]
    pub public_url: Option<String>,

    /// File with the certificate of the server, followed by the intermediate certificates, in PEM format; with it, the
    /// server speaks only HTTPS; it is read again on SIGHUP
    #[arg(long, env = "ROSTER_TLS_CERT", value_name = "ROSTER_TLS_CERT", value_parser = pem_file)]
    pub tls_cert: Option<PathBuf>,

    /// File with the unencrypted private key of ROSTER_TLS_CERT, in PEM format; it is read again on SIGHUP
    #[arg(long, env = "ROSTER_TLS_KEY", value_name = "ROSTER_TLS_KEY", value_parser = pem_file)]
    pub tls_key: Option<PathBuf>,

    /// Whether to apply pending migrations at startup: true or false
    #[arg(long, env = "ROSTER_MIGRATE_ON_START", value_name = "ROSTER_MIGRATE_ON_START")]
    #[arg(default_value_t = true, action = clap::ArgAction::Set, num_args = 1)]
    pub migrate_on_start: bool,

    /// Format of log lines; if not set, text on a terminal and json elsewhere
    #[arg(long, env = "ROSTER_LOG_FORMAT", value_name = "ROSTER_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,

    /// Time that accepted requests are given to finish at shutdown, rounded up to whole seconds
    #[arg(long, env = "ROSTER_SHUTDOWN_TIMEOUT", value_name = "ROSTER_SHUTDOWN_TIMEOUT")]
    #[arg(default_value = "8s", value_parser = duration)]
    pub shutdown_timeout: Duration,

    /// Time to keep listening after a shutdown signal, so that load balancers can react; 0s closes the port immediately
    #[arg(long, env = "ROSTER_DRAIN_DELAY", value_name = "ROSTER_DRAIN_DELAY")]
    #[arg(default_value = "0s", value_parser = duration)]
    pub drain_delay: Duration,

    /// Number of database connections for reading single rows; the same number is opened for reading pages
    #[arg(long, env = "ROSTER_DATABASE_READERS", value_name = "ROSTER_DATABASE_READERS")]
    #[arg(default_value = "2", value_parser = whole::<1, 64>)]
    pub database_readers: usize,

    /// Maximum number of waiting database operations per class (single rows, pages, scans, writes, bulk writes, changes,
    /// exports); more are refused with 503
    #[arg(long, env = "ROSTER_QUEUE_SIZE", value_name = "ROSTER_QUEUE_SIZE")]
    #[arg(default_value = "1024", value_parser = whole::<1, 1_000_000>)]
    pub queue_size: usize,

    /// Maximum size of a request body in bytes, after decompression
    #[arg(long, env = "ROSTER_BODY_LIMIT", value_name = "ROSTER_BODY_LIMIT")]
    #[arg(default_value = "1048576", value_parser = whole::<1024, { 64 * 1024 * 1024 }>)]
    pub body_limit: usize,

    /// Maximum total size in bytes of responses that clients have not read yet; one tenant can use three quarters of it,
    /// and one caller half; requests beyond it are refused with 503
    #[arg(long, env = "ROSTER_UNREAD_LIMIT", value_name = "ROSTER_UNREAD_LIMIT")]
    #[arg(default_value = "134217728", value_parser = whole::<{ 1024 * 1024 }, { usize::MAX / 2 }>)]
    pub unread_limit: usize,

    /// Maximum number of open connections, if the limit on open files permits as many; if not set, only that limit and
    /// 25,000 per processor apply. Idle connections are closed when seven eighths are open
    #[arg(long, env = "ROSTER_CONNECTIONS", value_name = "ROSTER_CONNECTIONS")]
    #[arg(value_parser = whole::<16, 1_000_000>)]
    pub connections: Option<usize>,

    /// Time after which a connection is closed if its client does not read a response, or reads fewer than 10,000 bytes
    /// per second on average
    #[arg(long, env = "ROSTER_SEND_TIMEOUT", value_name = "ROSTER_SEND_TIMEOUT")]
    #[arg(default_value = "30s", value_parser = up_to_an_hour)]
    pub send_timeout: Duration,

    /// Time from the arrival of a request within which its body must arrive and its database operations must finish
    #[arg(long, env = "ROSTER_REQUEST_DEADLINE", value_name = "ROSTER_REQUEST_DEADLINE")]
    #[arg(default_value = "10s", value_parser = deadline)]
    pub request_deadline: Duration,

    /// Age at which rows of the change feed are deleted, such as 400d; 0 keeps all rows
    #[arg(long, env = "ROSTER_CHANGES_RETENTION", value_name = "ROSTER_CHANGES_RETENTION")]
    #[arg(default_value = "400d", value_parser = retention)]
    pub changes_retention: Duration,

    /// Whether to record the requests of connections, for GET /connections/{id}/requests: true or false
    #[arg(long, env = "ROSTER_INSPECTOR", value_name = "ROSTER_INSPECTOR")]
    #[arg(default_value_t = true, action = clap::ArgAction::Set, num_args = 1)]
    pub inspector: bool,

    /// Whether to serve the admin page at /admin: true or false
    #[arg(long, env = "ROSTER_ADMIN_PAGE", value_name = "ROSTER_ADMIN_PAGE")]
    #[arg(default_value_t = true, action = clap::ArgAction::Set, num_args = 1)]
    pub admin_page: bool,

    /// Failed authentication attempts allowed per client address per minute; 0 disables the limit
    #[arg(long, env = "ROSTER_FAILED_ATTEMPTS", value_name = "ROSTER_FAILED_ATTEMPTS")]
    #[arg(default_value = "100", value_parser = attempts)]
    pub failed_attempts: u32,

    /// Requests allowed per key or connection, on each server: per second, or with a unit, such as 6000/m; more are refused
    /// with 429; 0 disables the limit
    #[arg(long, env = "ROSTER_RATE_LIMIT", value_name = "ROSTER_RATE_LIMIT", default_value = "0")]
    pub rate_limit: Rate,

    /// Maximum number of requests that wait for changes or receive a stream of changes; more are refused with 429
    #[arg(long, env = "ROSTER_FOLLOWERS", value_name = "ROSTER_FOLLOWERS")]
    #[arg(default_value = "10000", value_parser = whole::<1, 1_000_000>)]
    pub followers: usize,

    /// Maximum number of requests with the same key that wait for or stream changes; more are refused with 429
    #[arg(long, env = "ROSTER_FOLLOWERS_PER_KEY", value_name = "ROSTER_FOLLOWERS_PER_KEY")]
    #[arg(default_value = "1000", value_parser = whole::<1, 1_000_000>)]
    pub followers_per_key: usize,

    /// Time after which a stream of changes without events sends a comment, so that proxies keep the connection open
    #[arg(long, env = "ROSTER_STREAM_KEEP_ALIVE", value_name = "ROSTER_STREAM_KEEP_ALIVE")]
    #[arg(default_value = "15s", value_parser = up_to_an_hour)]
    pub stream_keep_alive: Duration,

    /// Time, including the time in the queue, after which a database operation is logged as slow; 0s logs every
    /// operation
    #[arg(long, env = "ROSTER_SLOW_OPERATION", value_name = "ROSTER_SLOW_OPERATION")]
    #[arg(default_value = "1s", value_parser = duration)]
    pub slow_operation: Duration,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Human-readable lines
    Text,
    /// One JSON object per line
    Json,
}

impl Settings {
    /// The options of the [`Database`](crate::db::Database).
    pub fn database(&self) -> Options {
        Options {
            url: self.database_url.clone(),
            readers: self.database_readers,
            writers: WRITERS,
            queue: self.queue_size,
            large_results: (self.unread_limit / 4 / PAGE_BYTES).max(2 * self.database_readers),
            deadline: self.request_deadline,
            slow: self.slow_operation,
            wal: true,
        }
    }

    /// The keys of `ROSTER_ADMIN_KEY` or `ROSTER_ADMIN_KEY_FILE`.
    pub fn admin_keys(&self) -> Option<&AdminKeys> {
        self.admin_key.as_ref().or(self.admin_key_file.as_ref())
    }

    /// The base URL for clients of a server that listens on `bound`.
    pub fn public_url_at(&self, bound: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| self.local_url(bound))
    }

    /// The base URL for clients on the machine of a server that listens on `bound`.
    pub(crate) fn local_url(&self, bound: SocketAddr) -> String {
        let scheme = if self.has_tls() { "https" } else { "http" };
        match bound.ip().is_unspecified() {
            true => format!("{scheme}://localhost:{}", bound.port()),
            false => format!("{scheme}://{bound}"),
        }
    }

    /// Whether the server speaks HTTPS.
    pub fn has_tls(&self) -> bool {
        self.tls_cert.is_some()
    }
}

/// Reads keys from a file, of which only the first 4 KiB are read.
fn admin_keys_in_file(path: &str) -> Result<AdminKeys, String> {
    if path.is_empty() {
        return Err("must be the path of a file with one key, or with two keys on separate lines".to_owned());
    }
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(4096).read_to_string(&mut text));
    read.map_err(|error| format!("cannot be read: {error}"))?;
    text.parse().map_err(|error| format!("is a file whose content {error}"))
}

/// The server reads the file when it starts; other commands do not need it.
fn pem_file(path: &str) -> Result<PathBuf, &'static str> {
    if path.is_empty() { Err("must be the path of a file in PEM format") } else { Ok(path.into()) }
}

fn public_url(text: &str) -> Result<String, String> {
    let uri: Option<actix_web::http::Uri> = text.parse().ok();
    let http = |uri: &actix_web::http::Uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
    };
    match uri.filter(http) {
        Some(_) => Ok(text.trim_end_matches('/').to_owned()),
        None => Err("must be an http:// or https:// URL without a query".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let invalid = |_| format!("must be a duration such as 500ms, 8s or 2m{}", missing_unit(text));
    humantime::parse_duration(text).map_err(invalid)
}

/// A hint for a duration that is only a number.
fn missing_unit(text: &str) -> String {
    text.parse::<u32>()
        .map_or_else(|_| String::new(), |seconds| format!("; for {seconds} seconds, write {seconds}s"))
}

fn attempts(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "must be a whole number from 0 to 4294967295".to_owned())
}

fn up_to_an_hour(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::from_millis(100)..=Duration::from_secs(3600), "100ms to 1h")
}

fn deadline(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::from_millis(100)..=Duration::from_secs(600), "100ms to 10m")
}

fn retention(text: &str) -> Result<Duration, &'static str> {
    let allowed = |age: &Duration| age.is_zero() || *age >= Duration::from_secs(3600);
    let age = humantime::parse_duration(text).ok().filter(allowed);
    age.ok_or("must be 0 or a duration of at least 1h, such as 400d")
}

fn duration_within(
    text: &str,
    allowed: RangeInclusive<Duration>,
    described: &str,
) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).ok().filter(|duration| allowed.contains(duration));
    duration.ok_or_else(|| format!("must be a duration from {described}{}", missing_unit(text)))
}

fn whole<const LEAST: usize, const MOST: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (LEAST..=MOST).contains(number));
    number.ok_or_else(|| format!("must be a whole number from {LEAST} to {MOST}"))
}
