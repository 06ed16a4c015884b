//! A proxy to PostgreSQL that breaks a connection at a chosen message.

use crate::support::database::Database;
use crate::support::http::Client;
use crate::support::server::Server;
use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Generates a test for each call of an async function. Each call has its own test because it takes seconds.
macro_rules! proxy_tests {
    ($($test:ident = $call:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            $call.await;
        }
    )*};
}
pub(crate) use proxy_tests;

/// Time limit for a response of PostgreSQL.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The message at which a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BreakPoint {
    Commit,
    /// The end of a statement that creates users outside a transaction.
    Creation,
    /// A message by its number within the transaction. BEGIN has the number 0.
    Message(usize),
}

/// Whether a connection breaks before or after PostgreSQL receives the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// PostgreSQL does not receive the message.
    Before,
    /// PostgreSQL has executed the message (unless it waits for a later one), and its response is lost.
    After,
}

/// A server that reaches its PostgreSQL database through a proxy.
pub(crate) struct ProxiedServer {
    pub(crate) client: Client,
    /// Kills the server when this is dropped.
    _server: Server,
    pub(crate) proxy: Proxy,
    pub(crate) database: Database,
}

impl ProxiedServer {
    /// Starts a server on a new database, with these settings as environment variables.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        let database = Database::postgres();
        let (proxy, url) = Proxy::to(&database.url());
        let mut builder = Server::builder(&url);
        for (name, value) in settings {
            builder = builder.env(name, value);
        }
        let server = builder.start();
        // A transaction of a background task must not be mistaken for that of a request. The retention task ends its first
        // round with this statement.
        let retention = "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() AND \
                         application_name = 'roster' AND state = 'idle' AND query LIKE '%FROM \"changes\"%'";
        database.sql().wait_for_number(retention, 1, Duration::from_secs(10));
        Self { client: Client::new(&server), _server: server, proxy, database }
    }
}

/// Forwards messages between servers and PostgreSQL.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: Vec<SocketAddr>,
    state: Mutex<State>,
    changed: Condvar,
    closing: AtomicBool,
}

#[derive(Default)]
struct State {
    break_at: Option<(BreakPoint, Side)>,
    /// The message at which a connection broke.
    broken: Option<String>,
    /// The number of transactions that have begun, and of statements that create users outside a transaction.
    transactions: u64,
    frozen: bool,
}

impl Proxy {
    /// A proxy to the server of a PostgreSQL URL, and the URL through the proxy. TLS is off, so that the proxy can read
    /// the messages.
    pub(crate) fn to(url: &str) -> (Self, String) {
        let (credentials, rest) = url.rsplit_once('@').expect("the URL names a user");
        let (target, database) = rest.split_once('/').expect("the URL names a database");
        let target = target.to_socket_addrs().expect("the URL names a server").collect();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("the socket has an address");
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { target, state, changed, closing: AtomicBool::new(false) });
        let accepting = shared.clone();
        thread::spawn(move || accepting.accept(&listener));
        let url = format!("{credentials}@{address}/{database}?sslmode=disable");
        (Self { address, shared }, url)
    }

    /// Breaks the first connection that reaches this point, and no other.
    pub(crate) fn break_at(&self, point: BreakPoint, side: Side) {
        let mut state = self.shared.state();
        state.break_at = Some((point, side));
        state.broken = None;
    }

    /// The message at which a connection broke, if one did. No connection breaks from now on.
    pub(crate) fn take_broken(&self) -> Option<String> {
        let mut state = self.shared.state();
        state.break_at = None;
        state.broken.take()
    }

    /// The number of transactions that have begun through the proxy, and of statements that create users outside a
    /// transaction.
    pub(crate) fn transactions(&self) -> u64 {
        self.shared.state().transactions
    }

    /// Stops or resumes forwarding, like a network that drops packets.
    pub(crate) fn freeze(&self, frozen: bool) {
        self.shared.state().frozen = frozen;
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        self.freeze(false);
        // Wakes the accepting thread.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while the proxy is frozen.
    fn wait_while_frozen(&self) {
        let state = self.changed.wait_while(self.state(), |state| state.frozen);
        drop(state.unwrap_or_else(PoisonError::into_inner));
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            if self.closing.load(Ordering::Acquire) {
                return;
            }
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(&self.target[..])) else { continue };
            let connection =
                ProxiedConnection { shared: self.clone(), client, server, response: Arc::default() };
            let (forward, backward) = (connection.clone(), connection);
            // Both ignore errors, because either end may close the connection at any time.
            thread::spawn(move || drop(forward.forward_requests()));
            thread::spawn(move || drop(backward.forward_responses()));
        }
    }
}

/// One connection through the proxy.
struct ProxiedConnection {
    shared: Arc<Shared>,
    client: TcpStream,
    server: TcpStream,
    response: Arc<Discard>,
}

/// Responses that are not forwarded.
#[derive(Default)]
struct Discard {
    state: Mutex<DiscardState>,
    changed: Condvar,
}

#[derive(Default)]
struct DiscardState {
    enabled: bool,
    /// Whether a response was discarded.
    discarded: bool,
}

