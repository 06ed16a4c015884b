//! The time that a connection may spend waiting for its client to read.

use std::time::{Duration, Instant};

/// The rate at which a client must read on average, in bytes per second.
const MIN_RATE: u64 = 10_000;

/// The remaining time. Waiting for the client consumes it, and each byte that can be sent adds the time that the byte
/// takes at the minimum rate. If only the pauses counted, a client could read one byte before each timeout.
pub(super) struct SendTime {
    most: Duration,
    left: Duration,
    /// Since when nothing can be sent; `None` while the client reads.
    waiting_since: Option<Instant>,
}

impl SendTime {
    pub(super) fn new(most: Duration) -> Self {
        Self { most, left: most, waiting_since: None }
    }

    /// Records that nothing can be sent at the moment, and returns when the connection must be closed.
    pub(super) fn wait(&mut self, now: Instant) -> Instant {
        *self.waiting_since.get_or_insert(now) + self.left
    }

    /// Records that bytes were sent.
    pub(super) fn sent(&mut self, bytes: usize, now: Instant) {
        if let Some(since) = self.waiting_since.take() {
            self.left = self.left.saturating_sub(now.saturating_duration_since(since));
        }
        let micros = (bytes as u64).saturating_mul(1_000_000 / MIN_RATE);
        self.left = self.left.saturating_add(Duration::from_micros(micros)).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    /// How long a client stays connected that reads this number of bytes after each pause.
    fn connected(bytes: usize, pause: Duration) -> Option<Duration> {
        let (start, mut time) = (Instant::now(), SendTime::new(TIMEOUT));
        let mut now = start;
        for _ in 0..1000 {
            let end = time.wait(now);
            if now + pause >= end {
                return Some(end - start);
            }
            now += pause;
            time.sent(bytes, now);
        }
        None
    }

    #[test]
    fn a_client_must_read_at_the_minimum_rate() {
        let seconds = Duration::from_secs;
        assert_eq!(connected(0, seconds(40)), Some(TIMEOUT));
        let one_byte = connected(1, seconds(29)).expect("the client is too slow");
        assert!(one_byte < TIMEOUT + seconds(1), "{one_byte:?}");
        assert_eq!(connected(5_000, seconds(1)), Some(seconds(59)));
        assert_eq!(connected(10_000, seconds(1)), None);
        assert_eq!(connected(300_000, seconds(29)), None);
    }

    #[test]
    fn fast_reading_does_not_extend_the_timeout() {
        let (now, mut time) = (Instant::now(), SendTime::new(TIMEOUT));
        time.sent(usize::MAX, now);
        assert_eq!(time.wait(now), now + TIMEOUT);
    }
}
