//! The parameters of lists, from the query (RFC 7644, section 3.4.2) or from a SearchRequest (section 3.4.3). Unknown
//! parameters are ignored.

use super::limits::{DEFAULT_COUNT, MAX_COUNT};
use crate::domain::filter::{Filter, InvalidFilter};
use crate::domain::schema::{Schema, Vocabulary};
use crate::domain::scim::projection::Projection;
use crate::domain::scim::{
    Profile, Reading, ResourceType, ScimError, ScimType, boolean_syntax, check_message, urn,
};
use crate::domain::sort::Sort;
use crate::http::params::pairs;
use crate::http::problem::Problem;
use actix_web::HttpRequest;
use serde_json::Value;

/// The parameters as the client sent them.
#[derive(Clone, Default)]
pub(super) struct Search {
    attributes: Option<String>,
    excluded: Option<String>,
    filter: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
    cursor: Option<String>,
}

/// The position and maximum size of a page.
pub(super) enum Page {
    /// The 1-based index of the first resource (RFC 7644, section 3.4.2.4), and the size.
    Index(usize, usize),
    /// The cursor, `None` for the first page (RFC 9865), and the size.
    Cursor(Option<String>, usize),
}

impl Search {
    pub(super) fn from_query(request: &HttpRequest) -> Result<Self, Problem> {
        let mut search = Self::default();
        for (name, value) in pairs(request)? {
            // An empty parameter counts as absent, except that an empty cursor requests the first page.
            if value.is_empty() && name != "cursor" {
                continue;
            }
            let Some(text) = search.text(&name) else {
                let Some(number) = search.number(&name) else { continue };
                *number = Some(parse_number(&name, &value)?);
                continue;
            };
            if text.replace(value).is_some() {
                let detail = format!("The parameter {name} must not be repeated.");
                return Err(ScimType::InvalidValue.error(detail).into());
            }
        }
        Ok(search)
    }

    /// Reads a SearchRequest. Its member names are case-insensitive.
    pub(super) fn from_body(body: Value, profile: Profile) -> Result<Self, ScimError> {
        let Value::Object(map) = body else {
            return Err(ScimType::InvalidSyntax.error("The body must be an object."));
        };
        check_message(map.get("schemas"), urn::SEARCH, profile)?;
        let mut search = Self::default();
        for (name, value) in map {
            let known = NAMES.iter().find(|known| known.eq_ignore_ascii_case(&name));
            let known = known.copied().unwrap_or_default();
            match value {
                Value::Null => {}
                Value::String(text) if text.is_empty() && known != "cursor" => {}
                value if search.text(known).is_some() => {
                    let joined = join_names(known, value)?;
                    search.text(known).map(|text| text.replace(joined));
                }
                value if search.number(known).is_some() => {
                    let integer = integer(&value, profile).ok_or_else(|| not_an_integer(known))?;
                    search.number(known).map(|number| number.replace(integer));
                }
                _ => {}
            }
        }
        Ok(search)
    }

    fn text(&mut self, name: &str) -> Option<&mut Option<String>> {
        Some(match name {
            "attributes" => &mut self.attributes,
            "excludedAttributes" => &mut self.excluded,
            "filter" => &mut self.filter,
            "sortBy" => &mut self.sort_by,
            "sortOrder" => &mut self.sort_order,
            "cursor" => &mut self.cursor,
            _ => return None,
        })
    }

    fn number(&mut self, name: &str) -> Option<&mut Option<i64>> {
        Some(match name {
            "startIndex" => &mut self.start_index,
            "count" => &mut self.count,
            _ => return None,
        })
    }

    pub(super) fn projection(&self, kind: ResourceType, reading: &Reading) -> Result<Projection, ScimError> {
        Projection::parse(kind, self.attributes.as_deref(), self.excluded.as_deref(), reading)
    }

    /// The part of a search of all types that concerns one type: attributes that the type lacks are left out.
    pub(super) fn for_type(&self, kind: ResourceType) -> Self {
        let known = |names: &String| {
            let known = Projection::split(names).filter(|name| Projection::knows(kind, name));
            known.collect::<Vec<_>>().join(",")
        };
        // `id` is always returned, so it represents an empty selection.
        let or_id = |names: String| if names.is_empty() { "id".to_owned() } else { names };
        let attributes = self.attributes.as_ref().filter(|_| self.has_attributes());
        Self {
            attributes: attributes.map(known).map(or_id),
            excluded: self.excluded.as_ref().map(known),
            ..self.clone()
        }
    }

    /// Ignores attributes that no resource type has. Returns an error when too many attributes are named and, in the
    /// strict profile, when an attribute is unknown.
    pub(super) fn check_names(&self, reading: &Reading) -> Result<(), ScimError> {
        for names in self.attributes.iter().chain(&self.excluded) {
            for name in Projection::names(names)? {
                if !ResourceType::ALL.into_iter().any(|kind| Projection::knows(kind, name)) {
                    reading.unknown(name)?;
                }
            }
        }
        Ok(())
    }

