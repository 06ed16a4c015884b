//! `GET /metrics`: the metrics of the server, in the OpenMetrics text format or in that of Prometheus. Reading them uses
//! neither the database nor its actors.

pub(crate) mod listener;
mod process;
mod requests;

pub use requests::{InProgress, Requests};

use super::context::{Context, Operator};
use super::headers::quality;
use super::openapi::OperationDocs;
use super::params::NoQuery;
use super::problem::Problem;
use super::response::Response;
use super::state::State;
use crate::logging;
use crate::metrics::{Computed, Counters, UNLABELLED};
use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponse, web};
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use serde_json::json;

/// The metrics of one server. Each metric has its row in docs/metrics.md.
pub(super) struct Metrics {
    pub(super) requests: Requests,
    problems: Counters,
    registry: Registry,
}

/// The media type of the OpenMetrics text format.
const OPEN_METRICS: &str = "application/openmetrics-text";
/// The media type of the Prometheus text format.
const PLAIN: &str = "text/plain";

impl Metrics {
    /// The metrics of a server with these routes. `register` adds those of its parts.
    pub(super) fn new(
        routes: impl IntoIterator<Item = String>,
        register: impl FnOnce(&mut Registry),
    ) -> Self {
        let mut registry = Registry::default();
        process::register(&mut registry);
        let roster = registry.sub_registry_with_prefix("roster");
        roster.register(
            "build",
            "The version of the server",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        let requests = Requests::new(routes, roster);
        let problems = Counters::new("reason", Problem::reasons());
        problems.register("http_problems", "Error responses by reason", roster);
        let dropped = Computed::counter(|| [(UNLABELLED, logging::dropped_lines() as f64)]);
        roster.register("log_lines_dropped", "Log lines lost because stderr was read too slowly", dropped);
        register(roster);
        Self { requests, problems, registry }
    }

    /// Counts a response that is a problem.
    pub(super) fn count_problem(&self, problem: &Problem) {
        self.problems.add(problem.reason(), 1);
    }

    /// Writes all metrics.
    fn write(&self, is_plain: bool) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        if is_plain {
            prometheus_text::encode(&mut text, &self.registry)?;
        } else {
            text::encode(&mut text, &self.registry)?;
        }
        Ok(text)
    }
}

/// `GET /metrics`
pub(super) async fn read(
    _: Context<Operator>,
    _: NoQuery,
    request: HttpRequest,
    state: web::Data<State>,
) -> Response {
    respond(&request, state).await
}

/// The metrics in the format that the client prefers. OpenMetrics is the default.
async fn respond(request: &HttpRequest, state: web::Data<State>) -> Response {
    let is_plain = prefers_plain(request.headers())?;
    // Counting open files can take milliseconds.
    let text = web::block(move || state.metrics.write(is_plain)).await;
    let text = text.map_err(|_| Problem::server_stopping())?.map_err(|_| Problem::defect())?;
    let (media_type, version) = if is_plain { (PLAIN, "0.0.4") } else { (OPEN_METRICS, "1.0.0") };
    let content_type = format!("{media_type}; version={version}; charset=utf-8");
    Ok(HttpResponse::Ok().content_type(content_type).body(text))
}

fn prefers_plain(headers: &HeaderMap) -> Result<bool, Problem> {
    let [open, plain] = [OPEN_METRICS, PLAIN].map(|media_type| quality(headers, media_type));
    if open.max(plain) > 0.0 {
        return Ok(plain > open);
    }
    Err(Problem::not_acceptable(format!("`Accept` must include `{OPEN_METRICS}` or `{PLAIN}`.")))
}

pub(super) fn read_docs() -> OperationDocs {
    let schema = json!({ "schema": { "type": "string" } });
    let content = json!({ OPEN_METRICS: schema, PLAIN: schema });
    OperationDocs::keyed("getMetrics", "service", "Get the metrics of the server", &[])
        .describe(
            "Requires the role `operator`. The metrics concern the server that responds. The format is OpenMetrics 1.0.0, or \
             the text format of Prometheus if `Accept` prefers `text/plain`.",
        )
        .response(200, "The metrics.", &[], Some(content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{ACCEPT, HeaderValue};

    #[test]
    fn the_format_is_negotiated() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, expected) in [
            ("", Some(false)),
            ("*/*", Some(false)),
            (prometheus, Some(false)),
            ("text/plain", Some(true)),
            ("text/*", Some(true)),
            ("text/plain, application/openmetrics-text;q=0.9", Some(true)),
            ("text/plain;q=0", None),
            ("application/json", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(prefers_plain(&headers).ok(), expected, "{accept}");
        }
    }
}
