//! Query parameters, read one by one; what was not asked for is an error.

use super::problem::Problem;
use crate::domain::attribute::{Schema, Vocabulary};
use crate::domain::cursor::{InvalidCursor, List};
use crate::domain::filter::Filter;
use crate::domain::projection::{Parts, Projection};
use crate::domain::sort::{Position, Sort};
use actix_web::HttpRequest;
use actix_web::web::Query;
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;
use uuid::Uuid;

/// How many items a page has when the client does not say.
const DEFAULT_LIMIT: usize = 50;
/// How many items a page has at most; larger limits are lowered.
const MAX_LIMIT: usize = 500;

/// The parameters of a request.
pub(super) struct Params {
    /// As they came.
    all: Vec<(String, String)>,
    /// What has not been taken.
    left: BTreeMap<String, String>,
}

/// The names and values of a query, as they came.
pub(super) fn pairs(request: &HttpRequest) -> Result<Vec<(String, String)>, Problem> {
    // What is no UTF-8 would be decoded to something that nobody asked for.
    if percent_decode_str(request.query_string()).decode_utf8().is_err() {
        return Err(Problem::invalid_parameter("the query is not UTF-8"));
    }
    let Query(pairs) = Query::<Vec<(String, String)>>::from_query(request.query_string())
        .map_err(|error| Problem::invalid_parameter(format!("the query cannot be read: {error}")))?;
    Ok(pairs)
}

impl Params {
    /// Reads the query.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let all = pairs(request)?;
        let mut left = BTreeMap::new();
        for (name, value) in &all {
            if left.insert(name.clone(), value.clone()).is_some() {
                return Err(Problem::invalid_parameter(format!("parameter '{name:.100}' comes twice")));
            }
        }
        Ok(Self { all, left })
    }

    /// For what takes no parameters.
    pub(super) fn none(request: &HttpRequest) -> Result<(), Problem> {
        Self::of(request)?.finish()
    }

    /// Takes a parameter.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.left.remove(name)
    }

    /// Takes `limit`: 50 without it, at most 500.
    pub(super) fn limit(&mut self) -> Result<usize, Problem> {
        let Some(text) = self.take("limit") else { return Ok(DEFAULT_LIMIT) };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number too large to hold is large: it is lowered like any other.
        let limit = if digits { text.parse().unwrap_or(MAX_LIMIT) } else { 0 };
        if limit == 0 {
            return Err(Problem::invalid_parameter("limit must be a whole number from 1"));
        }
        Ok(limit.min(MAX_LIMIT))
    }

    /// Takes `filter`, and the text of it.
    pub(super) fn filter(&mut self, schema: &'static Schema) -> Result<(Option<Filter>, String), Problem> {
        let Some(text) = self.take("filter") else { return Ok((None, String::new())) };
        match Filter::parse(&text, schema, Vocabulary::Native) {
            Ok(filter) => Ok((Some(filter), text)),
            Err(error) => Err(Problem::invalid_filter(format!("the filter is wrong at {error}"))),
        }
    }

    /// Takes `sort`: by id without it.
    pub(super) fn sort(&mut self, schema: &Schema) -> Result<Sort, Problem> {
        let sort = self.take("sort").map(|text| Sort::parse(&text, schema)).transpose();
        sort.map(Option::unwrap_or_default).map_err(|error| Problem::invalid_parameter(error.to_string()))
    }

    /// Takes `cursor`: the place where `list`, which is in the order of `sort`, goes on.
    pub(super) fn cursor(&mut self, list: List, sort: Sort) -> Result<Option<Position>, Problem> {
        let Some(cursor) = self.take("cursor") else { return Ok(None) };
        let position = list.position(&cursor).ok().filter(|position| sort.admits(position.key.as_ref()));
        position.map(Some).ok_or_else(|| Problem::invalid_cursor(InvalidCursor.to_string()))
    }

    /// The same of a list that is in the order of ids.
    pub(super) fn id_cursor(&mut self, list: List) -> Result<Option<Uuid>, Problem> {
        Ok(self.cursor(list, Sort::default())?.map(|position| position.id))
    }

    /// Takes a revision: 0 without it.
    pub(super) fn revision(&mut self, name: &str) -> Result<i64, Problem> {
        let Some(text) = self.take(name) else { return Ok(0) };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number too large to hold is newer than any revision.
        let revision = digits.then(|| text.parse().unwrap_or(i64::MAX));
        revision.ok_or_else(|| Problem::invalid_parameter(format!("{name} must be a whole number from 0")))
    }

    /// Takes `attributes` or `excludedAttributes`.
    pub(super) fn projection(&mut self, schema: &Schema) -> Result<Projection, Problem> {
        let parts = |text: String| {
            let parts = Parts::parse(&text, schema, Vocabulary::Native);
            parts.map_err(|error| Problem::invalid_parameter(error.to_string()))
        };
        match (self.take("attributes"), self.take("excludedAttributes")) {
            (None, None) => Ok(Projection::Whole),
            (Some(names), None) => parts(names).map(Projection::Only),
            (None, Some(names)) => parts(names).map(Projection::Without),
            _ => Err(Problem::invalid_parameter("attributes and excludedAttributes exclude each other")),
        }
    }

    /// Takes a parameter that can only be `true`.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Problem> {
        match self.take(name).as_deref() {
            None => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::invalid_parameter(format!("{name} must be 'true'"))),
        }
    }

    /// Takes `include=total`.
    pub(super) fn include_total(&mut self) -> Result<bool, Problem> {
        match self.take("include").as_deref() {
            None => Ok(false),
            Some("total") => Ok(true),
            Some(_) => Err(Problem::invalid_parameter("include must be 'total'")),
        }
    }

    /// The URL of the same list behind a cursor, relative to the server (RFC 8288).
    pub(super) fn next(&self, path: &str, cursor: &str) -> String {
        let same = self.all.iter().filter(|(name, _)| name != "cursor");
        let pairs: Vec<_> = same.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        // Pairs of strings can always be encoded.
        let query = serde_urlencoded::to_string([pairs.as_slice(), &[("cursor", cursor)]].concat());
        format!("{path}?{}", query.unwrap_or_default())
    }

    /// What is left is unknown.
    pub(super) fn finish(&self) -> Result<(), Problem> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => {
                Err(Problem::invalid_parameter(format!("parameter '{name:.100}' is not known here")))
            }
        }
    }
}