impl ProxiedConnection {
    fn clone(&self) -> Self {
        let copy = |stream: &TcpStream| stream.try_clone().expect("the socket is cloned");
        Self {
            shared: self.shared.clone(),
            client: copy(&self.client),
            server: copy(&self.server),
            response: self.response.clone(),
        }
    }

    /// Forwards messages from the client to PostgreSQL.
    fn forward_requests(mut self) -> io::Result<()> {
        self.client.set_nodelay(true)?;
        self.server.set_nodelay(true)?;
        // The startup message has no type byte.
        let startup = self.message(0)?;
        self.server.write_all(&startup)?;
        let mut progress = Progress::default();
        loop {
            let message = match self.message(1) {
                Ok(message) => message,
                Err(error) => {
                    self.break_off();
                    return Err(error);
                }
            };
            self.shared.wait_while_frozen();
            match self.side(&message, &mut progress) {
                None => self.server.write_all(&message)?,
                Some(Side::Before) => {
                    self.break_off();
                    return Ok(());
                }
                Some(Side::After) => {
                    self.forward_and_discard_response(&message)?;
                    self.break_off();
                    return Ok(());
                }
            }
        }
    }

    /// Forwards bytes from PostgreSQL to the client.
    fn forward_responses(mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        loop {
            let length = self.server.read(&mut buffer).unwrap_or(0);
            if length == 0 {
                self.break_off();
                return Ok(());
            }
            self.shared.wait_while_frozen();
            let mut state = self.response.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.enabled {
                state.discarded = true;
                self.response.changed.notify_all();
            } else {
                drop(state);
                self.client.write_all(&buffer[..length])?;
            }
        }
    }

    /// Reads a complete message. Its length field follows `offset` bytes.
    fn message(&mut self, offset: usize) -> io::Result<Vec<u8>> {
        let mut message = vec![0; offset + 4];
        self.client.read_exact(&mut message)?;
        let length: [u8; 4] = message[offset..].try_into().expect("the length field has four bytes");
        message.resize(offset + u32::from_be_bytes(length) as usize, 0);
        self.client.read_exact(&mut message[offset + 4..])?;
        Ok(message)
    }

    /// The side of this message on which the connection has to break, if any.
    fn side(&self, message: &[u8], progress: &mut Progress) -> Option<Side> {
        let text = text(message);
        let mut state = self.shared.state();
        if text.starts_with("Q BEGIN") {
            progress.in_transaction = Some(0);
            state.transactions += 1;
        }
        if progress.begins_creation(&text) {
            state.transactions += 1;
        }
        let commit = text.starts_with("Q COMMIT");
        let creation = progress.ends_creation(&text);
        let here = progress.in_transaction.map(BreakPoint::Message);
        let ends = commit || text.starts_with("Q ROLLBACK");
        progress.in_transaction = progress.in_transaction.filter(|_| !ends).map(|n| n + 1);
        let (point, side) = state.break_at?;
        let is_here = match point {
            BreakPoint::Commit => commit,
            BreakPoint::Creation => creation,
            BreakPoint::Message(_) => Some(point) == here,
        };
        if is_here {
            state.break_at = None;
            state.broken = Some(text);
            return Some(side);
        }
        None
    }

    /// Waits for the response to Query and Sync messages, which shows that they were executed. PostgreSQL does not respond to
    /// other messages at once.
    fn forward_and_discard_response(&mut self, message: &[u8]) -> io::Result<()> {
        let lock = || self.response.state.lock().unwrap_or_else(PoisonError::into_inner);
        lock().enabled = true;
        self.server.write_all(message)?;
        if matches!(message[0], b'Q' | b'S') {
            let waited = self.response.changed.wait_timeout_while(lock(), TIMEOUT, |state| !state.discarded);
            let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            assert!(state.discarded, "PostgreSQL does not respond");
        }
        Ok(())
    }

    fn break_off(&self) {
        // Either socket may already be closed.
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

/// What the client of a connection is doing.
#[derive(Default)]
struct Progress {
    /// The number of messages since BEGIN, in a transaction.
    in_transaction: Option<usize>,
    /// The names of the prepared statements that create users outside a transaction.
    creations: HashSet<String>,
    /// Whether such a statement runs.
    is_creating: bool,
}

impl Progress {
    /// Whether a message starts a statement that creates users outside a transaction. Only such a statement updates a head
    /// row together with the users.
    fn begins_creation(&mut self, text: &str) -> bool {
        let name = || text.split_whitespace().nth(1).unwrap_or_default().to_owned();
        if text.starts_with("P ") && text.contains("INTO users") && text.contains("UPDATE heads") {
            self.creations.insert(name());
        }
        self.is_creating |= text.starts_with("B ") && self.creations.contains(&name());
        self.is_creating && text.starts_with("B ")
    }

    /// Whether a message ends such a statement, which then commits.
    fn ends_creation(&mut self, text: &str) -> bool {
        text.starts_with('S') && std::mem::take(&mut self.is_creating)
    }
}

/// The type and the text of a message.
fn text(message: &[u8]) -> String {
    let body = String::from_utf8_lossy(message.get(5..).unwrap_or_default());
    format!("{} {}", char::from(message[0]), body.replace('\0', " ").trim())
}
