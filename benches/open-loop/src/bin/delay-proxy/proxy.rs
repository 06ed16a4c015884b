//! The connections, and the event loop that forwards their bytes.

use crate::direction::Direction;
use anyhow::Result;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// The listener among the registered sockets. The sockets of a connection have twice its number, and one more.
const LISTENER: u64 = 0;
/// Everything that is due so soon is sent together, because each wait costs processor time.
const TOGETHER: Duration = Duration::from_micros(20);
/// The events of one wait.
const EVENTS: usize = 256;
/// The bytes of one read.
const BUFFER: usize = 64 * 1024;

pub(crate) struct Proxy {
    listener: TcpListener,
    upstream: SocketAddr,
    delay: Duration,
    epoll: OwnedFd,
    connections: HashMap<u64, Connection>,
    last: u64,
    /// The connections that will have something to send, and when. The delay is constant, so the first is due first.
    due: VecDeque<(Instant, u64)>,
    buffer: Vec<u8>,
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
    requests: Direction,
    responses: Direction,
}

impl Proxy {
    pub(crate) fn new(listener: TcpListener, upstream: SocketAddr, delay: Duration) -> Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        let (connections, due, buffer) = (HashMap::new(), VecDeque::new(), vec![0; BUFFER]);
        Ok(Self { listener, upstream, delay, epoll, connections, last: LISTENER, due, buffer })
    }

    /// Forwards until the process is killed.
    pub(crate) fn run(mut self) -> Result<()> {
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            let until = self.due.front().map(|(due, _)| due.saturating_duration_since(Instant::now()));
            let timeout = until.map(Timespec::try_from).transpose()?;
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.as_ref()) {
                Err(Errno::INTR) => {}
                result => drop(result?),
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    socket => self.wake(socket, event.flags),
                }
            }
            self.forward_due();
        }
    }

    fn accept(&mut self) -> Result<()> {
        let (client, _) = self.listener.accept()?;
        let server = TcpStream::connect(self.upstream)?;
        self.last += 1;
        for (socket, number) in [&client, &server].into_iter().zip(2 * self.last..) {
            socket.set_nodelay(true)?;
            socket.set_nonblocking(true)?;
            // Edge-triggered: an event means that something changed, so sockets are read until they are empty.
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&self.epoll, socket, EventData::new_u64(number), flags)?;
        }
        let (requests, responses) = Default::default();
        self.connections.insert(self.last, Connection { client, server, requests, responses });
        Ok(())
    }

    fn wake(&mut self, socket: u64, flags: EventFlags) {
        let (number, is_client) = (socket / 2, socket.is_multiple_of(2));
        let hung_up = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        if let Some(Connection { requests, responses, .. }) = self.connections.get_mut(&number) {
            if is_client { requests } else { responses }.set_readable(hung_up);
        }
        self.forward(number);
    }

    fn forward_due(&mut self) {
        while let Some((due, number)) = self.due.front().copied()
            && due <= Instant::now() + TOGETHER
        {
            self.due.pop_front();
            self.forward(number);
        }
    }

    /// Sends and receives what a connection can. Removes it when it has ended or is broken.
    fn forward(&mut self, number: u64) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let now = Instant::now();
        let due = now + self.delay;
        match connection.forward(&mut self.buffer, now + TOGETHER, due) {
            Ok(true) => self.due.push_back((due, number)),
            Ok(false) if !connection.is_over(now + TOGETHER) => {}
            _ => drop(self.connections.remove(&number)),
        }
    }
}

impl Connection {
    /// Returns whether anything has arrived.
    fn forward(&mut self, buffer: &mut [u8], now: Instant, due: Instant) -> io::Result<bool> {
        let Self { client, server, requests, responses } = self;
        let received = forward(requests, [client, server], buffer, [now, due])?;
        Ok(forward(responses, [server, client], buffer, [now, due])? || received)
    }

    fn is_over(&self, now: Instant) -> bool {
        self.requests.is_over(now) && self.responses.is_over(now)
    }
}

fn forward(
    direction: &mut Direction,
    [mut source, mut target]: [&TcpStream; 2],
    buffer: &mut [u8],
    [now, due]: [Instant; 2],
) -> io::Result<bool> {
    direction.send(&mut target, now)?;
    if direction.is_over(now) {
        // Fails if the other side has closed the connection.
        let _ = target.shutdown(Shutdown::Write);
    }
    direction.receive(&mut source, buffer, due)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::thread;

    const DELAY: Duration = Duration::from_millis(10);
    /// More than the proxy holds at a time, and more than the sockets buffer.
    const LENGTH: usize = 16 * 1024 * 1024;

    /// Returns a connection through a proxy to a server that returns what it receives.
    fn connect() -> TcpStream {
        let echo = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = echo.local_addr().unwrap();
        thread::spawn(move || {
            let (stream, _) = echo.accept().unwrap();
            io::copy(&mut &stream, &mut &stream).unwrap();
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || Proxy::new(listener, upstream, DELAY).unwrap().run());
        TcpStream::connect(address).unwrap()
    }

    #[test]
    fn everything_arrives_in_order_and_then_the_end() {
        let sent: Vec<u8> = (0..LENGTH).map(|number| (number / 7 % 251) as u8).collect();
        let (stream, copy) = (connect(), sent.clone());
        let mut writer = stream.try_clone().unwrap();
        let sender = thread::spawn(move || {
            writer.write_all(&copy).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = Vec::new();
        (&stream).read_to_end(&mut received).unwrap();
        sender.join().unwrap();
        assert!(received == sent);
    }

    #[test]
    fn a_round_trip_takes_two_delays() {
        let (mut stream, mut byte) = (connect(), [0]);
        let began = Instant::now();
        stream.write_all(&[1]).unwrap();
        stream.read_exact(&mut byte).unwrap();
        assert!(began.elapsed() >= 2 * (DELAY - TOGETHER));
    }
}
