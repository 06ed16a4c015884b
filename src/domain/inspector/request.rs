//! A recorded request.

use super::explanation::explain;
use super::mentions::Mentions;
use super::values::UserValues;
use super::{MAX_DETAIL, MAX_PATH, MAX_QUERY, may_be_cut, plain};
use crate::domain::change::ResourceKind;
use crate::domain::json;
use crate::domain::time::Timestamp;
use percent_encoding::percent_decode_str;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde::{Deserialize, Serialize as DeriveSerialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::time::Duration;
use uuid::Uuid;

/// A request of a connection, with its response.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct RecordedRequest {
    /// A version 7 UUID of the time, so the order of ids is the order of arrival.
    pub id: Uuid,
    pub tenant: Uuid,
    pub connection: Uuid,
    /// The time of arrival.
    pub time: Timestamp,
    pub method: String,
    pub path: String,
    /// The query as sent, without the question mark.
    pub query: Option<String>,
    pub status: u16,
    /// The time from the arrival until the response began.
    pub duration: Duration,
    pub request_id: String,
    pub subject: Subject,
    pub request: Body,
    pub response: Body,
    /// The first [`MAX_REVISIONS`](super::MAX_REVISIONS) revisions that the request produced.
    pub revisions: Vec<i64>,
    /// The number of revisions that the request produced.
    pub revision_count: i64,
    pub notes: Vec<Note>,
    /// The changes that the request would have made, if its connection only plans them.
    pub plan: Option<Value>,
    pub mentions: Mentions,
    /// Whether an erasure has removed the contents.
    pub erased: bool,
}

/// The resource that a request concerns, as far as its path and its response say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Subject {
    pub kind: Option<ResourceKind>,
    pub id: Option<Uuid>,
}

/// A body without secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The text, cut off after [`MAX_BODY`](super::MAX_BODY) bytes. `None` if there was no body or it was not recorded.
    pub text: Option<String>,
    /// The size of the whole body in bytes; `None` if there was no body.
    pub bytes: Option<i64>,
}

/// A note on a request: why it was rejected, or what was ignored or converted.
#[derive(Clone, Debug, PartialEq, Eq, DeriveSerialize, Deserialize)]
pub struct Note {
    /// The code, which [`explanation`](super::explanation) explains.
    pub code: String,
    /// A sentence; `None` once it has been erased.
    pub detail: Option<String>,
}

