//! One direction of a connection.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

/// No more is received while this many bytes are on their way.
const LIMIT: usize = 4 * 1024 * 1024;

/// The bytes on their way from a source to a target.
#[derive(Default)]
pub(crate) struct Direction {
    chunks: VecDeque<(Instant, Vec<u8>)>,
    /// The bytes of all chunks.
    length: usize,
    /// Whether the source may have something to receive.
    readable: bool,
    /// Whether the end of the stream has arrived, perhaps after bytes that have not been received.
    hung_up: bool,
    /// The bytes of the first chunk that have been sent.
    sent: usize,
    /// When the end of the stream is due, if the source has closed it.
    end: Option<Instant>,
}

impl Direction {
    /// Notes that something has arrived from the source, perhaps including the end of the stream.
    pub(crate) fn set_readable(&mut self, hung_up: bool) {
        self.readable = true;
        self.hung_up |= hung_up;
    }

    /// Receives what has arrived, to be sent at the given time. Returns whether anything has arrived, including the end.
    pub(crate) fn receive(
        &mut self,
        source: &mut impl Read,
        buffer: &mut [u8],
        due: Instant,
    ) -> io::Result<bool> {
        let before = (self.length, self.end);
        while self.readable && self.end.is_none() && self.length < LIMIT {
            match source.read(buffer) {
                Ok(0) => self.end = Some(due),
                Ok(length) => {
                    // If the source had less than a whole buffer, whatever arrives next is noted again.
                    self.readable = length == buffer.len() || self.hung_up;
                    self.length += length;
                    self.chunks.push_back((due, buffer.get(..length).unwrap_or_default().to_vec()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(before != (self.length, self.end))
    }

    /// Sends what is due, until the target accepts no more.
    pub(crate) fn send(&mut self, target: &mut impl Write, now: Instant) -> io::Result<()> {
        while let Some((due, chunk)) = self.chunks.front()
            && *due <= now
        {
            match target.write(chunk.get(self.sent..).unwrap_or_default()) {
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.sent == chunk.len() {
                self.length -= self.sent;
                self.sent = 0;
                self.chunks.pop_front();
            }
        }
        Ok(())
    }

    /// Whether everything has been sent, and the end is due.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.chunks.is_empty() && self.end.is_some_and(|end| end <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Accepts three bytes at a time, up to a limit.
    struct Target {
        received: Vec<u8>,
        limit: usize,
    }

    impl Write for Target {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let length = bytes.len().min(3).min(self.limit - self.received.len());
            self.received.extend_from_slice(&bytes[..length]);
            if length == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(length) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns what arrived, and then that no more has arrived yet.
    struct Source(&'static [u8]);

    impl Read for Source {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() { Err(ErrorKind::WouldBlock.into()) } else { self.0.read(buffer) }
        }
    }

    fn readable() -> Direction {
        Direction { readable: true, ..Direction::default() }
    }

    fn receive(direction: &mut Direction, source: &mut impl Read, due: Instant) -> io::Result<bool> {
        direction.receive(source, &mut [0; 64], due)
    }

    #[test]
    fn nothing_is_sent_before_it_is_due() {
        let (start, millisecond) = (Instant::now(), Duration::from_millis(1));
        let (mut direction, mut target) = (readable(), Target { received: vec![], limit: 100 });
        assert!(receive(&mut direction, &mut Source(b"first"), start + millisecond).unwrap());
        direction.set_readable(false);
        assert!(receive(&mut direction, &mut Source(b"second"), start + 2 * millisecond).unwrap());
        for (micros, expected) in [(999, ""), (1000, "first"), (1999, "first"), (2000, "firstsecond")] {
            direction.send(&mut target, start + Duration::from_micros(micros)).unwrap();
            assert_eq!(target.received, expected.as_bytes(), "after {micros} µs");
        }
    }

    #[test]
    fn what_a_target_does_not_accept_is_sent_later() {
        let now = Instant::now();
        let (mut direction, mut target) = (readable(), Target { received: vec![], limit: 4 });
        receive(&mut direction, &mut Source(b"abcdefgh"), now).unwrap();
        direction.send(&mut target, now).unwrap();
        assert_eq!(target.received, b"abcd");
        target.limit = 100;
        direction.send(&mut target, now).unwrap();
        assert_eq!(target.received, b"abcdefgh");
    }

    #[test]
    fn the_end_follows_the_last_byte() {
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let (mut direction, mut target) = (readable(), Target { received: vec![], limit: 1 });
        direction.set_readable(true);
        assert!(receive(&mut direction, &mut io::Cursor::new(b"ab"), later).unwrap());
        direction.send(&mut target, later).unwrap();
        assert!(!direction.is_over(later), "one byte is left");
        target.limit = 2;
        direction.send(&mut target, later).unwrap();
        assert!(direction.is_over(later) && !direction.is_over(now));
    }

    #[test]
    fn the_bytes_on_their_way_are_bounded() {
        let (now, mut direction) = (Instant::now(), readable());
        let mut source = io::repeat(1);
        assert!(receive(&mut direction, &mut source, now).unwrap());
        assert!(!receive(&mut direction, &mut source, now).unwrap());
        assert_eq!(direction.length, LIMIT);
    }
}
