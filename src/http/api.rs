//! The two APIs that share the server. The path of a request decides which one it belongs to.

use actix_web::HttpMessage;
use actix_web::dev::ServiceRequest;
use actix_web::http::uri::{PathAndQuery, Uri};

/// One of the two APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    /// The native REST API.
    Native,
    /// SCIM 2.0, below `/scim/v2`.
    Scim,
}

/// The base path of SCIM.
pub(super) const SCIM_BASE: &str = "/scim/v2";

/// The paths that need no key, besides the files below `/docs/` and the discovery endpoints of SCIM.
const PUBLIC: [&str; 8] =
    ["/", "/livez", "/healthz", "/health", "/readyz", "/openapi.json", "/docs", "/admin"];

/// The discovery endpoints, which need no key: a client must learn from them how to authenticate (RFC 7644, section 4).
const DISCOVERY: [&str; 3] = ["ServiceProviderConfig", "ResourceTypes", "Schemas"];

/// The other names in SCIM's paths.
const NAMES: [&str; 5] = [".search", "Users", "Groups", "Bulk", "Me"];

impl Api {
    /// The API that a path belongs to.
    pub fn of(path: &str) -> Self {
        let is_scim = |rest: &str| rest.is_empty() || rest.starts_with('/');
        if path.strip_prefix(SCIM_BASE).is_some_and(is_scim) { Self::Scim } else { Self::Native }
    }

    /// The media type of error responses.
    pub(super) fn error_media_type(self) -> &'static str {
        match self {
            Self::Native => "application/problem+json",
            Self::Scim => SCIM_JSON,
        }
    }

    /// The media types of JSON bodies. SCIM permits plain JSON too (RFC 7644, section 3.1).
    pub(super) fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Native => &["application/json"],
            Self::Scim => &[SCIM_JSON, "application/json"],
        }
    }
}

/// The media type of SCIM (RFC 7644, section 8.1).
pub(super) const SCIM_JSON: &str = "application/scim+json";

/// Whether requests for a path need no key.
pub(super) fn is_public(path: &str) -> bool {
    let discovery = || path.strip_prefix(SCIM_BASE)?.strip_prefix('/')?.split('/').next();
    PUBLIC.contains(&path)
        || ["/docs/", "/admin/"].iter().any(|folder| path.starts_with(folder))
        || discovery().is_some_and(|name| DISCOVERY.contains(&name))
}

/// Marks a request whose path ended with a slash. The slash changes how a browser resolves relative URLs.
#[derive(Clone, Copy)]
pub(super) struct TrailingSlash;

/// Rewrites the path of a request to its normal form, as in the table of URLs: without duplicate and trailing slashes
/// and, below `/scim/v2`, with the case of names in that table. Some clients send `/scim/v2//Users` or
/// `/scim/v2/users`.
pub(super) fn normalize_path(request: &mut ServiceRequest) {
    let Some(path) = normalized(request.path()) else { return };
    if request.path().ends_with('/') {
        request.extensions_mut().insert(TrailingSlash);
    }
    let path_and_query = match request.query_string() {
        "" => path,
        query => format!("{path}?{query}"),
    };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(path_and_query).ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
}

/// The normal form of a path, or `None` if the path already has it. Percent-encoded characters stay as they are.
fn normalized(path: &str) -> Option<String> {
    let collapsed = collapsed(path);
    in_table_case(collapsed.as_deref().unwrap_or(path)).or(collapsed)
}

/// The path without duplicate and trailing slashes, or `None` if there are none to remove.
fn collapsed(path: &str) -> Option<String> {
    let has_extra = path.contains("//") || (path.len() > 1 && path.ends_with('/'));
    has_extra.then(|| {
        let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        format!("/{}", segments.join("/"))
    })
}

/// A SCIM path with the case of names in the table of URLs, or `None` if it already has that case.
fn in_table_case(path: &str) -> Option<String> {
    let (base, below) = path.split_at_checked(SCIM_BASE.len())?;
    if !base.eq_ignore_ascii_case(SCIM_BASE) {
        return None;
    }
    let segments = below.split('/').map(|segment| {
        let known = DISCOVERY.iter().chain(&NAMES).find(|name| name.eq_ignore_ascii_case(segment));
        known.copied().unwrap_or(segment)
    });
    let normalized = format!("{SCIM_BASE}{}", segments.collect::<Vec<_>>().join("/"));
    (normalized != path).then_some(normalized)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scim_paths_are_case_insensitive() {
        for (path, expected) in [
            ("/scim/v2/users", Some("/scim/v2/Users")),
            ("/SCIM/V2/GROUPS/.SEARCH", Some("/scim/v2/Groups/.search")),
            ("/scim/v2/Users/me0-ABC", None),
            ("/scim/v2/Users", None),
            ("/scim/v22", None),
            ("/users", None),
            ("", None),
        ] {
            assert_eq!(normalized(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn duplicate_and_trailing_slashes_are_removed() {
        for (path, expected) in [
            ("/scim/v2//Users", Some("/scim/v2/Users")),
            ("//SCIM//v2/users/", Some("/scim/v2/Users")),
            ("/scim/v2/", Some("/scim/v2")),
            ("//users//7/", Some("/users/7")),
            ("/docs/", Some("/docs")),
            ("///", Some("/")),
            ("/", None),
            ("*", None),
            ("/users/%2F%2F", None),
        ] {
            assert_eq!(normalized(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn the_path_decides_the_api() {
        for (path, api) in [
            ("/scim/v2", Api::Scim),
            ("/scim/v2/Users", Api::Scim),
            ("/scim/v22", Api::Native),
            ("/users", Api::Native),
        ] {
            assert_eq!(Api::of(path), api, "{path}");
        }
    }

    #[test]
    fn scim_discovery_needs_no_key() {
        for (path, public) in [
            ("/scim/v2/Schemas", true),
            ("/scim/v2/Schemas/urn:x", true),
            ("/scim/v2/SchemasX", false),
            ("/scim/v2/Users", false),
            ("/scim/v2", false),
            ("/Schemas", false),
        ] {
            assert_eq!(is_public(path), public, "{path}");
        }
    }
}
