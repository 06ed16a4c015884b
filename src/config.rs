//! The settings: command-line flag, then environment, then `.env` in the working directory, then default.

use crate::db::{DatabaseUrl, Options};
use crate::domain::key::AdminKey;
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::time::Duration;

/// How many actors write on PostgreSQL: one does its work while the transaction of another is being committed. A third
/// gives nothing.
const WRITERS: usize = 2;

/// Every setting. `.env.example` holds the same names and defaults, and a test compares the two.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Where the database is: sqlite://PATH, sqlite://:memory:, postgres://… or postgresql://…
    #[arg(long, env = "DATABASE_URL", value_name = "DATABASE_URL", default_value = "sqlite://roster.db")]
    #[arg(global = true, hide_env_values = true)]
    pub database_url: DatabaseUrl,

    /// The address to listen on; port 0 takes a free one
    #[arg(long, env = "ROSTER_LISTEN", value_name = "ROSTER_LISTEN", default_value = "127.0.0.1:3000")]
    #[arg(global = true, value_parser = address)]
    pub listen: SocketAddr,

    /// A fixed key of role operator, at least 32 characters of A-Z a-z 0-9 - . _ ~ + / =
    #[arg(
        long,
        env = "ROSTER_ADMIN_KEY",
        value_name = "ROSTER_ADMIN_KEY",
        global = true,
        hide_env_values = true
    )]
    pub admin_key: Option<AdminKey>,

    /// Where clients outside find the server; without it made from the address to listen on
    #[arg(long, env = "ROSTER_PUBLIC_URL", value_name = "ROSTER_PUBLIC_URL", global = true)]
    #[arg(value_parser = public_url)]
    pub public_url: Option<String>,

    /// Whether `serve` applies pending migrations: true or false
    #[arg(long, env = "ROSTER_MIGRATE_ON_START", value_name = "ROSTER_MIGRATE_ON_START", global = true)]
    #[arg(default_value_t = true, action = clap::ArgAction::Set, num_args = 1)]
    pub migrate_on_start: bool,

    /// How lines are logged; without it text on a terminal, else json
    #[arg(long, env = "ROSTER_LOG_FORMAT", value_name = "ROSTER_LOG_FORMAT", global = true)]
    pub log_format: Option<LogFormat>,

    /// How long accepted requests may take to finish when the server stops, in whole seconds
    #[arg(
        long,
        env = "ROSTER_SHUTDOWN_TIMEOUT",
        value_name = "ROSTER_SHUTDOWN_TIMEOUT",
        default_value = "8s"
    )]
    #[arg(global = true, value_parser = duration)]
    pub shutdown_timeout: Duration,

    /// How long the server goes on listening after it was told to stop, so that balancers notice
    #[arg(long, env = "ROSTER_DRAIN_DELAY", value_name = "ROSTER_DRAIN_DELAY", default_value = "0s")]
    #[arg(global = true, value_parser = duration)]
    pub drain_delay: Duration,

    /// How many database connections read single rows, and as many pages; others scan and write
    #[arg(
        long,
        env = "ROSTER_DATABASE_READERS",
        value_name = "ROSTER_DATABASE_READERS",
        default_value = "2"
    )]
    #[arg(global = true, value_parser = readers)]
    pub database_readers: usize,

    /// How many operations of a kind may wait for the database; more are refused with 503
    #[arg(long, env = "ROSTER_QUEUE_SIZE", value_name = "ROSTER_QUEUE_SIZE", default_value = "1024")]
    #[arg(global = true, value_parser = queue_size)]
    pub queue_size: usize,

    /// The most bytes that a request's body may have, decompressed
    #[arg(long, env = "ROSTER_BODY_LIMIT", value_name = "ROSTER_BODY_LIMIT", default_value = "1048576")]
    #[arg(global = true, value_parser = body_limit)]
    pub body_limit: usize,

    /// How long a request may wait for the database, its own time there included
    #[arg(
        long,
        env = "ROSTER_REQUEST_DEADLINE",
        value_name = "ROSTER_REQUEST_DEADLINE",
        default_value = "10s"
    )]
    #[arg(global = true, value_parser = deadline)]
    pub request_deadline: Duration,

    /// How many failed attempts to prove who calls an address may make a minute; 0 for any number
    #[arg(
        long,
        env = "ROSTER_FAILED_ATTEMPTS",
        value_name = "ROSTER_FAILED_ATTEMPTS",
        default_value = "100"
    )]
    #[arg(global = true, value_parser = attempts)]
    pub failed_attempts: u32,

    /// From when on an operation on the database is logged as slow
    #[arg(long, env = "ROSTER_SLOW_OPERATION", value_name = "ROSTER_SLOW_OPERATION", default_value = "1s")]
    #[arg(global = true, value_parser = duration)]
    pub slow_operation: Duration,
}

/// How lines are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line, for machines.
    Json,
}

impl Settings {
    /// How the door to the database is built.
    #[must_use]
    pub fn database(&self) -> Options {
        Options {
            url: self.database_url.clone(),
            readers: self.database_readers,
            writers: WRITERS,
            queue: self.queue_size,
            deadline: self.request_deadline,
            slow: self.slow_operation,
        }
    }

    /// Where clients outside find a server that listens on `bound`.
    #[must_use]
    pub fn public_url_at(&self, bound: SocketAddr) -> String {
        let from_address = || match bound.ip().is_unspecified() {
            true => format!("http://localhost:{}", bound.port()),
            false => format!("http://{bound}"),
        };
        self.public_url.clone().unwrap_or_else(from_address)
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "must be an IP address and a port, such as 127.0.0.1:3000 or [::]:3000".to_owned())
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
    humantime::parse_duration(text).map_err(|_| "must be a duration such as 500ms, 8s or 2m".to_owned())
}

fn attempts(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "must be a whole number from 0 to 4294967295".to_owned())
}

fn deadline(text: &str) -> Result<Duration, String> {
    let within = Duration::from_millis(100)..=Duration::from_secs(600);
    duration(text)
        .ok()
        .filter(|d| within.contains(d))
        .ok_or_else(|| "must be a duration from 100ms to 10m".to_owned())
}

fn readers(text: &str) -> Result<usize, String> {
    whole(text, 1, 64)
}

fn queue_size(text: &str) -> Result<usize, String> {
    whole(text, 1, 1_000_000)
}

fn body_limit(text: &str) -> Result<usize, String> {
    whole(text, 1024, 64 * 1024 * 1024)
}

fn whole(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("must be a whole number from {least} to {most}"))
}
