//! A recorded request.

use super::explanation::explain;
use super::mentions::Mentions;
use super::plain;
use super::values::UserValues;
use crate::domain::change::ResourceKind;
use crate::domain::time::Timestamp;
use percent_encoding::percent_decode_str;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde::{Deserialize, Serialize as DeriveSerialize};
use serde_json::Value;
use serde_json::value::RawValue;
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

    /// Whether any part contains the id or a value of a user.
    pub fn contains(&self, id: Uuid, values: &UserValues) -> bool {
        let details = self.notes.iter().filter_map(|note| note.detail.as_deref());
        let bodies = [&self.request, &self.response].into_iter().filter_map(|body| body.text.as_deref());
        let texts = details.chain(bodies).map(plain);
        let encoded = [Some(self.path.as_str()), self.query.as_deref()].into_iter().flatten();
        let plan = self.plan.as_ref().map(|plan| plain(&plan.to_string()));
        let id = id.to_string();
        self.mentions.contain(id.parse().ok(), None)
            || texts
                .chain(encoded.map(|text| plain(&decoded(text))))
                .chain(plan)
                .any(|text| text.contains(&id) || values.are_in(&text))
    }

    /// Removes everything that can contain values of users. Ids remain.
    pub fn erase(&mut self) {
        (self.request.text, self.response.text, self.plan) = (None, None, None);
        self.query = None;
        self.mentions.remove_names();
        self.notes.iter_mut().for_each(|note| note.detail = None);
        // The path of a resource contains its id, but the client can send any text in its place.
        if let Some((parent, last)) = self.path.rsplit_once('/')
            && self.subject.id.is_none_or(|id| !last.eq_ignore_ascii_case(&id.to_string()))
            && !KNOWN_ENDS.contains(&last)
        {
            self.path = format!("{parent}/…");
        }
        self.erased = true;
    }
}

/// The last segments of the paths that contain no id.
const KNOWN_ENDS: [&str; 6] = ["Users", "Groups", "Bulk", ".search", "v2", "me"];

/// A path or query without percent-encoding, and with `+` as a space.
pub(super) fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
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
        match self.text.as_deref().map(|text| (text, serde_json::from_str::<&RawValue>(text))) {
            Some((_, Ok(json))) => json.serialize(serializer),
            Some((text, Err(_))) => serializer.serialize_some(text),
            None => serializer.serialize_none(),
        }
    }
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
