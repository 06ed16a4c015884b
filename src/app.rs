//! The lifecycle of the server. `main` and the tests run the same [`App`].

use crate::clock::Clock;
use crate::config::Settings;
use crate::db::{self, Connection, Database, DatabaseUrl, ServerLock, migrate};
use crate::error::AppError;
use crate::first_key;
use crate::http::server::{self, Limits, Tls};
use crate::http::{State, metrics};
use crate::listen::{BoundSocket, ListenAddress};
use crate::logging;
use crate::tasks::old_changes::OldChanges;
use crate::tasks::{digests, erasures, followers, held, requests, retention, start, uses};
use actix_web::dev::{Server, ServerHandle};
use actix_web::web;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A server bound to its port.
pub struct App {
    server: Server,
    /// The server of `ROSTER_METRICS_LISTEN`.
    metrics: Option<ServerHandle>,
    address: SocketAddr,
    state: web::Data<State>,
    settings: Settings,
    tls: Option<Arc<Tls>>,
    signals: Signals,
    /// Prevents a second server from using the SQLite file until this server has closed it.
    _lock: ServerLock,
}

/// The signals that the server handles.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn watch() -> std::io::Result<Self> {
        let [terminate, interrupt, hangup] =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        Ok(Self { terminate: terminate?, interrupt: interrupt?, hangup: hangup? })
    }

    /// Waits for a signal that stops the server. Meanwhile, SIGHUP reloads the certificate.
    async fn stop(&mut self, tls: Option<&Tls>) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hangup.recv() => reload(tls),
            }
        }
    }
}

/// Reads the certificate and its key again.
fn reload(tls: Option<&Tls>) {
    match tls.map(Tls::reload) {
        Some(Ok(())) => log::info!("SIGHUP received: new connections use the reloaded certificate"),
        Some(Err(error)) => {
            log::error!(
                "SIGHUP received: the certificate is not reloaded, and the previous one remains in use: {error}"
            );
        }
        None => log::info!("SIGHUP received: there is nothing to reload, because ROSTER_TLS_CERT is not set"),
    }
}

impl App {
    /// Prepares the database and binds the port. Requires a running actix `System`.
    ///
    /// # Errors
    /// A one-line message if the database cannot be prepared or the port cannot be bound.
    pub async fn start(settings: Settings, clock: Clock) -> Result<Self, AppError> {
        // This comes first, because process 1, as in a container, ignores signals that have no handler.
        let mut signals = Signals::watch()
            .map_err(|error| AppError::new(format!("cannot install signal handlers: {error}")))?;
        let cannot_listen = cannot_listen(&settings.listen);
        // A busy port is detected before anything is changed. Clients can connect once the server is ready.
        let socket = settings.listen.bind().map_err(&cannot_listen)?;
        let metrics_socket = settings.metrics_listen.as_ref().map(bind).transpose()?;
        let tls = tls(&settings).map_err(AppError::new)?.map(Arc::new);
        create_database(&settings)?;
        let lock = ServerLock::acquire(&settings.database_url).map_err(AppError::new)?;
        let database = Database::start(&settings.database()).map_err(cannot_connect(&settings))?;
        let preparing = settings.clone();
        tokio::select! {
            prepared = web::block(move || prepare(&preparing)) => {
                prepared.map_err(AppError::new)??;
            }
            name = signals.stop(tls.as_deref()) => {
                // A normal return would wait for the preparing thread, which may be waiting for another server's
                // migrations.
                log::info!("{name} received during startup: exiting");
                logging::exit(1);
            }
        }
        let listener = socket.listen().map_err(&cannot_listen)?;
        let address = listener.local_addr().map_err(&cannot_listen)?;
        let public_url = settings.public_url_at(address);
        warn_about_addresses(&settings, address, &public_url);
        let state = web::Data::new(State::new(database, clock, &settings, public_url));
        let server = server::serve(state.clone(), listener, tls.clone(), limits(&settings));
        let server = server.map_err(cannot_listen)?;
        let metrics = match (metrics_socket, &settings.metrics_listen) {
            (Some(socket), Some(address)) => {
                let served = serve_metrics(socket, state.clone(), settings.send_timeout);
                Some(served.map_err(self::cannot_listen(address))?)
            }
            _ => None,
        };
        log::info!("listening on {}://{address}", if tls.is_some() { "https" } else { "http" });
        if settings.admin_keys().is_none() {
            first_key::create(&state.database, &state.clock, &settings.local_url(address)).await;
        }
        Ok(Self { server, metrics, address, state, settings, tls, signals, _lock: lock })
    }

    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves requests until SIGTERM or SIGINT, then lets accepted requests finish and closes the database.
    ///
    /// # Errors
    /// If the server fails, or the database does not close in time.
    pub async fn run(self) -> Result<(), AppError> {
        let delay = self.settings.drain_delay;
        let stop = stop_on_signal(self.signals, self.tls, self.server.handle(), self.state.clone(), delay);
        let stopping = actix_web::rt::spawn(stop);
        let (state, is_migrated) = (&self.state, self.settings.migrate_on_start);
        let (database, clock) = (state.database.clone(), state.clock.clone());
        let old_changes = Rc::new(OldChanges::new(database, clock, self.settings.changes_retention));
        let deleting = Rc::clone(&old_changes);
        let tasks = [
            start("retention", state, is_migrated, |state| {
                retention::run(state.database.clone(), state.clock.clone())
            }),
            start("erasures", state, is_migrated, erasures::run),
            start("held connections", state, is_migrated, |state| held::run(state.database.clone())),
            start("digests", state, is_migrated, |state| digests::run(state.database.clone())),
            start("old changes", state, is_migrated, move |_| {
                let deleting = Rc::clone(&deleting);
                async move { deleting.run().await }
            }),
            start("uses of keys", state, true, uses::run),
            start("followers", state, true, followers::run),
        ];
        let recording = start("requests", state, is_migrated, requests::run);
        let served = self.server.await.map_err(|error| AppError::new(format!("the server failed: {error}")));
        if let Some(metrics) = &self.metrics {
            metrics.stop(false).await;
        }
        stopping.abort();
        tasks.iter().for_each(|task| task.abort());
        // All requests have finished or timed out. Only their last database calls can still be running.
        let closing = tokio::time::timeout(CLOSE_WITHIN, async {
            uses::write(&self.state).await;
            requests::finish(&self.state, recording).await;
            old_changes.release().await;
            self.state.database.close().await;
        });
        closing.await.map_err(|_| AppError::new("the database did not close in time"))?;
        log::info!("stopped");
        served
    }
}

