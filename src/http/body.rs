//! JSON bodies.

use super::api::Api;
use super::auth::{Caller, reauthenticate};
use super::deadline::Deadline;
use super::in_flight::is_read;
use super::inspector::RequestNotes;
use super::problem::{Problem, sentence};
use super::state::State;
use crate::db::Class;
use crate::domain::fields::FieldError;
use crate::domain::idempotency::BodyHash;
use crate::domain::json::{self, JsonError};
use crate::domain::scim::reading::NoteCode;
use crate::domain::scim::{Profile, Reading};
use crate::domain::unstorable::unstorable;
use actix_web::body::{BodyStream, to_bytes_limited};
use actix_web::dev::{Decompress, Payload};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName,
};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::{TryStreamExt, stream};
use serde_json::Value;
use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

/// A JSON body: a JSON Merge Patch in PATCH requests of the native API, a SCIM message in SCIM requests.
pub(super) struct JsonBody {
    value: Value,
    /// The errors for values that cannot be stored.
    unstorable: Vec<FieldError>,
}

impl JsonBody {
    /// The hash of the body, which is stored with an idempotency key.
    pub(super) fn hash(&self) -> BodyHash {
        BodyHash::of(&self.value)
    }

    /// Reads the body with `read`.
    ///
    /// # Errors
    /// 422 with every invalid field.
    pub(super) fn read<T>(
        self,
        read: impl FnOnce(Value) -> Result<T, Vec<FieldError>>,
    ) -> Result<T, Problem> {
        let mut errors = self.unstorable;
        match read(self.value) {
            Ok(read) if errors.is_empty() => return Ok(read),
            Ok(_) => {}
            Err(more) => {
                let reported: HashSet<_> = errors.iter().map(|error| error.pointer.clone()).collect();
                errors.extend(more.into_iter().filter(|error| !reported.contains(&error.pointer)));
            }
        }
        Err(Problem::invalid_fields(errors))
    }
}

impl FromRequest for JsonBody {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let payload = payload.take();
        let request = request.clone();
        Box::pin(async move {
            check_media_type(&request)?;
            check_encoding(&request)?;
            let bytes = read(&request, payload).await?;
            if let Some(state) = request.app_data::<web::Data<State>>() {
                reauthenticate(&request, state).await?;
                check_place(&request, state)?;
            }
            let value = json::parse(&bytes).map_err(malformed)?;
            let unstorable = unstorable(&value, &bytes);
            Ok(Self { value, unstorable })
        })
    }
}

/// Checks that a write with this body would not be refused. If it would, parsing the body would take most of the time that
/// the request takes, while the server is overloaded.
///
/// # Errors
/// 503 if too many writes are waiting.
fn check_place(request: &HttpRequest, state: &State) -> Result<(), Problem> {
    if is_read(request) {
        return Ok(());
    }
    let class = if request.path().ends_with("/Bulk") { Class::Bulk } else { Class::Write };
    let extensions = request.extensions();
    let caller = extensions.get::<Caller>().ok_or_else(Problem::no_valid_key)?;
    Ok(state.database.check_place(&caller.origin, class)?)
}

fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let accepted = match (Api::of(request.path()), request.method()) {
        (Api::Native, &Method::PATCH) => &["application/merge-patch+json", "application/json"],
        (api, _) => api.media_types(),
    };
    let header_name = match *request.method() {
        Method::PATCH => HeaderName::from_static("accept-patch"),
        Method::POST => HeaderName::from_static("accept-post"),
        _ => ACCEPT,
    };
    let header = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = header.unwrap_or_default();
    if content_type.is_empty() && is_lenient_scim(request) {
        let note = |reading: &Reading| reading.note(NoteCode::NoValue, CONTENT_TYPE.as_str());
        RequestNotes::of(request).read(Profile::Lenient, note);
        return Ok(());
    }
    media_type(content_type, accepted)
        .map(drop)
        .map_err(|problem| problem.with(header_name, &accepted.join(", ")))
}

