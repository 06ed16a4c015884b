//! The HTTP server: the listener, its limits and its timeouts.

mod channel;
mod connection;
mod http2;
mod open_connections;
mod open_files;
pub(super) mod parking;
mod send_time;
mod tls;

pub use tls::Tls;

use super::State;
use actix_http::error::DispatchError;
use actix_http::{HttpServiceBuilder, Request};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, fn_factory, fn_service, map_config};
use actix_web::Error;
use actix_web::dev::{AppConfig, Server, ServiceResponse};
use actix_web::rt::net::TcpStream;
use actix_web::web;
use channel::Channel;
use connection::Connection;
pub(super) use connection::close_unread;
use futures_util::future::{Either, poll_fn};
use open_connections::OpenConnections;
use parking::Io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tls::Accepted;

/// The time for which an idle connection is kept open.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// The time within which the head of a request must arrive: the first one from the beginning of the connection, later
/// ones from their first byte. It is also the time for the handshake of TLS.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// The time within which a connection must close.
const DISCONNECT: Duration = Duration::from_secs(1);
/// The maximum number of open connections per worker thread.
const MAX_CONNECTIONS_PER_WORKER: usize = 25_000;

/// The limits of a [`Server`].
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The maximum number of connections, if it is lower than the limit on open files permits.
    pub connections: Option<usize>,
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
pub fn serve(
    state: web::Data<State>,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    limits: Limits,
) -> std::io::Result<Server> {
    let address = listener.local_addr()?;
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let files = open_files::raise_limit().saturating_sub(limits.reserved_files);
    let most = limits.connections.map_or(files, |connections| connections.min(files));
    let per_worker = (most / workers).clamp(2, MAX_CONNECTIONS_PER_WORKER);
    // A worker that has `per_worker` connections accepts no more, so idle connections are closed before that.
    let capacity = per_worker * workers;
    let connections = Arc::new(OpenConnections::new(capacity - (capacity / 8).max(1)));
    actix_web::rt::spawn(connections.watch());
    state.followers.lower_limit(capacity / 4 * 3);
    let builder = Server::build()
        .workers(workers)
        .disable_signals()
        .max_concurrent_connections(per_worker)
        .shutdown_timeout(limits.shutdown_timeout.as_secs_f64().ceil() as u64);
    let signal = builder.graceful_shutdown_signal();
    let stopping = move || {
        let signal = signal.clone();
        async move { signal.notified().await }
    };
    let http = move || {
        let (connections, tls, stopping) = (connections.clone(), tls.clone(), stopping.clone());
        let app = map_config(super::app(state.clone()).into_factory(), |()| AppConfig::default());
        fn_factory(move || {
            let (connections, tls, stopping) = (connections.clone(), tls.clone(), stopping.clone());
            let app = app.new_service(());
            async move {
                let app = Rc::new(app.await?);
                let http1 = Rc::new(http1(app.clone(), address, stopping.clone()).await?);
                Ok::<_, ()>(fn_service::<_, _, _, _, _, ()>(move |stream: TcpStream| {
                    let peer = stream.peer_addr().ok();
                    let connection =
                        Connection::new(stream, Rc::new(connections.open()), limits.send_timeout);
                    let Some(tls) = tls.clone() else {
                        return Either::Left(parking::serve(http1.clone(), Channel::plain(connection), peer));
                    };
                    let (app, http1, stopping) = (app.clone(), http1.clone(), stopping());
                    // Boxed, so that plain connections do not need the memory of the larger future.
                    Either::Right(Box::pin(async move {
                        match tls.accept(connection).await {
                            None => Ok(()),
                            Some(Accepted::Http1(stream)) => {
                                Box::pin(parking::serve(http1, Channel::encrypted(stream), peer)).await
                            }
                            Some(Accepted::Http2(stream)) => {
                                Box::pin(http2::serve(app, stream, peer, limits.send_timeout, stopping))
                                    .await;
                                Ok(())
                            }
                        }
                    }))
                }))
            }
        })
    };
    Ok(builder.listen("http", listener, http)?.run())
}

/// The dispatcher of HTTP/1.1, in front of the application.
async fn http1<S, F>(
    app: Rc<S>,
    address: SocketAddr,
    stopping: impl Fn() -> F + Clone + 'static,
) -> Result<impl Service<(Io, Option<SocketAddr>), Response = (), Error = DispatchError>, ()>
where
    S: Service<Request, Response = ServiceResponse, Error = Error> + 'static,
    F: Future<Output = ()> + 'static,
{
    HttpServiceBuilder::default()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(DISCONNECT)
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move {
                run_once_first().await;
                stopping().await;
            }
        })
        .on_connect_ext(|io: &Io, extensions| {
            extensions.insert(io.parking());
        })
        .local_addr(address)
        .h1(fn_factory(move || {
            let app = app.clone();
            async move { Ok::<_, ()>(app) }
        }))
        .new_service(())
        .await
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