/// The certificate of the server. `None` for plain HTTP.
fn tls(settings: &Settings) -> Result<Option<Tls>, String> {
    match (&settings.tls_cert, &settings.tls_key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Tls::load(certificate, key).map(Some),
        (Some(_), None) => Err("ROSTER_TLS_CERT requires ROSTER_TLS_KEY: set both or neither".to_owned()),
        (None, Some(_)) => Err("ROSTER_TLS_KEY requires ROSTER_TLS_CERT: set both or neither".to_owned()),
    }
}

/// Time limit for closing the database. With the default shutdown timeout, the total stays below the ten seconds after
/// which container engines kill a process.
const CLOSE_WITHIN: Duration = Duration::from_millis(1500);

fn bind(address: &ListenAddress) -> Result<BoundSocket, AppError> {
    address.bind().map_err(cannot_listen(address))
}

fn cannot_listen(address: &ListenAddress) -> impl Fn(io::Error) -> AppError {
    move |error| AppError::new(format!("cannot listen on {address}: {error}"))
}

/// Starts the server of `ROSTER_METRICS_LISTEN`.
fn serve_metrics(
    socket: BoundSocket,
    state: web::Data<State>,
    send_timeout: Duration,
) -> io::Result<ServerHandle> {
    let listener = socket.listen()?;
    let address = listener.local_addr()?;
    let server = metrics::listener::serve(state, listener, send_timeout)?;
    let handle = server.handle();
    actix_web::rt::spawn(server);
    log::info!("serving metrics on http://{address}/metrics");
    Ok(handle)
}

/// The limits of the HTTP server.
fn limits(settings: &Settings) -> Limits {
    // A connection to SQLite opens up to four files: the database, the write-ahead log, the shared memory and a journal. A
    // connection to PostgreSQL opens one.
    let metrics = if settings.metrics_listen.is_some() { metrics::listener::MAX_CONNECTIONS } else { 0 };
    let reserved_files = OTHER_FILES + metrics + 4 * settings.database().connections();
    Limits {
        connections: settings.connections,
        send_timeout: settings.send_timeout,
        shutdown_timeout: settings.shutdown_timeout,
        reserved_files,
    }
}

/// The number of files that the process may need in addition to client and database connections.
const OTHER_FILES: usize = 64;

/// Creates the file of a SQLite database that does not exist, unless the server may not apply migrations.
fn create_database(settings: &Settings) -> Result<(), AppError> {
    let url = &settings.database_url;
    if !settings.migrate_on_start && url.is_missing() && !matches!(url, DatabaseUrl::Memory(_)) {
        return Err(AppError::new(format!(
            "the database {url} does not exist: create it with `roster migrate`"
        )));
    }
    db::create(url).map_err(AppError::new)
}

/// Applies or checks migrations, and logs warnings about unsafe database settings.
fn prepare(settings: &Settings) -> Result<(), AppError> {
    let url = &settings.database_url;
    if settings.migrate_on_start || matches!(url, DatabaseUrl::Memory(_)) {
        let applied = migrate::run(url).map_err(AppError::new)?;
        log::info!(applied; "migrations applied");
    } else {
        let pending = migrate::status(url).map_err(AppError::new)?.pending.len();
        if pending > 0 {
            log::warn!(pending; "migrations are pending: run `roster migrate`; until then, /readyz returns 503");
        }
    }
    for warning in Connection::check_settings(url).map_err(cannot_connect(settings))? {
        log::warn!("{warning}");
    }
    Ok(())
}

fn cannot_connect(settings: &Settings) -> impl FnOnce(diesel::ConnectionError) -> AppError {
    move |error| AppError::new(format!("cannot connect to the database {}: {error}", settings.database_url))
}

fn warn_about_addresses(settings: &Settings, address: SocketAddr, public_url: &str) {
    if !address.ip().to_canonical().is_loopback() && !public_url.starts_with("https://") {
        log::warn!(
            "keys cross the network unencrypted: set ROSTER_TLS_CERT and ROSTER_TLS_KEY, or set ROSTER_PUBLIC_URL to the \
             https:// address of a proxy"
        );
    }
    if settings.public_url.is_none() && address.ip().is_unspecified() {
        log::warn!("ROSTER_PUBLIC_URL is not set: clients on other machines cannot reach {public_url}");
    }
}

/// Stops the server at the first signal. A second signal exits immediately.
async fn stop_on_signal(
    mut signals: Signals,
    tls: Option<Arc<Tls>>,
    server: ServerHandle,
    state: web::Data<State>,
    drain_delay: Duration,
) {
    let name = signals.stop(tls.as_deref()).await;
    state.stop();
    log::info!("{name} received: stopping");
    actix_web::rt::spawn(async move {
        signals.stop(tls.as_deref()).await;
        log::warn!("second signal received: exiting immediately");
        logging::exit(1);
    });
    tokio::time::sleep(drain_delay).await;
    server.stop(true).await;
}
