//! The parameters of lists, from the query (RFC 7644, section 3.4.2) or from a SearchRequest (section 3.4.3). Unknown
//! parameters are ignored.

use super::limits::{DEFAULT_COUNT, MAX_COUNT};
use crate::domain::filter::{Filter, InvalidFilter, Language, Parsed};
use crate::domain::schema::{self, Schema, Vocabulary};
use crate::domain::scim::intent::parse_integer;
use crate::domain::scim::message::Message;
use crate::domain::scim::projection::Projection;
use crate::domain::scim::reading::NoteCode;
use crate::domain::scim::{Reading, ResourceType, ScimError, ScimType, urn};
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
    /// The types in the search other than the one that is searched. The filter may name their attributes.
    others: &'static [&'static Schema],
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
                *number = Some(parse_integer(&value).ok_or_else(|| not_an_integer(&name))?);
                continue;
            };
            if text.replace(value).is_some() {
                let detail = format!("The parameter {name} must not be repeated.");
                return Err(ScimType::InvalidValue.error(detail).into());
            }
        }
        Ok(search)
    }

    /// Reads a SearchRequest. An empty string counts as absent, except that an empty cursor requests the first page.
    pub(super) fn from_body(body: Value, reading: &Reading) -> Result<Self, ScimError> {
        let mut message = Message::of_body(body, urn::SEARCH, reading)?;
        let search =
            Self::from_message(&mut message).map_err(|error| error.with_type(ScimType::InvalidValue))?;
        message.ignore_rest();
        Ok(search)
    }

    fn from_message(message: &mut Message<'_>) -> Result<Self, ScimError> {
        let mut text = |name: &str| Ok(message.text(name)?.filter(|text| !text.is_empty()));
        let (filter, sort_by, sort_order) = (text("filter")?, text("sortBy")?, text("sortOrder")?);
        Ok(Self {
            attributes: message.names("attributes")?,
            excluded: message.names("excludedAttributes")?,
            filter,
            sort_by,
            sort_order,
            start_index: message.integer("startIndex")?,
            count: message.integer("count")?,
            cursor: message.text_or_blank("cursor")?,
            others: &[],
        })
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

    /// The part of a search of all types that concerns one type. Attributes that the type lacks are not returned, and have
    /// no value in the filter.
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
            others: &schema::ALL,
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
        reading: &Reading,
    ) -> Result<Option<Filter>, ScimError> {
        let Some(text) = &self.filter else { return Ok(None) };
        let (vocabulary, literals) = (Vocabulary::Scim, reading.profile().literals());
        let language = Language { schema, others: self.others, vocabulary, literals };
        let Parsed { filter, converted } =
            Parsed::parse(text, language).map_err(|error| invalid_filter(&error))?;
        converted.into_iter().for_each(|name| reading.note(NoteCode::Converted, name));
        Ok(Some(filter))
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

fn not_an_integer(parameter: &str) -> ScimError {
    ScimType::InvalidValue.error(format!("{parameter} must be an integer."))
}