/// The essence of a media type that is accepted, in UTF-8.
pub(super) fn media_type(content_type: &str, accepted: &[&'static str]) -> Result<&'static str, Problem> {
    let mut parts = content_type.split(';').map(|part| part.trim().to_ascii_lowercase());
    let essence = parts.next().and_then(|essence| accepted.iter().find(|accepted| **accepted == essence));
    let charset = |part: String| part.strip_prefix("charset=").map(|name| name.trim_matches('"').to_owned());
    match essence {
        Some(essence) if parts.filter_map(charset).all(|charset| charset == "utf-8") => Ok(essence),
        _ => Err(Problem::wrong_media_type(accepted, content_type)),
    }
}

/// Whether a body without `Content-Type` is read as JSON.
fn is_lenient_scim(request: &HttpRequest) -> bool {
    let extensions = request.extensions();
    let profile = extensions.get::<Caller>().map(|caller| caller.profile);
    Api::of(request.path()) == Api::Scim && profile == Some(Profile::Lenient)
}

fn malformed(error: JsonError) -> Problem {
    match error {
        JsonError::Syntax(_) => Problem::malformed_body(sentence(error)),
        JsonError::OutOfRange(_) => {
            Problem::invalid_fields(vec![FieldError::new("", "unstorable", error.to_string())])
        }
    }
}

/// The content encodings that actix-web is built with.
const ENCODINGS: [&str; 4] = ["identity", "gzip", "deflate", "zstd"];

pub(super) fn check_encoding(request: &HttpRequest) -> Result<(), Problem> {
    let mut encodings = request.headers().get_all(CONTENT_ENCODING);
    let known = |value: &[u8]| ENCODINGS.iter().any(|name| value.eq_ignore_ascii_case(name.as_bytes()));
    match (encodings.next(), encodings.next()) {
        (None, _) => Ok(()),
        (Some(one), None) if known(one.as_bytes()) => Ok(()),
        _ => Err(Problem::unsupported_media_type(
            "`Content-Encoding` must be exactly one of gzip, deflate and zstd.",
        )
        .with(ACCEPT_ENCODING, "gzip, deflate, zstd")),
    }
}

/// Reads and decompresses the body within the size limit and the deadline.
async fn read(request: &HttpRequest, payload: Payload) -> Result<web::Bytes, Problem> {
    let state = request.app_data::<web::Data<State>>().ok_or_else(Problem::defect)?;
    let limit = state.body_limit;
    let too_large = || Problem::body_exceeds(limit);
    let content_length =
        request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let compressed = request.headers().contains_key(CONTENT_ENCODING);
    if !compressed && content_length.is_some_and(|length: usize| length > limit) {
        return Err(too_large());
    }
    let notes = RequestNotes::of_recorded(request);
    // A body that is refused is recorded as far as it was received.
    let record = |part: &web::Bytes| notes.iter().for_each(|notes| notes.append_to_request(part));
    let body = decompressed(request, payload).inspect_ok(record);
    let bytes = to_bytes_limited(BodyStream::new(body), limit);
    let deadline = Deadline::of(request).unwrap_or_else(|| Instant::now() + state.deadline);
    match tokio::time::timeout_at(deadline.into(), bytes).await {
        Ok(Ok(Ok(bytes))) => Ok(bytes),
        Ok(Ok(Err(_))) => Err(unreadable(request)),
        Ok(Err(_exceeded)) => Err(too_large()),
        Err(_late) => Err(Problem::body_timeout()),
    }
}

/// Decompresses a body.
pub(super) fn decompressed(request: &HttpRequest, payload: Payload) -> Decompress<Payload> {
    let compressed = request.headers().contains_key(CONTENT_ENCODING);
    let payload = if compressed { in_small_pieces(payload) } else { payload };
    Decompress::from_headers(payload, request.headers())
}

/// The error for a body that ends early or cannot be decompressed.
pub(super) fn unreadable(request: &HttpRequest) -> Problem {
    let encoding = request.headers().get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let known =
        ENCODINGS.iter().find(|name| encoding.is_some_and(|encoding| name.eq_ignore_ascii_case(encoding)));
    match known.filter(|name| **name != "identity") {
        Some(name) => {
            Problem::malformed_body(format!("The body is not valid {name} data, or it is incomplete."))
        }
        None => Problem::malformed_body("The body is incomplete."),
    }
}

/// Splits the body into small pieces. The decoder inflates a whole piece before the limit is checked, and 4 bytes of
/// zstd can inflate to 128 KiB.
fn in_small_pieces(payload: Payload) -> Payload {
    const PIECE: usize = 256;
    let split = |mut piece: web::Bytes| {
        let cut = move || (!piece.is_empty()).then(|| Ok(piece.split_to(piece.len().min(PIECE))));
        stream::iter(std::iter::from_fn(cut))
    };
    Payload::Stream { payload: Box::pin(payload.map_ok(split).try_flatten()) }
}
