//! The representation of problems.

use super::{Extension, Problem};
use crate::domain::fields::FieldError;
use crate::domain::scim::resource;
use crate::domain::scim::{ScimError, ScimType, from_field_errors};
use crate::http::api::Api;
use crate::http::response::etag;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

impl Problem {
    /// The response of an API (RFC 9457; for SCIM, RFC 7644, section 3.12).
    pub(in crate::http) fn respond(&self, api: Api, request_id: &str) -> HttpResponse {
        let mut response = self.error_response();
        let media_type = HeaderValue::from_static(api.error_media_type());
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        // Only SCIM announces Basic, because browsers ask for a password when they see it.
        if api == Api::Scim && self.status == StatusCode::UNAUTHORIZED {
            let basic = HeaderValue::from_static("Basic realm=\"roster\"");
            response.headers_mut().append(WWW_AUTHENTICATE, basic);
        }
        let tag = self.version.map(|version| match api {
            Api::Native => etag(version),
            Api::Scim => resource::etag(version),
        });
        if let Some(tag) = tag.and_then(|tag| HeaderValue::try_from(tag).ok()) {
            response.headers_mut().insert(ETAG, tag);
        }
        let body = match api {
            Api::Native => serde_json::to_string(&self.body(request_id)),
            Api::Scim => {
                let error = self.scim_error().with_request_id(request_id);
                *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(self.status);
                serde_json::to_string(&error.body())
            }
        };
        match body {
            Ok(body) => response.set_body(body).map_into_boxed_body(),
            Err(_) => response,
        }
    }

    /// The body of a response of the native API.
    pub(in crate::http) fn body<'p>(&'p self, request_id: &'p str) -> impl Serialize + 'p {
        Body {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            request_id,
            errors: &self.errors,
            more: self.more.as_deref(),
        }
    }

    /// The SCIM error (RFC 7644, section 3.12). It has only `detail`, which therefore includes the field errors.
    pub(in crate::http) fn scim_error(&self) -> ScimError {
        let scim_type = self.scim_type.or(match self.code {
            "malformed-body" => Some(ScimType::InvalidSyntax),
            "invalid-parameter" | "invalid" => Some(ScimType::InvalidValue),
            "invalid-cursor" => Some(ScimType::InvalidCursor),
            "invalid-filter" => Some(ScimType::InvalidFilter),
            "uncountable" => Some(ScimType::TooMany),
            "conflict" if !self.errors.is_empty() => Some(ScimType::Uniqueness),
            _ => None,
        });
        match scim_type {
            Some(scim_type @ ScimType::InvalidValue) => {
                from_field_errors(&self.errors).unwrap_or_else(|| scim_type.error(self.detail.clone()))
            }
            Some(scim_type) => scim_type.error(self.detail.clone()),
            None => ScimError::of_status(self.status.as_u16(), self.detail.clone()),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'p> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'p str,
    code: &'static str,
    request_id: &'p str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'p [FieldError],
    #[serde(flatten)]
    more: Option<&'p Extension>,
}
