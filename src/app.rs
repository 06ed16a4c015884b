//! The server from start to stop: the app in `main` is the app in tests.

use crate::cli;
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::{Connection, Database, DatabaseUrl, migrate};
use crate::domain::DEFAULT_TENANT;
use crate::domain::key::{Draft, Role};
use crate::domain::origin::Origin;
use crate::error::AppError;
use crate::http::{self, State};
use crate::ops::keys::AnyOperator;
use crate::tasks::{retention, uses};
use actix_web::dev::{Server, ServerHandle};
use actix_web::{HttpServer, web};
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A server that is bound to its port.
pub struct App {
    server: Server,
    address: SocketAddr,
    state: web::Data<State>,
    settings: Settings,
    signals: Signals,
}

/// What tells the server to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn watch() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

impl App {
    /// Makes the database ready and binds the port. Wants a running actix `System`.
    ///
    /// # Errors
    /// One clear line: what could not be done, and why.
    pub async fn start(settings: Settings, clock: Clock) -> Result<Self, AppError> {
        // From the first moment on: a process 1, as in a container, is not ended by a signal that it does not watch.
        let mut signals =
            Signals::watch().map_err(|error| AppError::new(format!("cannot watch for signals: {error}")))?;
        let database = Database::start(&settings.database()).map_err(cannot_connect(&settings))?;
        let preparing = settings.clone();
        tokio::select! {
            prepared = web::block(move || prepare(&preparing)) => {
                prepared.map_err(|error| AppError::new(error.to_string()))??;
            }
            name = signals.next() => {
                // What is left to end would be waited for: the thread that waits for others to migrate.
                log::info!("{name}: ending while starting");
                std::process::exit(1);
            }
        }
        let cannot_listen = |error| AppError::new(format!("cannot listen on {}: {error}", settings.listen));
        let listener = std::net::TcpListener::bind(settings.listen).map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let public_url = settings.public_url_at(address);
        warn_of(&settings, address, &public_url);
        if settings.admin_key.is_none() {
            offer_a_key(&database, &clock).await;
        }
        let state = web::Data::new(State::new(database, clock, &settings, public_url));
        let in_workers = state.clone();
        let server = HttpServer::new(move || http::app(in_workers.clone()))
            .disable_signals()
            .keep_alive(Duration::from_secs(75))
            .shutdown_timeout(settings.shutdown_timeout.as_secs_f64().ceil() as u64)
            .listen(listener)
            .map_err(cannot_listen)?
            .run();
        log::info!("listening on http://{address}");
        Ok(Self { server, address, state, settings, signals })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until SIGTERM or SIGINT; then lets accepted requests finish and closes the database.
    ///
    /// # Errors
    /// When the server fails, or the database does not close in time.
    pub async fn run(self) -> Result<(), AppError> {
        let delay = self.settings.drain_delay;
        let stop = stop_on_signal(self.signals, self.server.handle(), self.state.clone(), delay);
        let stopping = actix_web::rt::spawn(stop);
        let retention = retention::run(self.state.database.clone(), self.state.clock.clone());
        let tasks = [actix_web::rt::spawn(retention), actix_web::rt::spawn(uses::run(self.state.clone()))];
        let served = self.server.await.map_err(|error| AppError::new(format!("the server failed: {error}")));
        stopping.abort();
        tasks.iter().for_each(|task| task.abort());
        // The requests are over, or were given up: what they still have under way is all that this waits for.
        let closing = tokio::time::timeout(CLOSE_WITHIN, async {
            uses::write(&self.state).await;
            self.state.database.close().await;
        });
        closing.await.map_err(|_| AppError::new("the database did not close in time"))?;
        log::info!("stopped");
        served
    }
}

/// How long the last operations may take when the server has stopped. With the default of the shutdown timeout it
/// leaves room before the ten seconds that container engines wait.
const CLOSE_WITHIN: Duration = Duration::from_millis(1500);

/// Migrates, and warns of what the database's settings put at risk.
fn prepare(settings: &Settings) -> Result<(), AppError> {
    let cannot_migrate = |error: migrate::MigrationError| AppError::new(error.to_string());
    let url = &settings.database_url;
    if settings.migrate_on_start || matches!(url, DatabaseUrl::Memory(_)) {
        let applied = migrate::run(url).map_err(cannot_migrate)?;
        log::info!(applied; "the database is migrated");
    } else {
        let pending = migrate::status(url).map_err(cannot_migrate)?.pending.len();
        if pending > 0 {
            log::warn!(pending; "migrations are pending: run `roster migrate`; /readyz says 503 until then");
        }
    }
    for risk in Connection::risks(url).map_err(cannot_connect(settings))? {
        log::warn!("{risk}");
    }
    Ok(())
}

fn cannot_connect(settings: &Settings) -> impl FnOnce(diesel::ConnectionError) -> AppError {
    move |error| AppError::new(format!("cannot connect to the database {}: {error}", settings.database_url))
}

fn warn_of(settings: &Settings, address: SocketAddr, public_url: &str) {
    if settings.public_url.is_none() && address.ip().is_unspecified() {
        log::warn!("ROSTER_PUBLIC_URL is not set: clients elsewhere will not find {public_url}");
    }
}

/// The first key: somebody must have one to make others. On a terminal it is made and shown, once.
async fn offer_a_key(database: &Database, clock: &Clock) {
    if !matches!(database.call(&Origin::server(), AnyOperator).await, Ok(false)) {
        return;
    }
    if !std::io::stdout().is_terminal() {
        log::warn!("no key is good yet: run `roster key create --role operator`, or set ROSTER_ADMIN_KEY");
        return;
    }
    let draft = Draft { name: Some("first".to_owned()), role: Role::Operator, expires_at: None };
    match cli::keys::create(database, DEFAULT_TENANT, draft, clock.now()).await {
        Ok(secret) => println!("The first key, of role operator, shown this once: {}", secret.reveal()),
        Err(error) => log::error!("the first key could not be made: {error}"),
    }
}

/// What is done at the first signal. A second one ends the process at once, as the system would.
async fn stop_on_signal(
    mut signals: Signals,
    server: ServerHandle,
    state: web::Data<State>,
    drain_delay: Duration,
) {
    let name = signals.next().await;
    state.stop();
    log::info!("{name}: stopping");
    actix_web::rt::spawn(async move {
        signals.next().await;
        log::warn!("a second signal: ending at once");
        std::process::exit(1);
    });
    tokio::time::sleep(drain_delay).await;
    server.stop(true).await;
}
