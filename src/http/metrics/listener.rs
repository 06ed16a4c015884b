//! The separate listener for metrics, which needs no key. It must not be reachable from outside.

use super::{read_docs, respond};
use crate::http::endpoint::{get, url};
use crate::http::no_such_path;
use crate::http::observe::observe;
use crate::http::params::NoQuery;
use crate::http::response::Response;
use crate::http::server::close_unread;
use crate::http::state::State;
use actix_web::dev::Server;
use actix_web::middleware::{Compress, from_fn};
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpRequest, HttpServer, web};
use std::io;
use std::net::TcpListener;
use std::time::Duration;

/// The maximum number of open connections.
pub(crate) const MAX_CONNECTIONS: usize = 32;
/// The time within which a request must arrive.
const REQUEST: Duration = Duration::from_secs(5);
/// The time within which a connection must close.
const DISCONNECT: Duration = Duration::from_secs(1);
/// The time for which an idle connection is kept open. Most scrape intervals are shorter.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Starts serving the metrics. The server runs until it is stopped.
///
/// # Errors
/// If the listener has been closed.
pub(crate) fn serve(
    state: web::Data<State>,
    listener: TcpListener,
    send_timeout: Duration,
) -> io::Result<Server> {
    let app = move || {
        App::new()
            .app_data(state.clone())
            .wrap(Compress::default())
            .wrap(from_fn(observe))
            // Unlike other compressed responses, this one does not count as unread: an overload must not hide it.
            .service(url("/metrics", [get(read).docs(read_docs)]).service())
            .default_service(web::to(no_such_path))
    };
    let server = HttpServer::new(app)
        .workers(1)
        .max_connections(MAX_CONNECTIONS)
        .client_request_timeout(REQUEST)
        .client_disconnect_timeout(DISCONNECT)
        .keep_alive(KEEP_ALIVE)
        .on_connect(move |connection, _| {
            if let Some(stream) = connection.downcast_ref::<TcpStream>() {
                close_unread(stream, send_timeout);
            }
        })
        .disable_signals();
    Ok(server.listen(listener)?.run())
}

async fn read(_: NoQuery, request: HttpRequest, state: web::Data<State>) -> Response {
    respond(&request, state).await
}
