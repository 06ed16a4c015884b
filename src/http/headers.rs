//! The request headers that handlers read.

use super::extractor::extractor;
use super::problem::Problem;
use crate::domain::condition::{Conditions, Tags};
use actix_web::http::header::{ACCEPT, Accept, Header, HeaderMap};
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

/// Whether the client accepts one of these media types of `application/…`. It does when `Accept` is absent, or when the
/// most specific matching range has a quality above zero (RFC 9110, section 12.5.1).
pub(super) fn accepts<M: HttpMessage>(request: &M, media_types: &[&str]) -> bool {
    if request.headers().get_all(ACCEPT).all(|line| line.is_empty()) {
        return true;
    }
    let Ok(Accept(ranges)) = Accept::parse(request) else { return false };
    let specificity = |essence: &str| match essence {
        essence if media_types.contains(&essence) => 3,
        "application/*" => 2,
        "*/*" => 1,
        _ => 0,
    };
    let ranges = ranges.iter().map(|range| (specificity(range.item.essence_str()), range.quality));
    let best = ranges.filter(|(specificity, _)| *specificity > 0).max_by_key(|(specificity, _)| *specificity);
    best.is_some_and(|(_, quality)| quality > actix_web::http::header::Quality::ZERO)
}
