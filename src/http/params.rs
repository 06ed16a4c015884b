//! Query parameters, read one by one; what was not asked for is an error.

use super::problem::Problem;
use crate::domain::cursor::List;
use actix_web::HttpRequest;
use actix_web::web::Query;
use std::collections::BTreeMap;
use uuid::Uuid;

/// How many items a page has when the client does not say.
const DEFAULT_LIMIT: usize = 50;
/// How many items a page has at most; larger limits are lowered.
const MAX_LIMIT: usize = 500;

/// The parameters of a request.
pub(super) struct Params(BTreeMap<String, String>);

impl Params {
    /// Reads the query.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let pairs = Query::<Vec<(String, String)>>::from_query(request.query_string())
            .map_err(|error| Problem::invalid_parameter(format!("the query cannot be read: {error}")))?;
        let mut params = BTreeMap::new();
        for (name, value) in pairs.into_inner() {
            if params.contains_key(&name) {
                return Err(Problem::invalid_parameter(format!("parameter '{name}' comes twice")));
            }
            params.insert(name, value);
        }
        Ok(Self(params))
    }

    /// For what takes no parameters.
    pub(super) fn none(request: &HttpRequest) -> Result<(), Problem> {
        Self::of(request)?.finish()
    }

    /// Takes a parameter.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
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

    /// Takes `cursor`: the place where `list` goes on.
    pub(super) fn cursor(&mut self, list: List) -> Result<Option<Uuid>, Problem> {
        let position = |cursor: String| list.position(&cursor);
        self.take("cursor").map(position).transpose().map_err(|e| Problem::invalid_cursor(e.to_string()))
    }

    /// Takes `include=total`.
    pub(super) fn include_total(&mut self) -> Result<bool, Problem> {
        match self.take("include").as_deref() {
            None => Ok(false),
            Some("total") => Ok(true),
            Some(_) => Err(Problem::invalid_parameter("include must be 'total'")),
        }
    }

    /// What is left is unknown.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Problem::invalid_parameter(format!("parameter '{name}' is not known here"))),
        }
    }
}
