//! The metrics of requests. The labels of a request come from fixed sets, so clients cannot add series without limit.

use actix_web::http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The upper bounds of the histogram's buckets, in seconds.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

const STATUSES: [(u16, &str); 24] = [
    (200, "200"),
    (201, "201"),
    (202, "202"),
    (204, "204"),
    (304, "304"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (406, "406"),
    (408, "408"),
    (409, "409"),
    (410, "410"),
    (412, "412"),
    (413, "413"),
    (415, "415"),
    (422, "422"),
    (429, "429"),
    (431, "431"),
    (500, "500"),
    (501, "501"),
    (503, "503"),
    (504, "504"),
];

/// The value of the label for a method or status that is not in its list.
const OTHER: &str = "other";
/// The value of the label for a path that is not in the table of URLs.
const UNMATCHED: &str = "unmatched";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    route: Arc<str>,
    method: &'static str,
    status: &'static str,
}

type Durations = Family<Labels, Histogram, fn() -> Histogram>;

/// The requests in progress, and the durations of those that were answered.
pub struct Requests {
    in_progress: Gauge,
    durations: Durations,
    routes: HashMap<Arc<str>, Route>,
    unmatched: Route,
}

/// The series of a route. Each is looked up once, because the lookup needs a lock.
struct Route {
    name: Arc<str>,
    /// By method and status. The last of each is [`OTHER`].
    series: Vec<[OnceLock<Histogram>; STATUSES.len() + 1]>,
}

/// A request in progress, until it is dropped.
pub struct InProgress(Gauge);

impl Requests {
    /// The metrics of the requests for these routes, which are added to the registry.
    pub fn new(routes: impl IntoIterator<Item = String>, registry: &mut Registry) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        let (in_progress, durations) = (Gauge::default(), Durations::new_with_constructor(histogram));
        let help = "Requests in progress, without those that wait for changes";
        registry.register("http_requests_in_progress", help, in_progress.clone());
        let help = "Time from the arrival of a request until its response begins";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, durations.clone());
        let routes =
            routes.into_iter().map(|route| Route::new(&route)).map(|route| (route.name.clone(), route));
        Self { in_progress, durations, routes: routes.collect(), unmatched: Route::new(UNMATCHED) }
    }

    /// Counts a request as being in progress until the returned value is dropped.
    pub fn begin(&self) -> InProgress {
        self.in_progress.inc();
        InProgress(self.in_progress.clone())
    }

    /// Records a response. `route` is the path of the entry in the table of URLs.
    pub fn record(&self, route: Option<&str>, method: &Method, status: StatusCode, duration: Duration) {
        let route = route.and_then(|route| self.routes.get(route)).unwrap_or(&self.unmatched);
        let method = METHODS.iter().position(|name| *name == method.as_str()).unwrap_or(METHODS.len());
        let status = STATUSES.iter().position(|(code, _)| *code == status.as_u16()).unwrap_or(STATUSES.len());
        if let Some(series) = route.series.get(method).and_then(|statuses| statuses.get(status)) {
            let histogram = series.get_or_init(|| {
                let method = METHODS.get(method).copied().unwrap_or(OTHER);
                let status = STATUSES.get(status).map_or(OTHER, |(_, name)| name);
                self.durations.get_or_create_owned(&Labels { route: route.name.clone(), method, status })
            });
            histogram.observe(duration.as_secs_f64());
        }
    }
}

impl Route {
    fn new(name: &str) -> Self {
        let series = (0..=METHODS.len()).map(|_| [const { OnceLock::new() }; STATUSES.len() + 1]).collect();
        Self { name: name.into(), series }
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::CODES;

    #[test]
    fn every_problem_has_a_status_in_the_list() {
        for (status, code) in CODES {
            assert!(STATUSES.iter().any(|(number, _)| number == &status.as_u16()), "{code}");
        }
        assert!(STATUSES.iter().all(|(number, name)| number.to_string() == *name));
    }

    #[test]
    fn unknown_routes_methods_and_statuses_share_their_series() {
        let requests = Requests::new(["/users".to_owned()], &mut Registry::default());
        let record = |route: Option<&str>, method: &str, status| {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            requests.record(route, &method, StatusCode::from_u16(status).unwrap(), Duration::ZERO);
        };
        for number in 0..1_000 {
            let text = format!("x{number}");
            record(Some(&text), "GET", 404);
            record(Some("/users"), &text, 405);
            record(Some("/users"), "GET", 500 + number % 400);
            record(None, "GET", 404);
        }
        let text = format!("{:?}", requests.durations);
        // 500, 501, 503, 504 and the others; 405 of another method; 404 of unmatched paths.
        assert_eq!(text.matches("Labels {").count(), 7, "{text}");
    }
}
