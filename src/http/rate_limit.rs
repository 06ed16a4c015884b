//! The optional limit on the number of requests of each caller, with the fields of draft-ietf-httpapi-ratelimit-headers-10.

use super::auth::Caller;
use super::changes::Resumed;
use super::problem::Problem;
use super::state::State;
use crate::domain::origin::Actor;
use actix_web::HttpMessage;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The number of requests after which callers that have their whole quota again are forgotten.
const FORGET_AFTER: usize = 1_000;

/// The value of `ROSTER_RATE_LIMIT`: a number of requests per second, minute or hour. 0 means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    requests: u32,
    seconds: u32,
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (requests, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = [("s", 1), ("m", 60), ("h", 3600)].into_iter().find(|(name, _)| *name == unit);
        let is_number = requests.bytes().all(|byte| byte.is_ascii_digit());
        let requests = requests.parse().ok().filter(|requests| is_number && *requests <= 1_000_000);
        let rate = requests.zip(seconds).map(|(requests, (_, seconds))| Self { requests, seconds });
        rate.ok_or("must be a number of requests from 0 to 1000000, per second unless a unit follows, such as 100, 100/s or 6000/m")
    }
}

/// A rate, and the recent requests of each caller.
pub struct RateLimit<C: Clock = DefaultClock> {
    rate: Rate,
    limiter: RateLimiter<Actor, HashMapStateStore<Actor>, C, StateInformationMiddleware>,
    counted: AtomicUsize,
}

/// What remains of a caller's quota when a request has been counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Remaining {
    rate: Rate,
    requests: u32,
    /// The seconds until the caller has its whole quota again, or until the next request is allowed if this one is refused.
    reset: u64,
}

impl Remaining {
    /// What remained when the request was counted. `None` if there is no limit.
    pub(super) fn of(request: &impl HttpMessage) -> Option<Self> {
        request.extensions().get().copied()
    }

    /// Adds the fields that describe the limit and what remains of it.
    pub(super) fn add_fields(self, headers: &mut HeaderMap) {
        let Self { rate, requests, reset } = self;
        for (name, value) in [
            (RATELIMIT_POLICY, format!("\"default\";q={};w={}", rate.requests, rate.seconds)),
            (RATELIMIT, format!("\"default\";r={requests};t={reset}")),
        ] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

impl RateLimit {
    /// The limit. `None` if there is none.
    pub(super) fn of(rate: Rate) -> Option<Self> {
        Self::with_clock(rate, DefaultClock::default())
    }
}

impl<C: Clock> RateLimit<C> {
    fn with_clock(rate: Rate, clock: C) -> Option<Self> {
        let interval = Duration::from_secs(rate.seconds.into()).checked_div(rate.requests)?;
        let quota = Quota::with_period(interval)?.allow_burst(rate.requests.try_into().ok()?);
        let limiter = RateLimiter::new(quota, HashMapStateStore::default(), clock);
        Some(Self { rate, limiter, counted: AtomicUsize::default() })
    }

    /// Counts a request. Returns what remains of the caller's quota, and the time to wait if the request exceeds it.
    fn count(&self, caller: &Actor) -> (Remaining, Option<Duration>) {
        if self.counted.fetch_add(1, Ordering::Relaxed).is_multiple_of(FORGET_AFTER) {
            self.limiter.retain_recent();
        }
        let rate = self.rate;
        match self.limiter.check_key(caller) {
            Ok(state) => {
                let Rate { requests: quota, seconds } = rate;
                let requests = state.remaining_burst_capacity().min(quota);
                let reset = (u64::from(quota - requests) * u64::from(seconds)).div_ceil(quota.max(1).into());
                (Remaining { rate, requests, reset }, None)
            }
            Err(refused) => {
                let wait = refused.wait_time_from(self.limiter.clock().now());
                (Remaining { rate, requests: 0, reset: wait.as_secs() + 1 }, Some(wait))
            }
        }
    }
}

/// Counts a request, unless it was parked and runs again, and stores what remains in its extensions.
///
/// # Errors
/// 429 if the caller has used its quota.
pub(super) fn count(request: &ServiceRequest, state: &State, caller: &Caller) -> Result<(), Problem> {
    let Some(limit) = &state.rate_limit else { return Ok(()) };
    let earlier = request.extensions().get::<Resumed>().and_then(|resumed| resumed.remaining);
    let (remaining, wait) =
        earlier.map_or_else(|| limit.count(&caller.origin.actor), |remaining| (remaining, None));
    request.extensions_mut().insert(remaining);
    wait.map_or(Ok(()), |wait| Err(Problem::beyond_rate(wait)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::origin::ActorKind;
    use governor::clock::FakeRelativeClock;

    fn limit(rate: &str) -> (RateLimit<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (RateLimit::with_clock(rate.parse().unwrap(), clock.clone()).unwrap(), clock)
    }

    fn caller(id: &str) -> Actor {
        Actor { kind: ActorKind::Key, id: id.into() }
    }

    #[test]
    fn rates_have_a_number_and_a_unit() {
        let rate = |requests, seconds| Ok(Rate { requests, seconds });
        for (text, expected) in [
            ("100", rate(100, 1)),
            ("100/s", rate(100, 1)),
            ("6000/m", rate(6000, 60)),
            ("1/h", rate(1, 3600)),
            ("1000000/s", rate(1_000_000, 1)),
            ("0", rate(0, 1)),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
        for text in ["", "/s", "100/", "100/d", "100/s/s", "-1", "+1", "1.5", "1000001", "100 /s", "many"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        assert!(RateLimit::of("0".parse().unwrap()).is_none());
    }

    #[test]
    fn each_caller_has_a_quota_that_refills_evenly() {
        let (limit, clock) = limit("4/m");
        let rate = limit.rate;
        let remaining = |requests, reset| (Remaining { rate, requests, reset }, None);
        let four = [remaining(3, 15), remaining(2, 30), remaining(1, 45), remaining(0, 60)];
        assert_eq!([(); 4].map(|()| limit.count(&caller("a"))), four);
        let refused = (Remaining { rate, requests: 0, reset: 16 }, Some(Duration::from_secs(15)));
        assert_eq!(limit.count(&caller("a")), refused);
        assert_eq!(limit.count(&caller("b")), remaining(3, 15));
        clock.advance(Duration::from_secs(15));
        assert_eq!(limit.count(&caller("a")), remaining(0, 60));
        assert_eq!(limit.count(&caller("a")), refused);
        clock.advance(Duration::from_secs(60));
        assert_eq!([(); 4].map(|()| limit.count(&caller("a"))), four);
    }

    #[test]
    fn callers_with_their_whole_quota_are_forgotten() {
        let (limit, clock) = limit("1/s");
        for number in 0..10_000 {
            limit.count(&caller(&number.to_string()));
            clock.advance(Duration::from_millis(10));
        }
        // The caller of a request is forgotten at the first check two seconds later, after 200 others.
        assert!(limit.limiter.len() <= FORGET_AFTER + 200, "{}", limit.limiter.len());
    }
}
