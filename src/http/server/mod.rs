//! The HTTP server: the listener, its limits and its timeouts.

mod connection;
mod open_connections;
mod open_files;
pub(super) mod parking;
mod send_time;

use super::State;
use actix_http::HttpServiceBuilder;
use actix_service::{IntoServiceFactory, ServiceFactory, fn_factory, fn_service, map_config};
use actix_web::dev::{AppConfig, Server};
use actix_web::rt::net::TcpStream;
use actix_web::web;
use connection::Connection;
pub(super) use connection::close_unread;
use futures_util::future::poll_fn;
use open_connections::OpenConnections;
use parking::Io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// The time for which an idle connection is kept open.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// The time within which the first request of a connection must arrive.
const FIRST_REQUEST: Duration = Duration::from_secs(5);
/// The time within which a connection must close.
const DISCONNECT: Duration = Duration::from_secs(1);
/// The maximum number of open connections per worker thread.
const MAX_CONNECTIONS_PER_WORKER: usize = 25_000;

/// The limits of a [`Server`].
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The time after which a connection is closed if its client does not read.
    pub send_timeout: Duration,
    /// The time within which accepted requests must finish at shutdown, rounded up to whole seconds.
    pub shutdown_timeout: Duration,
    /// The number of open files that the rest of the process may need.
    pub reserved_files: usize,
}

/// Starts serving the requests that arrive at a listener.
///
/// # Errors
/// If the listener has been closed.
pub fn serve(state: web::Data<State>, listener: TcpListener, limits: Limits) -> std::io::Result<Server> {
    let address = listener.local_addr()?;
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let most = open_files::raise_limit().saturating_sub(limits.reserved_files);
    let per_worker = (most / workers).clamp(2, MAX_CONNECTIONS_PER_WORKER);
    // A worker that has `per_worker` connections accepts no more, so idle connections are closed before that.
    let capacity = per_worker * workers;
    let connections = Arc::new(OpenConnections::new(capacity - (capacity / 8).max(1)));
    state.followers.lower_limit(capacity / 4 * 3);
    let builder = Server::build()
        .workers(workers)
        .disable_signals()
        .max_concurrent_connections(per_worker)
        .shutdown_timeout(limits.shutdown_timeout.as_secs_f64().ceil() as u64);
    let stopping = builder.graceful_shutdown_signal();
    let http = move || {
        let (connections, stopping) = (connections.clone(), stopping.clone());
        let app = super::app(state.clone()).into_factory();
        let http = HttpServiceBuilder::default()
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(FIRST_REQUEST)
            .client_disconnect_timeout(DISCONNECT)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move {
                    run_once_first().await;
                    stopping.notified().await;
                }
            })
            .on_connect_ext(|io: &Io, extensions| {
                extensions.insert(io.parking());
            })
            .local_addr(address)
            .h1(map_config(app, |()| AppConfig::default()));
        fn_factory(move || {
            let (http, connections) = (http.new_service(()), connections.clone());
            async move {
                let http = Rc::new(http.await?);
                Ok::<_, ()>(fn_service::<_, _, _, _, _, ()>(move |stream: TcpStream| {
                    let peer = stream.peer_addr().ok();
                    let connection = Connection::new(stream, connections.open(), limits.send_timeout);
                    parking::serve(http.clone(), connection, peer)
                }))
            }
        })
    };
    Ok(builder.listen("http", listener, http)?.run())
}

/// Lets the dispatcher run once before it learns that the server is stopping. Otherwise, a parked
/// request that is woken by the shutdown would not run again.
async fn run_once_first() {
    let mut has_run = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_run, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
