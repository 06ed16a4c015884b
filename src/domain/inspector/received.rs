//! A request as it is kept until it is recorded. Its bodies are read later, so that the request does not wait for that.

use super::mentions::Mentions;
use super::request::{Body, Note, RecordedRequest, Subject, readings};
use super::secrets::{REMOVED, Secrets, has_key, mentions_password, without_keys};
use super::{MAX_BODY, MAX_DETAIL, MAX_PATH, MAX_QUERY};
use crate::domain::change::ResourceKind;
use crate::domain::parse_id;
use crate::domain::scim::reading::Notes;
use crate::domain::time::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A request of a connection that is to be recorded.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are those of `RecordedRequest`")]
pub struct Received {
    pub id: Uuid,
    pub tenant: Uuid,
    pub connection: Uuid,
    pub time: Timestamp,
    pub duration: Duration,
    pub method: String,
    pub path: String,
    pub query: String,
    pub status: u16,
    pub request_id: Arc<str>,
    /// The `Location` of a created resource.
    pub location: Option<String>,
    pub request: Option<Captured>,
    pub response: Option<Captured>,
    /// The first [`MAX_REVISIONS`](super::MAX_REVISIONS) revisions.
    pub revisions: Vec<i64>,
    pub revision_count: usize,
    /// What was ignored or converted.
    pub deviations: Notes,
    /// Why the request, or an operation of a bulk request, was rejected.
    pub rejections: Vec<Note>,
    pub plan: Option<Value>,
}

/// The beginning of a body.
#[derive(Debug, Default)]
pub struct Captured {
    start: Vec<u8>,
    bytes: usize,
}

/// The maximum size of a plan, in bytes. A larger one is not recorded.
const MAX_PLAN: usize = 256 * 1024;

/// The approximate size of a request without bodies, in bytes.
const OVERHEAD: usize = 1_024;

impl Captured {
    /// Copies the part of a body that is recorded. `None` if the body is empty.
    pub fn of(body: &[u8]) -> Option<Self> {
        let start = body.get(..body.len().min(MAX_BODY)).unwrap_or_default().to_vec();
        (!body.is_empty()).then_some(Self { start, bytes: body.len() })
    }

    /// Adds the next part of the body.
    pub fn append(&mut self, part: &[u8]) {
        let free = MAX_BODY.saturating_sub(self.start.len());
        self.start.extend_from_slice(part.get(..part.len().min(free)).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(part.len());
    }

    /// The text. PostgreSQL cannot store U+0000.
    fn text(&self) -> String {
        let is_cut = self.start.len() < self.bytes;
        let whole = match str::from_utf8(&self.start) {
            // A character may be cut off.
            Err(error) if is_cut && error.error_len().is_none() => self.start.get(..error.valid_up_to()),
            _ => None,
        };
        String::from_utf8_lossy(whole.unwrap_or(&self.start)).replace('\0', "\u{fffd}")
    }
}

impl Received {
    /// The approximate size in memory, in bytes.
    pub fn size(&self) -> usize {
        let bodies = [&self.request, &self.response].into_iter().flatten().map(|body| body.start.capacity());
        let details = self.rejections.iter().filter_map(|note| note.detail.as_ref().map(String::len));
        let names = self.deviations.iter().map(|note| note.name.len());
        let texts = [&self.path, &self.query, &self.method].map(String::len).into_iter();
        let location = self.location.iter().map(String::len);
        OVERHEAD
            + texts.chain(location).chain(bodies).chain(details).chain(names).sum::<usize>()
            + self.revisions.capacity() * size_of::<i64>()
            + self.plan.as_ref().map_or(0, size_in_memory)
    }