    /// Whether `attributes` names any attribute.
    pub(super) fn has_attributes(&self) -> bool {
        self.attributes.as_deref().is_some_and(|names| !names.trim().is_empty())
    }

    pub(super) fn filter(
        &self,
        schema: &'static Schema,
        profile: Profile,
    ) -> Result<Option<Filter>, ScimError> {
        let parse =
            |text: &String| Filter::parse_with(text, schema, Vocabulary::Scim, boolean_syntax(profile));
        self.filter.as_ref().map(parse).transpose().map_err(|error| invalid_filter(&error))
    }

    pub(super) fn filter_text(&self) -> &str {
        self.filter.as_deref().unwrap_or_default()
    }

    /// Parses the sort order. Without `sortBy`, resources are sorted by id.
    pub(super) fn sort(&self, schema: &'static Schema) -> Result<Sort, ScimError> {
        let descending = match self.sort_order.as_deref() {
            None => false,
            Some(order) if order.eq_ignore_ascii_case("ascending") => false,
            Some(order) if order.eq_ignore_ascii_case("descending") => true,
            Some(_) => {
                return Err(ScimType::InvalidValue.error("sortOrder must be ascending or descending."));
            }
        };
        let Some(name) = &self.sort_by else { return Ok(Sort { descending, ..Sort::default() }) };
        Sort::by_scim(schema, name, descending).ok_or_else(|| {
            let detail = format!(
                "sortBy ({name:.100}) must be an attribute of {} with comparable values, or a sub-attribute.",
                schema.plural
            );
            ScimType::InvalidValue.error(detail)
        })
    }

    pub(super) fn has_sort(&self) -> bool {
        self.sort_by.is_some()
    }

    /// The requested page. A cursor takes precedence over an index.
    pub(super) fn page(&self) -> Result<Page, ScimError> {
        let clamp = |number: i64| usize::try_from(number).unwrap_or(0);
        let count = self.count.map_or(DEFAULT_COUNT, clamp).min(MAX_COUNT);
        let Some(cursor) = &self.cursor else {
            return Ok(Page::Index(self.start_index.map_or(1, clamp).max(1), count));
        };
        if count == 0 {
            return Err(invalid_count());
        }
        Ok(Page::Cursor(Some(cursor.clone()).filter(|cursor| !cursor.is_empty()), count))
    }
}

/// Refuses the parameter `filter`, which the discovery endpoints do not support (RFC 7644, section 4).
pub(super) fn reject_filter(request: &HttpRequest) -> Result<(), Problem> {
    match pairs(request)?.iter().any(|(name, _)| name == "filter") {
        true => Err(unsupported_filter().into()),
        false => Ok(()),
    }
}

pub(super) fn unsupported_filter() -> ScimError {
    ScimError::of_status(403, "This endpoint does not support filter. Remove the parameter.")
}

pub(super) fn invalid_filter(error: &InvalidFilter) -> ScimError {
    ScimType::InvalidFilter.error(format!("The filter is invalid at {error}."))
}

pub(super) fn invalid_count() -> ScimError {
    ScimType::InvalidCount.error("With a cursor, count must be at least 1.")
}

const NAMES: [&str; 8] =
    ["attributes", "excludedAttributes", "filter", "sortBy", "sortOrder", "startIndex", "count", "cursor"];

/// Converts a string, or a list of strings, to comma-separated names.
fn join_names(parameter: &str, value: Value) -> Result<String, ScimError> {
    let wrong_type =
        || ScimType::InvalidValue.error(format!("{parameter} must be a string or a list of strings."));
    match value {
        Value::String(text) => Ok(text),
        Value::Array(items) => {
            let names: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            names.map(|names| names.join(",")).ok_or_else(wrong_type)
        }
        _ => Err(wrong_type()),
    }
}

/// Parses an integer. A number outside the range of `i64` becomes the nearest one inside.
fn parse_number(parameter: &str, text: &str) -> Result<i64, ScimError> {
    parse_digits(text).ok_or_else(|| not_an_integer(parameter))
}

fn parse_digits(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let nearest = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_integer.then(|| text.parse().unwrap_or(nearest))
}

/// An integer in a body. In the profile `lenient`, it may be a string.
pub(super) fn integer(value: &Value, profile: Profile) -> Option<i64> {
    match value {
        Value::String(text) if profile == Profile::Lenient => parse_digits(text),
        value => value.as_i64(),
    }
}

fn not_an_integer(parameter: &str) -> ScimError {
    ScimType::InvalidValue.error(format!("{parameter} must be an integer."))
}
