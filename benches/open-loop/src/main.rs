//! An open-loop load generator: it sends requests at a fixed rate, however long the responses take. Latency is measured
//! from the scheduled start of a request, so a stall of the server affects every request that should have started
//! during it. wrk has no open loop, and oha cannot mix requests or create a unique user with each.
//!
//! Reads a [`Plan`] as JSON from stdin and writes [`Results`] as JSON to stdout.

mod connection;
mod requests;

use anyhow::{Context, Result, bail};
use connection::Connection;
use hdrhistogram::Histogram;
use requests::{Entry, Requests};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// How long to wait for the last responses.
const GRACE: Duration = Duration::from_secs(10);
/// Latencies are recorded up to ten minutes, with three significant digits.
const LONGEST_MICROS: u64 = 600_000_000;

/// The load. Times are in seconds.
#[derive(Deserialize)]
struct Plan {
    address: SocketAddr,
    connections: usize,
    /// Requests per second.
    rate: f64,
    /// Latencies of the warm-up are not recorded.
    warm_up: u64,
    length: u64,
    /// Latencies are summarized for consecutive intervals of each of these lengths.
    intervals: Vec<u64>,
    /// The first ten digits of each new number.
    prefix: String,
    entries: Vec<Entry>,
    /// Whether the server may refuse requests with 503. Otherwise, a refusal fails the run.
    #[serde(default)]
    may_refuse: bool,
}

#[derive(Serialize)]
struct Results {
    requests: u64,
    /// Requests without a response: no connection was free, or the response did not arrive in time. Their age at the end
    /// is recorded as their latency.
    unanswered: u64,
    /// Successful responses that arrived after the warm-up and before the end, whenever their requests should have started.
    served: u64,
    /// Requests that were refused with 503. Their latencies are summarized separately.
    refused: u64,
    refusals: Latencies,
    /// For each length in `intervals`, its consecutive intervals.
    intervals: Vec<Vec<Latencies>>,
}

/// Percentiles in microseconds.
#[derive(Serialize)]
struct Latencies {
    p50: u64,
    p99: u64,
    p999: u64,
    max: u64,
}

fn main() -> Result<()> {
    let plan: Plan = serde_json::from_reader(std::io::stdin().lock())?;
    // By default, Linux may delay the end of a timeout by 50 µs.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
    let mut generator = Generator::new(plan)?;
    while !generator.is_over() {
        generator.send_due()?;
        generator.receive()?;
    }
    println!("{}", serde_json::to_string(&generator.finish())?);
    Ok(())
}

struct Generator {
    connections: Vec<Connection>,
    /// Reports the connections that have received something, by their indices.
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    /// The least recently used connection comes first, because a server may close one that is never used.
    idle: VecDeque<usize>,
    requests: Requests,
    recorder: Recorder,
    may_refuse: bool,
    rate: f64,
    end: Duration,
    began: Instant,
    sent: u64,
}

impl Generator {
    fn new(plan: Plan) -> Result<Self> {
        let connections = (0..plan.connections).map(|_| Connection::open(plan.address));
        let connections = connections.collect::<Result<Vec<_>>>()?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (index, connection) in (0..).zip(&connections) {
            epoll::add(&epoll, connection, epoll::EventData::new_u64(index), epoll::EventFlags::IN)?;
        }
        Ok(Self {
            events: Vec::with_capacity(connections.len()),
            connections,
            epoll,
            may_refuse: plan.may_refuse,
            idle: (0..plan.connections).collect(),
            requests: Requests::new(&plan.entries, plan.prefix)?,
            recorder: Recorder::new(plan.warm_up, plan.length, plan.intervals)?,
            rate: plan.rate,
            end: Duration::from_secs(plan.warm_up + plan.length),
            began: Instant::now(),
            sent: 0,
        })
    }

