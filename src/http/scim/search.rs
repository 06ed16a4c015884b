//! What a list is asked for: the parameters of a query (RFC 7644, section 3.4.2), or a SearchRequest (section 3.4.3),
//! which says the same in JSON. What is not known here is ignored.

use super::limits::{DEFAULT_COUNT, MAX_COUNT};
use crate::domain::filter::Filter;
use crate::domain::schema::{Schema, Vocabulary};
use crate::domain::scim::projection::Projection;
use crate::domain::scim::{Profile, ResourceType, ScimError, ScimType, boolean_syntax, check_message, urn};
use crate::domain::sort::Sort;
use crate::http::params::pairs;
use crate::http::problem::Problem;
use actix_web::HttpRequest;
use serde_json::Value;

/// What the client said.
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

/// Which page of a list.
pub(super) enum Page {
    /// So many resources, from the one of this number on (RFC 7644, section 3.4.2.4): 1 is the first.
    Index(usize, usize),
    /// So many behind a cursor, or the first (RFC 9865).
    Cursor(Option<String>, usize),
}

impl Search {
    /// Reads the parameters of a query.
    pub(super) fn of_query(request: &HttpRequest) -> Result<Self, Problem> {
        let mut search = Self::default();
        for (name, value) in pairs(request)? {
            // An empty parameter says nothing, but that there is a cursor asks for the first page.
            if value.is_empty() && name != "cursor" {
                continue;
            }
            let Some(place) = search.text(&name) else {
                let Some(place) = search.number(&name) else { continue };
                *place = Some(number(&name, &value)?);
                continue;
            };
            if place.replace(value).is_some() {
                return Err(ScimType::InvalidValue.error(format!("{name} comes twice")).into());
            }
        }
        Ok(search)
    }

    /// Reads a SearchRequest, whose names have no case.
    pub(super) fn of_body(sent: Value, profile: Profile) -> Result<Self, ScimError> {
        let Value::Object(map) = sent else {
            return Err(ScimType::InvalidSyntax.error("the body must be an object"));
        };
        check_message(map.get("schemas"), urn::SEARCH, profile)?;
        let mut search = Self::default();
        for (name, value) in map {
            let known =
                NAMES.iter().find(|known| known.eq_ignore_ascii_case(&name)).copied().unwrap_or_default();
            match value {
                Value::Null => {}
                Value::String(text) if text.is_empty() && known != "cursor" => {}
                value if search.text(known).is_some() => {
                    let text = joined(known, value)?;
                    search.text(known).map(|place| place.replace(text));
                }
                value if search.number(known).is_some() => {
                    let read = value.as_i64().ok_or_else(|| no_number(known))?;
                    search.number(known).map(|place| place.replace(read));
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

    /// What of resources of a kind is shown.
    pub(super) fn projection(&self, kind: ResourceType) -> Result<Projection, ScimError> {
        Projection::parse(kind, self.attributes.as_deref(), self.excluded.as_deref())
    }

    /// The same of one of several kinds: of the named attributes those that it has.
    pub(super) fn of_kind(&self, kind: ResourceType) -> Self {
        let known = |names: &String| {
            let known = names_in(names).filter(|name| Projection::parse(kind, Some(name), None).is_ok());
            known.collect::<Vec<_>>().join(",")
        };
        // The id is shown whatever is named, so that it says "none of these".
        let only = |names: String| if names.is_empty() { "id".to_owned() } else { names };
        let attributes = self.attributes.as_ref().filter(|_| self.names_attributes());
        Self {
            attributes: attributes.map(known).map(only),
            excluded: self.excluded.as_ref().map(known),
            ..self.clone()
        }
    }

    /// Refuses too many names of attributes, and those that no kind has.
    pub(super) fn check_names(&self) -> Result<(), ScimError> {
        for names in self.attributes.iter().chain(&self.excluded) {
            for name in Projection::names(names)? {
                let read = ResourceType::ALL.map(|kind| Projection::parse(kind, Some(name), None));
                if let [Err(error), Err(_)] = read {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Whether the client names attributes to be shown.
    pub(super) fn names_attributes(&self) -> bool {
        self.attributes.as_deref().is_some_and(|names| !names.trim().is_empty())
    }

    /// Which resources are meant.
    pub(super) fn filter(
        &self,
        schema: &'static Schema,
        profile: Profile,
    ) -> Result<Option<Filter>, ScimError> {
        let read =
            |text: &String| Filter::parse_with(text, schema, Vocabulary::Scim, boolean_syntax(profile));
        let filter = self.filter.as_ref().map(read).transpose();
        filter.map_err(|error| ScimType::InvalidFilter.error(format!("the filter is wrong at {error}")))
    }

    /// The filter as it was sent.
    pub(super) fn filter_text(&self) -> &str {
        self.filter.as_deref().unwrap_or_default()
    }

    /// In which order; by id without it.
    pub(super) fn sort(&self, schema: &'static Schema) -> Result<Sort, ScimError> {
        let descending = match self.sort_order.as_deref() {
            None => false,
            Some(order) if order.eq_ignore_ascii_case("ascending") => false,
            Some(order) if order.eq_ignore_ascii_case("descending") => true,
            Some(_) => return Err(ScimType::InvalidValue.error("sortOrder must be ascending or descending")),
        };
        let Some(name) = &self.sort_by else { return Ok(Sort { descending, ..Sort::default() }) };
        Sort::by_scim(schema, name, descending).ok_or_else(|| {
            let detail =
                format!("sortBy ({name:.100}) must be an attribute of {} with one value", schema.plural);
            ScimType::InvalidValue.error(detail)
        })
    }

    /// Whether an order was asked for.
    pub(super) fn names_order(&self) -> bool {
        self.sort_by.is_some()
    }

    /// Which page. A cursor wins over an index.
    pub(super) fn page(&self) -> Result<Page, ScimError> {
        let whole = |number: i64| usize::try_from(number).unwrap_or(0);
        let count = self.count.map_or(DEFAULT_COUNT, whole).min(MAX_COUNT);
        let Some(cursor) = &self.cursor else {
            return Ok(Page::Index(self.start_index.map_or(1, whole).max(1), count));
        };
        if count == 0 {
            return Err(ScimType::InvalidCount.error("count must be at least 1 with a cursor"));
        }
        Ok(Page::Cursor(Some(cursor.clone()).filter(|cursor| !cursor.is_empty()), count))
    }
}

/// Names with commas between them.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// What a list can be asked for.
const NAMES: [&str; 8] =
    ["attributes", "excludedAttributes", "filter", "sortBy", "sortOrder", "startIndex", "count", "cursor"];

/// A text, or a list of names with commas between them.
fn joined(name: &str, value: Value) -> Result<String, ScimError> {
    let wrong = || ScimType::InvalidValue.error(format!("{name} must be made of strings"));
    match value {
        Value::String(text) => Ok(text),
        Value::Array(items) => {
            let names: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            names.map(|names| names.join(",")).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

/// A whole number; one that is too large to hold is large.
fn number(name: &str, text: &str) -> Result<i64, ScimError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(no_number(name));
    }
    let largest = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    Ok(text.parse().unwrap_or(largest))
}

fn no_number(name: &str) -> ScimError {
    ScimType::InvalidValue.error(format!("{name} must be a whole number"))
}
