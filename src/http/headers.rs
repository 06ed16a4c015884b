//! The request headers that handlers read.

use super::extractor::extractor;
use super::problem::Problem;
use crate::domain::condition::{Conditions, Tags};
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{ACCEPT, ACCEPT_ENCODING, AcceptEncoding, Encoding, HeaderMap};
use actix_web::{HttpMessage, HttpRequest};

extractor!(Conditions);

impl Conditions {
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let tags = |name| tags(request.headers(), name);
        Ok(Self { if_match: tags("If-Match")?, if_none_match: tags("If-None-Match")? })
    }
}

fn tags(headers: &HeaderMap, name: &str) -> Result<Option<Tags>, Problem> {
    let Some(text) = joined(headers, name) else { return Ok(None) };
    let tags = Tags::parse(&text).map_err(|error| Problem::invalid_header(format!("`{name}` {error}.")))?;
    Ok(Some(tags))
}

/// All lines of a header as one comma-separated list (RFC 9110, section 5.3).
fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines: Vec<_> = headers.get_all(name).map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// The client's preference for the body of the response: `Prefer: return=…` (RFC 7240, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefer {
    Nothing,
    Minimal,
    Representation,
}

extractor!(Prefer);

impl Prefer {
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let text = joined(request.headers(), "prefer").unwrap_or_default();
        let without_parameters = text.split(',').filter_map(|preference| preference.split(';').next());
        let preferences =
            without_parameters.map(|part| part.replace([' ', '\t', '"'], "").to_ascii_lowercase());
        // Of two conflicting preferences, the first one counts (RFC 7240, section 2).
        let mut preferences = preferences.filter_map(|preference| match preference.as_str() {
            "return=minimal" => Some(Self::Minimal),
            "return=representation" => Some(Self::Representation),
            _ => None,
        });
        Ok(preferences.next().unwrap_or(Self::Nothing))
    }

    pub(super) fn applied(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Minimal => Some("return=minimal"),
            Self::Representation => Some("return=representation"),
        }
    }
}

/// `Idempotency-Key`, if the request has one: 1 to 255 visible ASCII characters.
pub(super) struct IdempotencyKey(pub(super) Option<String>);

extractor!(IdempotencyKey);

impl IdempotencyKey {
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let mut lines = request.headers().get_all("idempotency-key");
        match (lines.next(), lines.next()) {
            (None, _) => Ok(Self(None)),
            (Some(line), None) if is_key(line.as_bytes()) => {
                Ok(Self(Some(String::from_utf8_lossy(line.as_bytes()).into_owned())))
            }
            _ => Err(Problem::invalid_header(
                "`Idempotency-Key` must be a single value of 1 to 255 visible ASCII characters.",
            )),
        }
    }
}

fn is_key(bytes: &[u8]) -> bool {
    (1..=255).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}

/// Whether the client is a browser, or another client that prefers HTML to JSON. Of a range that matches both, such as
/// `*/*`, a client that names HTML wants HTML.
pub(super) fn prefers_html(headers: &HeaderMap) -> bool {
    let text = joined(headers, ACCEPT.as_str()).unwrap_or_default();
    let html =
        media_ranges(&text).find(|(range, _)| range == "text/html").map_or(0.0, |(_, quality)| quality);
    html > quality_of(JSON, &text).unwrap_or_default()
}

/// Whether the client accepts JSON. This is the case when `Accept` is absent, or when the most specific matching range
/// has a quality above zero (RFC 9110, section 12.5.1). Older Java clients send `*; q=.2`, so `*` is treated as `*/*`.
pub(super) fn accepts_json(headers: &HeaderMap) -> bool {
    accepts(headers, JSON)
}

const JSON: &str = "application/json";
/// The media type of lines of JSON.
pub(super) const NDJSON: &str = "application/x-ndjson";

/// Whether the client accepts a media type. See [`accepts_json`].
pub(super) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    quality(headers, media_type) > 0.0
}