    /// The scheduled start of a request, counted from the beginning.
    fn due(&self, number: u64) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 requests")]
        let number = number as f64;
        Duration::from_secs_f64(number / self.rate)
    }

    fn is_over(&self) -> bool {
        let now = self.began.elapsed();
        let all_sent = now >= self.end || self.due(self.sent) >= self.end;
        all_sent && (self.idle.len() == self.connections.len() || now >= self.end + GRACE)
    }

    /// Sends the requests that are due while a connection is idle.
    fn send_due(&mut self) -> Result<()> {
        loop {
            let due = self.due(self.sent);
            let now = self.began.elapsed();
            if due > now || due.max(now) >= self.end {
                return Ok(());
            }
            let Some(index) = self.idle.pop_front() else { return Ok(()) };
            let connection = self.connections.get_mut(index).context("a connection")?;
            connection.send(self.requests.next()?.as_bytes(), due)?;
            self.sent += 1;
        }
    }

    /// Receives responses, until the next request is due if none is waiting for a connection.
    fn receive(&mut self) -> Result<()> {
        let (now, due) = (self.began.elapsed(), self.due(self.sent));
        let is_blocked = self.idle.is_empty() || due.max(now) >= self.end;
        let until = if is_blocked { self.end + GRACE } else { due };
        let timeout = Timespec::try_from(until.saturating_sub(now))?;
        self.events.clear();
        epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout))?;
        for event in &self.events {
            let index = usize::try_from(event.data.u64())?;
            if let Some(response) = self.connections.get_mut(index).context("a connection")?.receive()? {
                self.idle.push_back(index);
                let now = self.began.elapsed();
                match response.is_refusal {
                    false => {
                        self.recorder.count(now);
                        self.recorder.record(response.due, now);
                    }
                    true if self.may_refuse => self.recorder.record_refusal(response.due, now),
                    true => bail!("a request was refused with 503"),
                }
            }
        }
        Ok(())
    }

    /// Records the requests without a response.
    fn finish(mut self) -> Results {
        let now = self.began.elapsed();
        let unsent = (self.sent..).map(|number| self.due(number)).take_while(|due| *due < self.end);
        let unanswered: Vec<Duration> =
            self.connections.iter().filter_map(Connection::due).chain(unsent).collect();
        unanswered.iter().for_each(|due| self.recorder.record(*due, now));
        self.recorder.results(unanswered.len() as u64)
    }
}

/// The latencies of each interval.
struct Recorder {
    warm_up: Duration,
    end: Duration,
    requests: u64,
    served: u64,
    refusals: Histogram<u64>,
    intervals: Vec<(u64, Vec<Histogram<u64>>)>,
}

impl Recorder {
    fn new(warm_up: u64, length: u64, intervals: Vec<u64>) -> Result<Self> {
        let empty = Histogram::new_with_max(LONGEST_MICROS, 3)?;
        let histograms = |seconds| {
            let count = usize::try_from(length / seconds)?;
            Ok((seconds, vec![empty.clone(); count]))
        };
        let intervals = intervals.into_iter().map(histograms).collect::<Result<_>>()?;
        let (end, warm_up) = (Duration::from_secs(warm_up + length), Duration::from_secs(warm_up));
        Ok(Self { warm_up, end, requests: 0, served: 0, refusals: empty, intervals })
    }

    /// Records a latency in the intervals of the scheduled start.
    fn record(&mut self, due: Duration, now: Duration) {
        let Some(start) = due.checked_sub(self.warm_up) else { return };
        let micros = micros(due, now);
        self.requests += 1;
        for (seconds, histograms) in &mut self.intervals {
            let index = usize::try_from(start.as_secs() / *seconds).ok();
            if let Some(histogram) = index.and_then(|index| histograms.get_mut(index)) {
                histogram.saturating_record(micros);
            }
        }
    }

    /// Counts a successful response that arrives now.
    fn count(&mut self, now: Duration) {
        self.served += u64::from((self.warm_up..self.end).contains(&now));
    }

    fn record_refusal(&mut self, due: Duration, now: Duration) {
        if due >= self.warm_up {
            self.refusals.saturating_record(micros(due, now));
        }
    }

    fn results(self, unanswered: u64) -> Results {
        let summarize = |histograms: Vec<_>| histograms.iter().map(Latencies::from).collect();
        let intervals = self.intervals.into_iter().map(|(_, histograms)| summarize(histograms)).collect();
        let (refused, refusals) = (self.refusals.len(), Latencies::from(&self.refusals));
        Results { requests: self.requests, unanswered, served: self.served, refused, refusals, intervals }
    }
}

fn micros(due: Duration, now: Duration) -> u64 {
    u64::try_from(now.saturating_sub(due).as_micros()).unwrap_or(u64::MAX)
}

impl From<&Histogram<u64>> for Latencies {
    fn from(histogram: &Histogram<u64>) -> Self {
        let percentile = |percentile| histogram.value_at_quantile(percentile);
        Self { p50: percentile(0.5), p99: percentile(0.99), p999: percentile(0.999), max: histogram.max() }
    }
}
