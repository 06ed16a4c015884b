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
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
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
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
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

/// Whether the client is a browser, or another client that prefers HTML to JSON. Media ranges such as `*/*` match both
/// types equally, so they are ignored.
pub(super) fn prefers_html(headers: &HeaderMap) -> bool {
    let text = joined(headers, ACCEPT.as_str()).unwrap_or_default();
    let quality = |essence: &str| {
        let mut ranges = text.split(',').map(|range| range.split(';').map(str::trim));
        let range =
            ranges.find_map(|mut range| range.next()?.eq_ignore_ascii_case(essence).then_some(range))?;
        let mut qualities = range.filter_map(|parameter| parameter.strip_prefix("q=")?.parse().ok());
        Some(qualities.next().unwrap_or(1.0_f32))
    };
    quality("text/html").unwrap_or(0.0) > quality("application/json").unwrap_or(0.0)
}

/// Whether the client accepts JSON. This is the case when `Accept` is absent, or when the most specific matching range
/// has a quality above zero (RFC 9110, section 12.5.1). Older Java clients send `*; q=.2`, so `*` is treated as `*/*`.
/// A quality value that cannot be parsed counts as 1.
pub(super) fn accepts_json(headers: &HeaderMap) -> bool {
    let text = joined(headers, ACCEPT.as_str()).unwrap_or_default();
    let ranges = text.split(',').map(str::trim).filter(|range| !range.is_empty());
    let matching = ranges.clone().filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let specificity = match parts.next()?.to_ascii_lowercase().as_str() {
            "application/json" => 3,
            "application/*" => 2,
            "*/*" | "*" => 1,
            _ => return None,
        };
        Some((specificity, !parts.any(is_zero_quality)))
    });
    ranges.count() == 0
        || matching.max_by_key(|(specificity, _)| *specificity).is_some_and(|(_, wanted)| wanted)
}

fn is_zero_quality(parameter: &str) -> bool {
    let quality = parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    quality.is_some_and(|(_, quality)| quality.trim().parse() == Ok(0.0_f32))
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
}