/// The quality that the client assigns to a media type; 1 if `Accept` is absent, and 0 if no range matches.
pub(super) fn quality(headers: &HeaderMap, media_type: &str) -> f32 {
    let text = joined(headers, ACCEPT.as_str()).unwrap_or_default();
    if media_ranges(&text).next().is_none() { 1.0 } else { quality_of(media_type, &text).unwrap_or_default() }
}

/// The media type of server-sent events.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// Whether the client names the media type of server-sent events and does not prefer JSON.
pub(super) fn accepts_events(headers: &HeaderMap) -> bool {
    let text = joined(headers, ACCEPT.as_str()).unwrap_or_default();
    let events = media_ranges(&text).find(|(range, _)| range == EVENT_STREAM);
    let json = quality_of(JSON, &text).unwrap_or_default();
    events.is_some_and(|(_, quality)| quality > 0.0 && quality >= json)
}

/// The quality of the most specific range that matches a media type.
fn quality_of(media_type: &str, text: &str) -> Option<f32> {
    let is_type = |range: &str| range.strip_suffix("/*") == media_type.split('/').next();
    let matching = media_ranges(text).filter_map(|(range, quality)| {
        let specificity = match range.as_str() {
            range if range == media_type => 3,
            "*/*" | "*" => 1,
            range if is_type(range) => 2,
            _ => return None,
        };
        Some((specificity, quality))
    });
    matching.max_by_key(|(specificity, _)| *specificity).map(|(_, quality)| quality)
}

/// The media ranges of `Accept` in lower case, each with its quality. A quality that cannot be parsed counts as 1.
fn media_ranges(text: &str) -> impl Iterator<Item = (String, f32)> {
    text.split(',').filter(|range| !range.trim().is_empty()).map(|range| {
        let (range, parameters) = range.split_once(';').unwrap_or((range, ""));
        let mut parameters = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
        let quality = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
        let quality = quality.and_then(|(_, text)| text.trim().parse().ok());
        (range.trim().to_ascii_lowercase(), quality.filter(|q| (0.0..=1.0).contains(q)).unwrap_or(1.0))
    })
}

/// Removes an `Accept-Encoding` that excludes every encoding that the server supports, because SCIM never returns 406.
pub(super) fn remove_unsatisfiable_encodings(request: &mut ServiceRequest) {
    let supported = [Encoding::identity(), Encoding::gzip(), Encoding::deflate(), Encoding::zstd()];
    let accepted = request.get_header::<AcceptEncoding>();
    if accepted.is_some_and(|accepted| accepted.negotiate(supported.iter()).is_none()) {
        request.headers_mut().remove(ACCEPT_ENCODING);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    #[test]
    fn an_unreadable_quality_counts_as_1() {
        for (accept, accepted) in [
            ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", true),
            ("application/json; q=.9", true),
            ("application/json;q=high", true),
            ("text/html, *;q=2", true),
            ("application/json; q=0", false),
            ("application/json;Q = 0.000, */*", false),
            ("*;q=0", false),
            ("text/html;q=.9", false),
            (" , ", true),
            ("", true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(accepts_json(&headers), accepted, "{accept}");
        }
        assert!(accepts_json(&HeaderMap::new()));
    }

    #[test]
    fn events_are_sent_unless_json_is_preferred() {
        for (accept, accepted) in [
            ("text/event-stream", true),
            ("Text/Event-Stream; q=0.5, */*; q=0.5", true),
            ("application/json, text/event-stream", true),
            ("application/json, text/event-stream;q=0.9", false),
            ("text/event-stream;q=0", false),
            ("text/*", false),
            ("*/*", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(accepts_events(&headers), accepted, "{accept}");
        }
    }

    #[test]
    fn html_is_preferred_only_with_a_higher_quality() {
        for (accept, preferred) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("TEXT/HTML; Q = .9, application/json; q=0.8", true),
            ("text/html; Q=.5, application/json", false),
            ("text/html; q=.5, application/json; q=high", false),
            ("text/html, application/json", false),
            ("*/*", false),
            ("text/html;q=0", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(prefers_html(&headers), preferred, "{accept}");
        }
    }
}
