//! A connection to PostgreSQL that breaks where a test wants it to.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// PostgreSQL answers within this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// A message that a connection is to break at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// COMMIT.
    Commit,
    /// The message of a transaction with this number, from its BEGIN, which is 0.
    Message(usize),
}

/// On which side of the message it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// PostgreSQL does not see the message.
    Before,
    /// PostgreSQL has carried it out (if it does so at once), and its answer is lost.
    After,
}

/// Passes messages on between servers and PostgreSQL, on a port of its own.
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
    cut: Option<(Point, Side)>,
    /// The message at which it broke.
    hit: Option<String>,
    /// How many transactions were begun.
    begun: u64,
    frozen: bool,
}

impl Proxy {
    /// A proxy to the server of a PostgreSQL URL, and the URL that goes through it. TLS is off: it is to be read.
    pub(crate) fn to(url: &str) -> (Self, String) {
        let (credentials, rest) = url.rsplit_once('@').expect("a URL with a user");
        let (target, database) = rest.split_once('/').expect("a URL with a database");
        let target = target.to_socket_addrs().expect("the address of a server").collect();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { target, state, changed, closing: AtomicBool::new(false) });
        let accepting = shared.clone();
        thread::spawn(move || accepting.accept(&listener));
        let url = format!("{credentials}@{address}/{database}?sslmode=disable");
        (Self { address, shared }, url)
    }

    /// Breaks the next connection that comes to this point, and only that one.
    pub(crate) fn cut(&self, point: Point, side: Side) {
        let mut state = self.shared.state();
        state.cut = Some((point, side));
        state.hit = None;
    }

    /// The message at which a connection broke, after which none does any more.
    pub(crate) fn take_hit(&self) -> Option<String> {
        let mut state = self.shared.state();
        state.cut = None;
        state.hit.take()
    }

    /// How many transactions were begun through it.
    pub(crate) fn begun(&self) -> u64 {
        self.shared.state().begun
    }

    /// Whether it keeps what it is given to itself, as a network that swallows packets.
    pub(crate) fn freeze(&self, frozen: bool) {
        self.shared.state().frozen = frozen;
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        self.freeze(false);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while frozen.
    fn pass(&self) {
        let state = self.changed.wait_while(self.state(), |state| state.frozen);
        drop(state.unwrap_or_else(PoisonError::into_inner));
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            if self.closing.load(Ordering::Acquire) {
                return;
            }
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(&self.target[..])) else { continue };
            let link = Link { shared: self.clone(), client, server, answer: Arc::default() };
            // Either end of it may break at any time.
            let (forth, back) = (link.clone(), link);
            thread::spawn(move || drop(forth.forth()));
            thread::spawn(move || drop(back.back()));
        }
    }
}

/// One connection through the proxy.
struct Link {
    shared: Arc<Shared>,
    client: TcpStream,
    server: TcpStream,
    answer: Arc<Swallowed>,
}

/// Answers that must not come back.
#[derive(Default)]
struct Swallowed {
    /// Whether answers are swallowed, and whether one was.
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Link {
    fn clone(&self) -> Self {
        let copy = |stream: &TcpStream| stream.try_clone().expect("a copy of a socket");
        Self {
            shared: self.shared.clone(),
            client: copy(&self.client),
            server: copy(&self.server),
            answer: self.answer.clone(),
        }
    }

    /// From the client to PostgreSQL, message by message.
    fn forth(mut self) -> io::Result<()> {
        self.client.set_nodelay(true)?;
        self.server.set_nodelay(true)?;
        // The first one has no type.
        let startup = self.message(0)?;
        self.server.write_all(&startup)?;
        let mut in_transaction = None;
        loop {
            let message = match self.message(1) {
                Ok(message) => message,
                Err(error) => {
                    self.break_off();
                    return Err(error);
                }
            };
            self.shared.pass();
            match self.side(&message, &mut in_transaction) {
                None => self.server.write_all(&message)?,
                Some(Side::Before) => {
                    self.break_off();
                    return Ok(());
                }
                Some(Side::After) => {
                    self.forward_and_swallow(&message)?;
                    self.break_off();
                    return Ok(());
                }
            }
        }
    }

    /// From PostgreSQL to the client.
    fn back(mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        loop {
            let length = self.server.read(&mut buffer).unwrap_or(0);
            if length == 0 {
                self.break_off();
                return Ok(());
            }
            self.shared.pass();
            let mut answer = self.answer.state.lock().unwrap_or_else(PoisonError::into_inner);
            if answer.0 {
                answer.1 = true;
                self.answer.changed.notify_all();
            } else {
                drop(answer);
                self.client.write_all(&buffer[..length])?;
            }
        }
    }

    /// A whole message; its length stands behind `offset` bytes.
    fn message(&mut self, offset: usize) -> io::Result<Vec<u8>> {
        let mut message = vec![0; offset + 4];
        self.client.read_exact(&mut message)?;
        let length: [u8; 4] = message[offset..].try_into().expect("four bytes");
        message.resize(offset + u32::from_be_bytes(length) as usize, 0);
        self.client.read_exact(&mut message[offset + 4..])?;
        Ok(message)
    }

    /// On which side of this message the connection is to break, if it is.
    fn side(&self, message: &[u8], in_transaction: &mut Option<usize>) -> Option<Side> {
        let text = text(message);
        let mut state = self.shared.state();
        if text.starts_with("Q BEGIN") {
            *in_transaction = Some(0);
            state.begun += 1;
        }
        let commit = text.starts_with("Q COMMIT");
        let here = (*in_transaction).map(Point::Message);
        *in_transaction =
            in_transaction.filter(|_| !commit && !text.starts_with("Q ROLLBACK")).map(|n| n + 1);
        let (point, side) = state.cut?;
        if Some(point) == here || point == Point::Commit && commit {
            state.cut = None;
            state.hit = Some(text);
            return Some(side);
        }
        None
    }

    /// Only a query and a sync are answered at once: then the answer has come, so it is carried out.
    fn forward_and_swallow(&mut self, message: &[u8]) -> io::Result<()> {
        let lock = || self.answer.state.lock().unwrap_or_else(PoisonError::into_inner);
        lock().0 = true;
        self.server.write_all(message)?;
        if matches!(message[0], b'Q' | b'S') {
            let waited = self.answer.changed.wait_timeout_while(lock(), PATIENCE, |state| !state.1);
            let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            assert!(state.1, "PostgreSQL does not answer");
        }
        Ok(())
    }

    fn break_off(&self) {
        // Either may be closed already.
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

/// The type and the text of a message.
fn text(message: &[u8]) -> String {
    let body = String::from_utf8_lossy(message.get(5..).unwrap_or_default());
    format!("{} {}", char::from(message[0]), body.replace('\0', " ").trim())
}