    /// The request as it is recorded: without secrets, and with limited sizes.
    pub fn into_recorded(self) -> RecordedRequest {
        let (path, query) = (without_encoded_keys(self.path), without_encoded_keys(self.query));
        let (path, query) = (cut(path, MAX_PATH), cut(query, MAX_QUERY));
        let (paths, queries) = (readings(&path), readings(&query));
        let mut secrets = Secrets::default();
        let request = body(self.request.as_ref(), |text| secrets.remove(text));
        let names_password = queries.iter().any(|query| mentions_password(query));
        // Errors quote values. If a password may be among them, but is not known, they are not recorded.
        let is_unknown = names_password || self.request.is_some() && request.text.is_none();
        let hides_errors = is_unknown && self.status >= 400;
        let response = body(self.response.as_ref(), |text| {
            Secrets::default().remove(text).filter(|text| !hides_errors && !secrets.are_in(text))
        });
        let mut plan = self.plan.filter(|plan| plan.to_string().len() <= MAX_PLAN);
        plan.iter_mut().for_each(|plan| Secrets::default().remove_from_document(plan));
        let mut mentions = Mentions::default();
        let bodies = [&request, &response].into_iter().filter_map(|body| body.text.as_deref());
        let texts = paths.iter().chain(&queries).map(String::as_str).chain(bodies);
        texts.for_each(|text| mentions.add_text(text));
        let query = if names_password { REMOVED.to_owned() } else { query };
        let deviations = self
            .deviations
            .iter()
            .map(|note| Note { code: note.code.to_string(), detail: Some(note.code.sentence(&note.name)) });
        let clean = |detail: String| match is_unknown {
            true => REMOVED.to_owned(),
            false => secrets.checked(cut(without_keys(detail.replace('\0', "\u{fffd}")), MAX_DETAIL)),
        };
        let rejections =
            self.rejections.into_iter().map(|note| Note { detail: note.detail.map(&clean), ..note });
        RecordedRequest {
            id: self.id,
            tenant: self.tenant,
            connection: self.connection,
            time: self.time,
            method: self.method,
            status: self.status,
            duration: self.duration,
            request_id: self.request_id.to_string(),
            subject: subject(&percent_decode_str(&path).decode_utf8_lossy(), self.location.as_deref()),
            revision_count: i64::try_from(self.revision_count).unwrap_or(i64::MAX),
            revisions: self.revisions,
            notes: rejections.chain(deviations).collect(),
            plan,
            query: (!query.is_empty()).then_some(query),
            path,
            request,
            response,
            mentions,
            erased: false,
        }
    }
}

fn body(captured: Option<&Captured>, clean: impl FnOnce(String) -> Option<String>) -> Body {
    let Some(captured) = captured else { return Body::default() };
    let text = clean(captured.text()).map(without_keys);
    Body { text, bytes: i64::try_from(captured.bytes).ok() }
}

/// A path or query without keys and tokens.
fn without_encoded_keys(text: String) -> String {
    let text = without_keys(text);
    if readings(&text).iter().any(|text| has_key(text)) { REMOVED.to_owned() } else { text }
}

/// The approximate size of a value in memory, in bytes.
fn size_in_memory(value: &Value) -> usize {
    let inner = match value {
        Value::String(text) => text.capacity(),
        Value::Array(items) => items.iter().map(size_in_memory).sum(),
        // Including the node of the map.
        Value::Object(map) => map.iter().map(|(name, value)| 64 + name.len() + size_in_memory(value)).sum(),
        _ => 0,
    };
    size_of::<Value>() + inner
}

/// The beginning of a text.
fn cut(mut text: String, length: usize) -> String {
    text.truncate(text.floor_char_boundary(length));
    text
}

/// The resource in a path such as `/scim/v2/Users/{id}`, or the one that was created at a location.
fn subject(path: &str, location: Option<&str>) -> Subject {
    let mut segments = path.split('/').skip_while(|segment| *segment != "v2").skip(1);
    let kind = match segments.next() {
        Some("Users") => Some(ResourceKind::User),
        Some("Groups") => Some(ResourceKind::Group),
        _ => None,
    };
    let created = || parse_id(location?.rsplit('/').next()?);
    Subject { kind, id: segments.next().and_then(parse_id).or_else(created) }
}

#[cfg(test)]
impl Received {
    /// A request without bodies.
    pub(crate) fn example() -> Self {
        Self {
            id: Uuid::nil(),
            tenant: Uuid::nil(),
            connection: Uuid::nil(),
            time: Timestamp::from(0),
            duration: Duration::from_micros(1_500),
            method: "POST".to_owned(),
            path: "/scim/v2/Users".to_owned(),
            query: String::new(),
            status: 201,
            request_id: "x".into(),
            location: None,
            request: None,
            response: None,
            revisions: Vec::new(),
            revision_count: 0,
            deviations: Notes::default(),
            rejections: Vec::new(),
            plan: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::inspector::{MAX_REVISIONS, UserValues};
    use crate::domain::scim::reading::NoteCode;
    use crate::domain::scim::{Profile, Reading};
    use serde_json::json;

    fn received() -> Received {
        Received::example()
    }

    #[test]
    fn long_parts_are_cut_off() {
        let text = format!("{}{}", "x".repeat(MAX_BODY - 1), "é".repeat(10));
        let long = Received {
            path: "/é".repeat(10_000),
            query: "q".repeat(100_000),
            request: Captured::of(text.as_bytes()),
            response: Captured::of(b"\xff\0"),
            revisions: (1..=1_000).collect(),
            revision_count: 2_000,
            ..received()
        };
        let counted = MAX_BODY + 100_000 + 30_000 + 8 * 1_000;
        assert!((counted..counted + 8_192).contains(&long.size()), "{}", long.size());
        let recorded = long.into_recorded();
        let Body { text: request, bytes } = recorded.request;
        assert_eq!((request.map(|text| text.len()), bytes), (Some(MAX_BODY - 1), Some(text.len() as i64)));
        assert_eq!(recorded.response, Body { text: Some("\u{fffd}\u{fffd}".to_owned()), bytes: Some(2) });
        assert!(
            recorded.path.len() <= MAX_PATH && recorded.query.is_some_and(|query| query.len() == MAX_QUERY)
        );
        assert_eq!((recorded.revisions.len(), recorded.revision_count), (MAX_REVISIONS, 2_000));
    }

    #[test]
    fn secrets_are_removed_from_every_part() {
        let note = |detail: &str| Note { code: "invalid-value".to_owned(), detail: Some(detail.to_owned()) };
        let recorded = Received {
            request: Captured::of(br#"{"password":"hunter2"}"#),
            response: Captured::of(br#"{"detail":"not hunter2"}"#),
            rejections: vec![note("not hunter2"), note("fine")],
            plan: Some(json!({ "changes": [{ "after": { "extensions": { "urn:x:User": { "password": "hunter2" } } } }] })),
            ..received()
        }
        .into_recorded();
        assert!(!format!("{recorded:?}").contains("hunter2"), "{recorded:?}");
        assert_eq!(recorded.notes[1], note("fine"));
        assert_eq!((recorded.response.text, recorded.response.bytes), (None, Some(24)));
        // The secret of a key, also in encoded form.
        let key = crate::domain::key::Secret::generate(Uuid::from_u128(7)).unwrap();
        let key = key.reveal();
        let query = format!("access_token={key}&count=1");
        for (query, expected) in
            [(query.clone(), "access_token=[removed]&count=1"), (query.replace('_', "%5F"), REMOVED)]
        {
            let recorded = Received {
                path: format!("/scim/v2/Users/{key}"),
                query,
                request: Captured::of(json!({ "value": key }).to_string().as_bytes()),
                rejections: vec![note(&format!("unexpected {key}"))],
                plan: Some(json!([key])),
                ..received()
            }
            .into_recorded();
            let random = key.rsplit('_').next().unwrap();
            assert!(!format!("{recorded:?}").contains(random), "{recorded:?}");
            assert_eq!(recorded.query.as_deref(), Some(expected));
        }
        // Here, the password is not known.
        for (query, request) in
            [("filter=passwor%64%20eq%20%22hunter2%22", &b""[..]), ("", b"{\"password\":\"hunter2")]
        {
            let recorded = Received {
                query: query.to_owned(),
                status: 400,
                request: Captured::of(request),
                response: Captured::of(b"unexpected hunter2"),
                rejections: vec![note("unexpected hunter2")],
                ..received()
            }
            .into_recorded();
            assert!(!format!("{recorded:?}").contains("hunter2"), "{recorded:?}");
            assert_eq!(recorded.notes, [note(REMOVED)]);
        }
    }

    #[test]
    fn the_subject_is_in_the_path_or_the_location() {
        let id = Uuid::from_u128(7);
        let of = |path: &str, location: Option<&str>| {
            let Subject { kind, id } = subject(path, location);
            (kind.map(ResourceKind::name), id)
        };
        assert_eq!(of("/scim/v2/Users", None), (Some("user"), None));
        assert_eq!(
            of("/scim/v2/Users", Some(&format!("https://x/scim/v2/Users/{id}"))),
            (Some("user"), Some(id))
        );
        assert_eq!(of(&format!("/scim/v2/Groups/{id}"), None), (Some("group"), Some(id)));
        assert_eq!(of("/scim/v2/Groups/.search", None), (Some("group"), None));
        assert_eq!(of("/scim/v2/Bulk", None), (None, None));
    }

    #[test]
    fn erasing_removes_all_values() {
        let (id, reading) = (Uuid::from_u128(7), Reading::new(Profile::Lenient));
        reading.note(NoteCode::Converted, "ada");
        let mut recorded = Received {
            path: "/scim/v2/Users/ada/groups".to_owned(),
            query: "filter=userName%20eq%20%22ada%22".to_owned(),
            request: Captured::of(format!("{{\"id\":\"{id}\",\"userName\":\"Ada\"}}").as_bytes()),
            response: Captured::of(b"ada"),
            deviations: reading.into_notes(),
            rejections: vec![Note { code: "uniqueness".to_owned(), detail: Some("ada".to_owned()) }],
            plan: Some("ada".into()),
            ..received()
        }
        .into_recorded();
        assert_eq!(recorded.codes(), " converted uniqueness ");
        recorded.erase(Some((id, &UserValues::default())));
        assert!(!format!("{recorded:?}").to_lowercase().contains("ada"), "{recorded:?}");
        assert!(recorded.erased && recorded.mentions.contain(Some(id), None));
        assert_eq!(recorded.codes(), " converted uniqueness ");
    }
}