impl RecordedRequest {
    /// The distinct codes of the notes, each surrounded by spaces.
    pub fn codes(&self) -> String {
        let mut codes: Vec<_> = self.notes.iter().map(|note| note.code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        if codes.is_empty() { String::new() } else { format!(" {} ", codes.join(" ")) }
    }

    /// Whether any part contains the id or a value of a user. Of a request whose contents have been removed, only values are
    /// searched for.
    pub fn contains(&self, id: Uuid, values: &UserValues) -> bool {
        let name = id.to_string();
        let has_id = |text: &str| !self.erased && text.contains(&name);
        let contains = |(text, is_cut): (Cow<'_, str>, bool)| {
            readings(&text).iter().any(|reading| {
                let text = plain(reading);
                has_id(&text) || values.are_in(&text) || is_cut && ends_with_part_of(values, reading, &text)
            })
        };
        !self.erased && self.mentions.contain(Some(id), None)
            || self.mentions.any(|name| values.are_in(name), |id| values.contain_id(id))
            || self.texts().any(contains)
    }

    /// The texts in which clients can send any value, and whether each may have been cut off.
    fn texts(&self) -> impl Iterator<Item = (Cow<'_, str>, bool)> {
        let details = self.notes.iter().filter_map(|note| note.detail.as_deref());
        let limited = [(Some(self.path.as_str()), MAX_PATH), (self.query.as_deref(), MAX_QUERY)]
            .into_iter()
            .chain(details.map(|detail| (Some(detail), MAX_DETAIL)))
            .filter_map(|(text, limit)| text.map(|text| (text.into(), may_be_cut(text, limit))));
        // A complete JSON text does not end with a part of a value.
        let bodies = [&self.request, &self.response].into_iter().filter_map(|body| body.text.as_deref());
        let plan = self.plan.iter().map(|plan| plan.to_string().into());
        limited.chain(bodies.map(Cow::from).chain(plan).map(|text| (text, true)))
    }

    /// Removes everything that can contain values of users. Only the id of the resource that the request concerns, and that of the
    /// user, remain: other ids can be values. `erased` is the user with its values; without it, they are not known.
    pub fn erase(&mut self, erased: Option<(Uuid, &UserValues)>) {
        (self.request.text, self.response.text, self.plan) = (None, None, None);
        self.query = None;
        self.notes.iter_mut().for_each(|note| note.detail = None);
        // The id in the path of a request that failed need not be that of a resource.
        let is_value = |id: Uuid| match erased {
            Some((user, values)) => id != user && values.contain_id(id),
            None => self.status >= 300,
        };
        let subject = self.subject.id.filter(|id| !is_value(*id));
        let user = erased.map(|(user, _)| user);
        // An id that an earlier erasure has kept is that of another erased user.
        let is_kept = |id: Uuid| Some(id) == user || Some(id) == subject || self.erased && !is_value(id);
        self.mentions.retain_ids(is_kept);
        self.subject.id = subject;
        // The path of a resource contains its id, but the client can send any text in its place.
        let subject = subject.map(|id| id.to_string());
        let is_kept = |segment: &str| {
            KNOWN_SEGMENTS.contains(&segment)
                || subject.as_ref().is_some_and(|subject| segment.eq_ignore_ascii_case(subject))
        };
        let segments = self.path.split('/').map(|segment| if is_kept(segment) { segment } else { "…" });
        self.path = segments.collect::<Vec<_>>().join("/");
        self.erased = true;
    }
}

/// The segments of paths that contain no values.
const KNOWN_SEGMENTS: [&str; 12] = [
    "",
    "scim",
    "v2",
    "Users",
    "Groups",
    "Bulk",
    ".search",
    "me",
    "Me",
    "ServiceProviderConfig",
    "ResourceTypes",
    "Schemas",
];

/// The number of times that a text may have been percent-encoded.
const MAX_ENCODINGS: usize = 3;

/// The texts that a text can stand for: it may be percent-encoded several times, and `+` can be a space.
pub(super) fn readings(text: &str) -> Vec<String> {
    let mut last = vec![text.to_owned()];
    if text.contains('+') {
        last.push(text.replace('+', " "));
    }
    let mut readings = last.clone();
    for _ in 0..MAX_ENCODINGS {
        let decode = |text: &String| percent_decode_str(text).decode_utf8_lossy().into_owned();
        last = last.iter().filter(|text| text.contains('%')).map(decode).collect();
        readings.extend(last.iter().cloned());
    }
    readings
}

/// Whether a text that may have been cut off ends with the beginning of a value. `plain` is the text without escapes. The text
/// may have been cut off within an escape or an encoded character.
fn ends_with_part_of(values: &UserValues, text: &str, plain_text: &str) -> bool {
    const LONGEST_ESCAPE: usize = 6;
    let last = text.rfind(['\\', '%']).filter(|at| text.len() - at <= LONGEST_ESCAPE);
    let start = last.and_then(|at| text.get(..at)).map(|start| plain(start.trim_end_matches('\\')));
    let texts = [Some(plain_text), start.as_deref()];
    texts.into_iter().flatten().any(|text| values.begin_at_end_of(text.trim_end_matches('\u{fffd}')))
}

/// As the API represents it.
impl Serialize for RecordedRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("RecordedRequest", 19)?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("time", &self.time)?;
        fields.serialize_field("method", &self.method)?;
        fields.serialize_field("path", &self.path)?;
        fields.serialize_field("query", &self.query)?;
        fields.serialize_field("status", &self.status)?;
        fields.serialize_field("durationMs", &(self.duration.as_micros() as f64 / 1e3))?;
        fields.serialize_field("requestId", &self.request_id)?;
        fields.serialize_field("resource", &self.subject.kind.map(ResourceKind::name))?;
        fields.serialize_field("resourceId", &self.subject.id)?;
        fields.serialize_field("request", &self.request)?;
        fields.serialize_field("requestBytes", &self.request.bytes)?;
        fields.serialize_field("response", &self.response)?;
        fields.serialize_field("responseBytes", &self.response.bytes)?;
        fields.serialize_field("revisions", &self.revisions)?;
        fields.serialize_field("revisionCount", &self.revision_count)?;
        let notes: Vec<_> = self.notes.iter().map(ExplainedNote::of).collect();
        fields.serialize_field("notes", &notes)?;
        fields.serialize_field("plan", &self.plan)?;
        fields.serialize_field("erased", &self.erased)?;
        fields.end()
    }
}

