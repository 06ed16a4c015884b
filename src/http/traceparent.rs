//! The header `traceparent`, which connects a request with the trace of its client.

use crate::domain::trace::TraceId;
use actix_web::http::header::HeaderMap;

/// The header and the id of its trace. `None` if it is absent, repeated or invalid; the specification requires that an
/// invalid header is ignored.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<(&str, TraceId)> {
    let mut lines = headers.get_all("traceparent");
    let (line, None) = (lines.next()?, lines.next()) else { return None };
    let text = line.to_str().ok()?;
    TraceId::of_traceparent(text).map(|id| (text, id))
}
