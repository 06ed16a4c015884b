//! How often an address may fail to prove who calls.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long failures count, from the first on.
const WINDOW: Duration = Duration::from_secs(60);
/// The most addresses that are remembered.
const CAPACITY: usize = 10_000;

/// The failures of each address within a minute.
pub struct AuthThrottle {
    limit: u32,
    failures: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl AuthThrottle {
    /// Allows so many a minute; 0 allows any number.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self { limit, failures: Mutex::default() }
    }

    /// How long the address must wait, if it has failed too often.
    pub(super) fn refused(&self, address: IpAddr) -> Option<Duration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, count) = failures.get(&of_network(address))?;
        let rest = WINDOW.checked_sub(first.elapsed())?;
        (self.limit > 0 && *count >= self.limit).then_some(rest)
    }

    /// Notes a failure; the time to wait when it is one too many.
    pub(super) fn fail(&self, address: IpAddr) -> Option<Duration> {
        let refused = self.refused(address);
        if refused.is_some() || self.limit == 0 {
            return refused;
        }
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= CAPACITY {
            failures.retain(|_, (first, _)| first.elapsed() < WINDOW);
        }
        if failures.len() >= CAPACITY {
            // More addresses than can be told apart: begin anew rather than grow.
            failures.clear();
        }
        let (first, count) = failures.entry(of_network(address)).or_insert((Instant::now(), 0));
        if first.elapsed() >= WINDOW {
            (*first, *count) = (Instant::now(), 0);
        }
        *count += 1;
        let rest = WINDOW.saturating_sub(first.elapsed());
        (*count > self.limit).then_some(rest)
    }
}

/// Who has an address of version 6 has at least 2^64 of them.
fn of_network(address: IpAddr) -> IpAddr {
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
    fn addresses_are_counted_apart_up_to_the_limit() {
        let attempts = AuthThrottle::new(2);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        assert_eq!(attempts.fail(one), None);
        assert_eq!(attempts.refused(one), None);
        assert_eq!(attempts.fail(one), None);
        assert!(attempts.refused(one).is_some_and(|wait| wait <= WINDOW));
        assert!(attempts.fail(one).is_some());
        assert_eq!(attempts.refused(other), None);
        let off = AuthThrottle::new(0);
        assert!((0..1_000).all(|_| off.fail(one).is_none()));
    }

    #[test]
    fn a_network_of_version_6_is_one_address() {
        let attempts = AuthThrottle::new(1);
        attempts.fail("2001:db8::1".parse().unwrap());
        assert!(attempts.refused("2001:db8::ffff:1".parse().unwrap()).is_some());
        assert_eq!(attempts.refused("2001:db8:0:1::1".parse().unwrap()), None);
        attempts.fail("::ffff:192.0.2.1".parse().unwrap());
        assert!(attempts.refused("192.0.2.1".parse().unwrap()).is_some());
    }

    #[test]
    fn memory_is_bounded() {
        let attempts = AuthThrottle::new(1);
        for n in 0..25_000u32 {
            attempts.fail(IpAddr::V4(n.into()));
        }
        assert!(attempts.failures.lock().unwrap().len() <= CAPACITY);
    }
}
