//! Properties that the parsers have for any input. The fuzz targets in `fuzz` and the tests of this module call the same
//! functions.

mod bodies;
mod imports;
mod queries;
mod samples;
mod scim;
#[cfg(test)]
mod tests;

pub(crate) use bodies::accepted;

use crate::domain::scim::check_path;
use crate::http;

/// A property of a parser. Panics if the input violates it.
pub type Property = fn(&[u8]);

/// The properties, by the name of their fuzz target.
pub const PROPERTIES: [(&str, Property); 19] = [
    ("bulk", http::fuzzing::bulk),
    ("csv", imports::csv),
    ("cursor", queries::cursor),
    ("etag", queries::etag),
    ("filter", queries::filter),
    ("group", bodies::group),
    ("headers", http::fuzzing::headers),
    ("json", bodies::json),
    ("merge_patch", bodies::merge_patch),
    ("ndjson", imports::ndjson),
    ("projection", queries::projection),
    ("query", http::fuzzing::query),
    ("records", bodies::records),
    ("scim_group", scim::group),
    ("scim_patch", scim::patch),
    ("scim_path", |input| text(input).into_iter().for_each(check_path)),
    ("scim_user", scim::user),
    ("secret", queries::secret),
    ("user", bodies::user),
];

/// Checks the property of a fuzz target.
///
/// # Panics
/// If the input violates the property, or if there is no such target.
pub fn check(target: &str, input: &[u8]) {
    let property = PROPERTIES.iter().find(|(name, _)| *name == target);
    assert!(property.is_some(), "there is no property {target}");
    property.into_iter().for_each(|(_, property)| property(input));
}

/// The input of a parser of text. Other parsers reject bytes that are not UTF-8.
pub(crate) fn text(input: &[u8]) -> Option<&str> {
    str::from_utf8(input).ok()
}
