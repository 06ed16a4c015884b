//! The limit on failed authentication attempts for each client address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time for which failures are counted, starting with the first one.
const WINDOW: Duration = Duration::from_secs(60);
/// The maximum number of tracked addresses.
const CAPACITY: usize = 10_000;

/// The limit, and the failed attempts of each address.
pub struct AuthThrottle {
    limit: u32,
    /// The time of the first failed attempt in the current window, and the number of failed attempts.
    failures: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl AuthThrottle {
    /// Allows `limit` failed attempts per address and minute; 0 means no limit.
    pub fn new(limit: u32) -> Self {
        Self { limit, failures: Mutex::default() }
    }

    /// The remaining time for which the address is refused, if it has reached the limit.
    pub(super) fn refused(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, count) = failures.get(&network_of(address))?;
        let remaining = WINDOW.checked_sub(now.saturating_duration_since(*first))?;
        (self.limit > 0 && *count >= self.limit).then_some(remaining)
    }

    /// Counts a failed attempt, and logs the first one per address and minute. Returns the time to wait if the attempt
    /// exceeds the limit.
    pub(super) fn fail(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let (count, remaining) = self.count(address, now);
        if count == 1 {
            log::warn!(client_address:% = address;
                "authentication failed; further failures from an address are logged once a minute");
        }
        (self.limit > 0 && count > self.limit).then_some(remaining)
    }

    /// Counts a failed attempt. Returns the number of attempts in the current window, and its remaining time.
    fn count(&self, address: IpAddr, now: Instant) -> (u32, Duration) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= CAPACITY {
            failures.retain(|_, (first, _)| now.saturating_duration_since(*first) < WINDOW);
        }
        if failures.len() >= CAPACITY {
            // Discarding the counts is better than letting the table grow without bound.
            failures.clear();
        }
        let (first, count) = failures.entry(network_of(address)).or_insert((now, 0));
        if now.saturating_duration_since(*first) >= WINDOW {
            (*first, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        (*count, WINDOW.saturating_sub(now.saturating_duration_since(*first)))
    }
}

/// The address under which attempts are counted. An IPv6 client has at least 2^64 addresses, so its /64 network counts as
/// one.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            address.to_ipv4_mapped().map_or(Ipv6Addr::from_bits(network).into(), IpAddr::V4)
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_limit() {
        let (throttle, now) = (AuthThrottle::new(2), Instant::now());
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        assert_eq!(throttle.fail(one, now), None);
        assert_eq!(throttle.refused(one, now), None);
        assert_eq!(throttle.fail(one, now), None);
        assert!(throttle.refused(one, now).is_some_and(|wait| wait <= WINDOW));
        assert!(throttle.fail(one, now).is_some());
        assert_eq!(throttle.refused(other, now), None);
        let unlimited = AuthThrottle::new(0);
        assert!((0..1_000).all(|_| unlimited.fail(one, now).is_none()));
    }

    #[test]
    fn attempts_are_allowed_again_after_the_returned_time() {
        let (throttle, start) = (AuthThrottle::new(2), Instant::now());
        let address = "192.0.2.1".parse().unwrap();
        let after = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!([0, 10].map(|seconds| throttle.fail(address, after(seconds))), [None, None]);
        for seconds in [20, 59] {
            let remaining = Some(Duration::from_secs(60 - seconds));
            assert_eq!(throttle.refused(address, after(seconds)), remaining);
            assert_eq!(throttle.fail(address, after(seconds)), remaining);
        }
        // A new window starts, and the limit applies for another minute.
        assert_eq!(throttle.refused(address, after(61)), None);
        assert_eq!([61, 62].map(|seconds| throttle.fail(address, after(seconds))), [None, None]);
        assert_eq!(throttle.fail(address, after(63)), Some(Duration::from_secs(58)));
        assert_eq!(throttle.refused(address, after(122)), None);
    }

    /// A warning is logged when the count is 1.
    #[test]
    fn counting_starts_again_after_a_minute() {
        for limit in [0, 2] {
            let (throttle, start) = (AuthThrottle::new(limit), Instant::now());
            let address = "192.0.2.1".parse().unwrap();
            let counts = [0, 1, 30, 59, 60, 61, 120];
            let counts =
                counts.map(|seconds| throttle.count(address, start + Duration::from_secs(seconds)).0);
            assert_eq!(counts, [1, 2, 3, 4, 1, 2, 1]);
        }
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let (throttle, now) = (AuthThrottle::new(1), Instant::now());
        let refused = |address: &str| throttle.refused(address.parse().unwrap(), now);
        throttle.fail("2001:db8::1".parse().unwrap(), now);
        assert!(refused("2001:db8::ffff:1").is_some());
        assert_eq!(refused("2001:db8:0:1::1"), None);
        throttle.fail("::ffff:192.0.2.1".parse().unwrap(), now);
        assert!(refused("192.0.2.1").is_some());
    }

    #[test]
    fn the_number_of_tracked_addresses_is_bounded() {
        let (throttle, now) = (AuthThrottle::new(1), Instant::now());
        for n in 0..25_000u32 {
            throttle.fail(IpAddr::V4(n.into()), now);
        }
        assert!(throttle.failures.lock().unwrap().len() <= CAPACITY);
    }
}
