//! The open loop: requests leave by the clock and not when the server is done with those before. A latency counts from
//! when its request should have left, so that a stall is felt by all who would have come meanwhile.

mod filler;
mod line;

use crate::stop::Stop;
use crate::wrk::Entry;
use anyhow::{Context, Result, bail};
use filler::Filler;
use line::Line;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How many connections there are.
pub const CONNECTIONS: usize = 64;

const TIMER: Token = Token(usize::MAX - 1);
/// How long the last answers may take.
const GRACE: Duration = Duration::from_secs(10);

/// How fast, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Requests a second.
    pub rate: f64,
    /// Not recorded at the beginning.
    pub warm_up: Duration,
    /// Recorded.
    pub length: Duration,
}

/// A latency: of the request that was to leave at an offset from the end of the warm-up.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub offset: Duration,
    pub latency: Duration,
}

/// Loads a server, gives each latency to `record`, and says how many requests found no free connection in time at all:
/// their age at the end is recorded as their latency.
pub fn run(
    address: SocketAddr,
    load: &[Entry],
    prefix: &str,
    pace: Pace,
    stop: &Stop,
    record: &mut dyn FnMut(Sample),
) -> Result<u64> {
    let mut driver = Driver::open(address, load, prefix, pace)?;
    while !driver.is_over() {
        stop.check()?;
        driver.send_due()?;
        driver.wait(record)?;
    }
    Ok(driver.give_up(record))
}

struct Driver {
    poll: Poll,
    events: Events,
    timer: OwnedFd,
    lines: Vec<Line>,
    /// The one that was used longest ago first: a server may close one that is never used.
    idle: VecDeque<usize>,
    filler: Filler,
    began: Instant,
    pace: Pace,
    /// How many have left.
    sent: u64,
}

impl Driver {
    fn open(address: SocketAddr, load: &[Entry], prefix: &str, pace: Pace) -> Result<Self> {
        let poll = Poll::new()?;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        let mut lines = Vec::new();
        for index in 0..CONNECTIONS {
            let mut line = Line::open(address)?;
            poll.registry().register(line.stream(), Token(index), Interest::READABLE)?;
            lines.push(line);
        }
        let filler = Filler::new(load, prefix)?;
        let (events, idle) = (Events::with_capacity(2 * CONNECTIONS), (0..CONNECTIONS).collect());
        Ok(Self { poll, events, timer, lines, idle, filler, began: Instant::now(), pace, sent: 0 })
    }

    /// When the request of a number is to leave, from the beginning.
    fn due(&self, number: u64) -> Duration {
        Duration::from_secs_f64(crate::stats::number(number) / self.pace.rate)
    }

    fn end(&self) -> Duration {
        self.pace.warm_up + self.pace.length
    }

    fn is_over(&self) -> bool {
        let now = self.began.elapsed();
        let all_sent = self.due(self.sent) >= self.end() || now >= self.end();
        all_sent && (self.idle.len() == self.lines.len() || now >= self.end() + GRACE)
    }

    /// Sends what is due, as long as a connection is free; then sets the timer to the next.
    fn send_due(&mut self) -> Result<()> {
        loop {
            let (now, due) = (self.began.elapsed(), self.due(self.sent));
            if due >= self.end() || now >= self.end() {
                return Ok(());
            }
            if due > now {
                return self.wake_in(due - now);
            }
            let Some(index) = self.idle.pop_front() else { return Ok(()) };
            let line = self.lines.get_mut(index).context("a line")?;
            line.send(self.filler.next()?, due)?;
            self.sent += 1;
        }
    }

    fn wake_in(&self, time: Duration) -> Result<()> {
        let it_value =
            Timespec { tv_sec: i64::try_from(time.as_secs())?, tv_nsec: time.subsec_nanos().into() };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })?;
        Ok(())
    }

    fn wait(&mut self, record: &mut dyn FnMut(Sample)) -> Result<()> {
        // The limit is for Ctrl-C and for the end.
        match self.poll.poll(&mut self.events, Some(Duration::from_millis(50))) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => bail!(error),
            _ => {}
        }
        let tokens: Vec<Token> = self.events.iter().map(mio::event::Event::token).collect();
        for token in tokens {
            if token == TIMER {
                let mut expirations = [0; 8];
                let _ = rustix::io::read(&self.timer, &mut expirations);
            } else if let Some(due) = self.lines.get_mut(token.0).context("a line")?.receive()? {
                self.idle.push_back(token.0);
                self.record(due, record);
            }
        }
        Ok(())
    }

    fn record(&self, due: Duration, record: &mut dyn FnMut(Sample)) {
        if let Some(offset) = due.checked_sub(self.pace.warm_up) {
            record(Sample { offset, latency: self.began.elapsed().saturating_sub(due) });
        }
    }

    /// Records those that are still out, and those that never left.
    fn give_up(&self, record: &mut dyn FnMut(Sample)) -> u64 {
        self.lines.iter().filter_map(Line::waiting).for_each(|due| self.record(due, record));
        let unsent = (self.sent..).map(|number| self.due(number)).take_while(|due| *due < self.end());
        unsent.inspect(|due| self.record(*due, record)).count() as u64
    }
}
