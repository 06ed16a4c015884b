//! Properties of the parsers of headers, URLs and SCIM messages. See [`crate::fuzzing`].

pub(crate) use super::scim::fuzzing::bulk;

use super::api::normalize_path;
use super::body::media_type;
use super::headers::{IdempotencyKey, Prefer, accepts_json, prefers_html, remove_unsatisfiable_encodings};
use super::params::{Params, pairs};
use super::request_id::{RequestId, visible};
use super::scim;
use crate::domain::condition::{Conditions, Tags};
use crate::domain::cursor::List;
use crate::domain::schema::USERS;
use crate::fuzzing::text;
use actix_web::http::Uri;
use actix_web::http::header::{
    ACCEPT, ACCEPT_ENCODING, AcceptEncoding, Encoding, HeaderMap, HeaderName, HeaderValue,
};
use actix_web::test::TestRequest;
use actix_web::{HttpMessage, HttpRequest};
use uuid::Uuid;

/// Each header that a handler reads, with the same value.
pub(crate) fn headers(input: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(input) else { return };
    let read = |name: &str| request(name, &value);
    check_accept(&value);
    check_accept_encoding(&value);
    let prefer = Prefer::of(&read("prefer"));
    assert!(prefer.is_ok_and(|prefer| (prefer == Prefer::Nothing) == prefer.applied().is_none()));
    if let Ok(conditions) = Conditions::of(&read("if-match")) {
        assert_eq!(conditions.if_match, Tags::parse(&String::from_utf8_lossy(input)).ok());
    }
    if let Ok(IdempotencyKey(key)) = IdempotencyKey::of(&read("idempotency-key")) {
        assert!(key.is_some_and(|key| key.len() <= 255 && key.bytes().all(|byte| byte.is_ascii_graphic())));
    }
    let RequestId(id) = RequestId::from_headers(read("x-request-id").headers());
    assert!((1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()));
    let traceparent = HeaderName::from_static("traceparent");
    let shown = read("traceparent");
    assert!(visible(shown.headers(), &traceparent).is_none_or(|text| text.as_bytes() == input));
    if let Some(content_type) = text(input) {
        drop(media_type(content_type, &["application/json"]));
    }
}

fn request(name: &str, value: &HeaderValue) -> HttpRequest {
    TestRequest::default().insert_header((name, value.clone())).to_http_request()
}

/// The last of the most specific media ranges counts.
fn check_accept(value: &HeaderValue) {
    for (range, accepted) in [("application/json", true), ("application/json;q=0", false)] {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, value.clone());
        headers.append(ACCEPT, HeaderValue::from_static(range));
        assert_eq!(accepts_json(&headers), accepted, "{value:?}");
        assert!(!accepted || !prefers_html(&headers), "{value:?}");
    }
}

/// A SCIM response always has an encoding that the request accepts.
fn check_accept_encoding(value: &HeaderValue) {
    let mut request = TestRequest::default().insert_header((ACCEPT_ENCODING, value.clone())).to_srv_request();
    remove_unsatisfiable_encodings(&mut request);
    let supported = [Encoding::identity(), Encoding::gzip(), Encoding::deflate(), Encoding::zstd()];
    let accepted = request.get_header::<AcceptEncoding>();
    assert!(accepted.is_none_or(|accepted| accepted.negotiate(supported.iter()).is_some()), "{value:?}");
}

/// The parameters of a list. The link to the next page has the same parameters, and a path has one normal form.
pub(crate) fn query(input: &[u8]) {
    let Some(text) = text(input) else { return };
    check_path(text);
    let Ok(uri) = format!("/users?{text}").parse::<Uri>() else { return };
    let request = TestRequest::with_uri(&uri.to_string()).to_http_request();
    scim::fuzzing::search_query(&request);
    let (Ok(mut sent), Ok(mut params)) = (pairs(&request), Params::of(&request)) else { return };
    let limit = params.limit();
    assert!(limit.is_err() || limit.is_ok_and(|limit| (1..=500).contains(&limit)));
    let sort = params.sort(&USERS);
    drop((params.filter(&USERS), params.projection(&USERS, true), params.include(&["total", "groups"])));
    drop(params.cursor(List::new(Uuid::nil(), &[]), sort.unwrap_or_default()));
    drop((params.revision("after"), params.finish()));
    let next = TestRequest::with_uri(&params.next("/users", "c")).to_http_request();
    sent.retain(|(name, _)| name != "cursor");
    sent.push(("cursor".to_owned(), "c".to_owned()));
    assert_eq!(pairs(&next).ok(), Some(sent));
}

fn check_path(text: &str) {
    let Ok(uri) = format!("/{text}").parse::<Uri>() else { return };
    let mut request = TestRequest::with_uri(&uri.to_string()).to_srv_request();
    normalize_path(&mut request);
    let once = request.uri().clone();
    normalize_path(&mut request);
    assert_eq!(request.uri(), &once);
    assert!(!request.path().contains("//"));
}