/// A body that is JSON is represented as JSON, and any other as text.
impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(text) = self.text.as_deref() else { return serializer.serialize_none() };
        // JSON that is nested deeply, or that parsers reject for other reasons, would make the page unreadable.
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) if is_shallow(text) => raw.serialize(serializer),
            _ => serializer.serialize_some(text),
        }
    }
}

/// The nesting depth up to which a body is represented as JSON. Parsers often limit the depth of the whole page to 128.
const MAX_DEPTH: usize = 100;

fn is_shallow(text: &str) -> bool {
    json::parse(text.as_bytes()).is_ok_and(|value| json::depth(&value) <= MAX_DEPTH)
}

/// A note as the API represents it.
#[derive(DeriveSerialize)]
struct ExplainedNote<'n> {
    code: &'n str,
    detail: Option<&'n str>,
    section: Option<&'static str>,
    hint: Option<&'static str>,
}

impl<'n> ExplainedNote<'n> {
    fn of(note: &'n Note) -> Self {
        let explanation = explain(&note.code);
        Self {
            code: &note.code,
            detail: note.detail.as_deref(),
            section: explanation.and_then(|explanation| explanation.section),
            hint: explanation.and_then(|explanation| explanation.hint),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::inspector::{Captured, MAX_BODY, Received};
    use serde_json::json;

    const USER: Uuid = Uuid::from_u128(7);
    const OTHER: Uuid = Uuid::from_u128(8);

    fn values() -> UserValues {
        let mut values = UserValues::default();
        let snapshot = json!({
            "userName": "Ada+x@Example.com",
            "name": { "formatted": "Ada \"é\" Lovelace" },
            "externalIds": { "native": OTHER },
        });
        values.add(snapshot.as_object().unwrap());
        values
    }

    fn of(change: impl FnOnce(&mut Received)) -> RecordedRequest {
        let mut received = Received::example();
        change(&mut received);
        received.into_recorded()
    }

    fn of_query(query: &str) -> RecordedRequest {
        of(|received| received.query = query.to_owned())
    }

    fn of_body(body: &str) -> RecordedRequest {
        of(|received| received.request = Captured::of(body.as_bytes()))
    }

    #[test]
    fn values_are_found_in_every_encoding() {
        let contain = |recorded: &RecordedRequest| recorded.contains(USER, &values());
        for query in [
            "filter=userName+eq+%22ada+x@example.com%22",
            "filter=userName%20eq%20%22ada%2Bx%40example.com%22",
            "filter=userName%2520eq%2520%2522ada%252Bx%2540example.com%2522",
            "x=ada+%22%C3%A9%22+lovelace",
            &format!("filter=externalId eq \"{OTHER}\""),
            &format!("x={USER}"),
            // The query is not recorded, because it names a password, but its user name is.
            "filter=userName eq \"ada+x@example.com\" and password eq \"x\"",
            &format!("filter=externalId eq \"{OTHER}\" and password eq \"x\""),
        ] {
            assert!(contain(&of_query(query)), "{query}");
            assert!(contain(&of(|received| received.path = format!("/scim/v2/Users/{query}"))), "{query}");
        }
        let path =
            json!({ "Operations": [{ "path": "/Users?filter=userName+eq+%22ada%2bx@example.com%22" }] });
        assert!(contain(&of_body(&path.to_string())));
        for query in ["filter=userName+eq+%22ada@example.com%22", "x=ada", "", "%", "100%25"] {
            assert!(!contain(&of_query(query)), "{query}");
        }
    }

    #[test]
    fn values_that_are_cut_off_are_found() {
        let long = |start: &str, kept: &str, rest: &str, limit: usize| {
            format!("{start}{}{kept}{rest}", "x".repeat(limit - start.len() - kept.len() - 1) + " ")
        };
        for (kept, rest) in [
            ("ada+x@ex", "ample.com"),
            ("ad", "a+x@example.com"),
            ("Ada \\\"", "\u{e9}\\\" Lovelace"),
            ("Ada \\\"\\u00", "e9\\\" Lovelace"),
            (&OTHER.to_string()[..20], &OTHER.to_string()[20..]),
        ] {
            let body = of_body(&long("{\"x\":\"", kept, rest, MAX_BODY));
            assert!(body.request.text.as_ref().is_some_and(|text| text.ends_with(kept)), "{kept}");
            assert!(body.contains(USER, &values()), "{kept}");
        }
        for (kept, rest) in [("ada%2Bx@", "example.com"), ("ada%2", "Bx@example.com"), ("ada+%22%C3%A", "9")]
        {
            assert!(of_query(&long("x=", kept, rest, MAX_QUERY)).contains(USER, &values()), "{kept}");
        }
        let note = Note {
            code: "uniqueness".to_owned(),
            detail: Some(long("", "ada+x", "@example.com", MAX_DETAIL)),
        };
        assert!(of(|received| received.rejections = vec![note]).contains(USER, &values()));
        assert!(!of_body(&long("{", "b", "ob", MAX_BODY)).contains(USER, &values()));
    }

    #[test]
    fn only_the_ids_of_the_subject_and_of_the_user_are_kept() {
        let third = Uuid::from_u128(9);
        let body = json!({ "members": [USER, OTHER, third] }).to_string();
        let recorded = |path: &str, status| {
            of(|received| {
                (received.path, received.status) = (path.to_owned(), status);
                received.request = Captured::of(body.as_bytes());
            })
        };
        let kept = |request: &RecordedRequest| {
            [USER, OTHER, third].map(|id| request.mentions.contain(Some(id), None))
        };
        let path = format!("/scim/v2/Groups/{third}/ada/members");
        let mut request = recorded(&path, 200);
        request.erase(Some((USER, &values())));
        assert_eq!(kept(&request), [true, false, true]);
        assert_eq!(request.path, format!("/scim/v2/Groups/{third}/…/…"));
        // An id that is a value, in a request that was erased before its user was.
        let path = format!("/scim/v2/Users/{OTHER}");
        let mut request = recorded(&path, 200);
        request.erase(Some((third, &UserValues::default())));
        assert!(kept(&request)[1] && !request.contains(third, &UserValues::default()));
        assert!(request.contains(USER, &values()));
        request.erase(Some((USER, &values())));
        assert_eq!((kept(&request), request.subject.id), ([false, false, true], None));
        assert_eq!(request.path, "/scim/v2/Users/…");
        assert!(!request.contains(USER, &values()));
        // Without the values, the id in the path of a request that failed can be one.
        for (status, is_kept) in [(404, false), (200, true)] {
            let mut request = recorded(&path, status);
            request.erase(None);
            assert_eq!(kept(&request), [false, is_kept, false]);
        }
    }

    #[test]
    fn bodies_that_parsers_reject_are_represented_as_text() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for text in
            [nested(101), nested(5_000), "{\"a\":1,\"a\":2}".to_owned(), "1e999".to_owned(), "{".to_owned()]
        {
            let represented = serde_json::to_value(of_body(&text)).unwrap();
            assert_eq!(represented["request"], text);
        }
        let represented = serde_json::to_value(of_body(&nested(100))).unwrap();
        assert_eq!(represented["request"].to_string(), nested(100));
    }
}
