//! Query parameters. A handler takes the parameters that it knows; any other is an error.

use super::extractor::extractor;
use super::problem::{Problem, sentence};
use super::resources::Native;
use super::suggestion::{Search, suggestion};
use crate::domain::cursor::{InvalidCursor, List};
use crate::domain::filter::{Filter, Value};
use crate::domain::point::Point;
use crate::domain::projection::{AttributeSet, Projection};
use crate::domain::schema::{Schema, Vocabulary};
use crate::domain::sort::{Position, Sort};
use actix_web::HttpRequest;
use actix_web::web::Query;
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;
use uuid::Uuid;

/// The page size of a request without `limit`.
const DEFAULT_LIMIT: usize = 50;
/// The largest page size; a larger `limit` is lowered to it.
const MAX_LIMIT: usize = 500;

pub(super) struct Params {
    /// All parameters, in the order of the query.
    all: Vec<(String, String)>,
    /// The parameters that the handler has not taken yet.
    left: BTreeMap<String, String>,
    /// The names of the parameters that the handler takes.
    known: Vec<&'static str>,
    /// The search that the error for an unknown parameter suggests.
    search: Option<Search>,
}

extractor!(Params);

/// The names and values of a query, in order.
pub(super) fn pairs(request: &HttpRequest) -> Result<Vec<(String, String)>, Problem> {
    // The decoder would replace invalid UTF-8, and the handler would search for different text than the client sent.
    if percent_decode_str(request.query_string()).decode_utf8().is_err() {
        return Err(Problem::invalid_parameter("The query is not valid UTF-8."));
    }
    let Query(pairs) = Query::<Vec<(String, String)>>::from_query(request.query_string())
        .map_err(|error| Problem::invalid_parameter(format!("The query cannot be parsed: {error}.")))?;
    Ok(pairs)
}

impl Params {
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let all = pairs(request)?;
        let mut left = BTreeMap::new();
        for (name, value) in &all {
            if left.insert(name.clone(), value.clone()).is_some() {
                return Err(Problem::invalid_parameter(format!(
                    "The parameter `{name:.100}` must not be repeated."
                )));
            }
        }
        Ok(Self { all, left, known: Vec::new(), search: None })
    }

    /// Takes a parameter.
    pub(super) fn take(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        self.left.remove(name)
    }

    /// Takes `limit`, which defaults to 50 and is at most 500.
    pub(super) fn limit(&mut self) -> Result<usize, Problem> {
        let limit = self.number("limit", 1)?;
        let lowered = |limit| usize::try_from(limit).unwrap_or(MAX_LIMIT).min(MAX_LIMIT);
        Ok(limit.map_or(DEFAULT_LIMIT, lowered))
    }

    /// Takes a revision, which defaults to 0.
    pub(super) fn revision(&mut self, name: &'static str) -> Result<i64, Problem> {
        Ok(self.number(name, 0)?.unwrap_or(0))
    }

    /// Takes a number of seconds from 0, the default, to `most`.
    pub(super) fn seconds(&mut self, name: &'static str, most: u64) -> Result<Duration, Problem> {
        let Some(text) = self.take(name) else { return Ok(Duration::ZERO) };
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = text.parse().ok().filter(|seconds| is_number && *seconds <= most);
        seconds.map(Duration::from_secs).ok_or_else(|| {
            Problem::invalid_parameter(format!(
                "`{name}` must be a whole number of seconds from 0 to {most}."
            ))
        })
    }

    /// Takes a whole number of at least `least`. A number that overflows counts as the largest one.
    pub(super) fn number(&mut self, name: &'static str, least: i64) -> Result<Option<i64>, Problem> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| text.parse().unwrap_or(i64::MAX)).filter(|number| *number >= least);
        number.map(Some).ok_or_else(|| {
            Problem::invalid_parameter(format!("`{name}` must be a whole number of at least {least}."))
        })
    }

    /// Takes `filter`: the parsed filter and its text.
    pub(super) fn filter(&mut self, schema: &'static Schema) -> Result<(Option<Filter>, String), Problem> {
        self.suggest_search(schema, "filter=");
        let Some(text) = self.take("filter") else { return Ok((None, String::new())) };
        match Filter::parse(&text, schema, Vocabulary::Native) {
            Ok(filter) => Ok((Some(filter), text)),
            Err(error) => Err(Problem::filter(&error)),
        }
    }

    /// Sets the search that the error for an unknown parameter suggests. `prefix` is the text before the filter.
    pub(super) fn suggest_search(&mut self, schema: &'static Schema, prefix: impl Into<String>) {
        self.search = Some(Search { schema, prefix: prefix.into() });
    }

    /// Takes `sort`, which defaults to `id`.
    pub(super) fn sort(&mut self, schema: &Schema) -> Result<Sort, Problem> {
        let sort = self.take("sort").map(|text| Sort::parse(&text, schema)).transpose();
        // The message begins with the name of the parameter, which must keep its spelling.
        sort.map(Option::unwrap_or_default).map_err(|error| Problem::invalid_parameter(format!("{error}.")))
    }

    /// Takes `cursor`: the position after which the page of `list`, sorted by `sort`, begins.
    pub(super) fn cursor(&mut self, list: List, sort: Sort) -> Result<Option<Position>, Problem> {
        let Some(cursor) = self.take("cursor") else { return Ok(None) };
        let position = list.position(&cursor).ok().filter(|position| sort.accepts_key(position.key.as_ref()));
        position.map(Some).ok_or_else(|| Problem::invalid_cursor(sentence(InvalidCursor)))
    }

    /// Takes `at`, a point in the history.
    pub(super) fn at(&mut self) -> Result<Option<Point>, Problem> {
        self.named("at")
    }

    /// Takes `cursor` of a list of changes, newest first: the revision before which the page begins.
    pub(super) fn revision_cursor(&mut self, list: List) -> Result<Option<i64>, Problem> {
        let Some(cursor) = self.take("cursor") else { return Ok(None) };
        match list.position(&cursor) {
            Ok(Position { key: Some(Value::Integer(revision)), .. }) => Ok(Some(revision)),
            _ => Err(Problem::invalid_cursor(sentence(InvalidCursor))),
        }
    }

    /// Takes `cursor` of a list that is sorted by id.
    pub(super) fn id_cursor(&mut self, list: List) -> Result<Option<Uuid>, Problem> {
        Ok(self.cursor(list, Sort::default())?.map(|position| position.id))
    }

    /// Takes `include`, a comma-separated list of these names.
    pub(super) fn include(&mut self, names: &[&str]) -> Result<Include, Problem> {
        let Some(text) = self.take("include") else { return Ok(Include::default()) };
        let included: Vec<_> = text.split(',').map(str::trim).collect();
        if !included.iter().all(|name| names.contains(name)) {
            let names = names.join("` or `");
            let detail = format!("`include` must be `{names}`; separate several names with commas.");
            return Err(Problem::invalid_parameter(detail));
        }
        Ok(Include {
            total: included.contains(&"total"),
            groups: included.contains(&"groups"),
            sources: included.contains(&SOURCES),
        })
    }

    /// Takes `attributes` or `excludedAttributes`. Neither affects the groups that `include` adds.
    pub(super) fn projection(&mut self, schema: &Schema, groups: bool) -> Result<Projection, Problem> {
        let parts = |text: String| {
            let parts = AttributeSet::parse(&text, schema, Vocabulary::Native);
            parts.map_err(|error| Problem::invalid_parameter(sentence(error)))
        };
        match (self.take("attributes"), self.take("excludedAttributes")) {
            (None, None) => Ok(Projection::All),
            (Some(names), None) if groups => {
                parts(names).map(|parts| Projection::Include(parts.with("groups")))
            }
            (Some(names), None) => parts(names).map(Projection::Include),
            (None, Some(names)) => parts(names).map(Projection::Exclude),
            _ => Err(Problem::invalid_parameter("`attributes` and `excludedAttributes` cannot be combined.")),
        }
    }

    /// Takes a parameter whose only value is `value`. Returns whether it is present.
    pub(super) fn flag(&mut self, name: &'static str, value: &str) -> Result<bool, Problem> {
        match self.take(name) {
            None => Ok(false),
            Some(text) if text == value => Ok(true),
            Some(_) => Err(Problem::invalid_parameter(format!("`{name}` must be `{value}`."))),
        }
    }

    /// Takes a parameter whose value is one of several names.
    pub(super) fn named<T: FromStr<Err = &'static str>>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Problem> {
        let parsed = self.take(name).map(|text| text.parse());
        parsed.transpose().map_err(|error| Problem::invalid_parameter(format!("`{name}` {error}.")))
    }

    /// The URL of the page after `cursor`, relative to the server (RFC 8288).
    pub(super) fn next(&self, path: &str, cursor: &str) -> String {
        let same = self.all.iter().filter(|(name, _)| name != "cursor");
        let pairs: Vec<_> = same.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        // Pairs of strings always encode.
        let query = serde_urlencoded::to_string([pairs.as_slice(), &[("cursor", cursor)]].concat());
        format!("{path}?{}", query.unwrap_or_default())
    }

    /// Refuses the first parameter that was not taken.
    pub(super) fn finish(&self) -> Result<(), Problem> {
        let Some(name) = self.left.keys().next() else { return Ok(()) };
        let suggestion = suggestion(name, &self.known, self.search.as_ref()).map(|text| format!(" {text}"));
        let suggestion = suggestion.unwrap_or_default();
        let detail = format!("The parameter `{name:.100}` is not supported here.{suggestion}");
        Err(Problem::invalid_parameter(detail))
    }
}

/// The query of an endpoint that takes no parameters; any parameter returns 400.
pub(super) struct NoQuery;

extractor!(NoQuery);

impl NoQuery {
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        match request.query_string() {
            "" => Ok(Self),
            _ => Params::of(request).and_then(|params| params.finish()).map(|()| Self),
        }
    }
}

/// What a response contains in addition to the resources.
#[derive(Default)]
pub(super) struct Include {
    pub(super) total: bool,
    pub(super) groups: bool,
    /// Whether it contains the names of the connections that are the sources of externalIds.
    pub(super) sources: bool,
}

/// The name of [`Include::sources`] in `include`.
const SOURCES: &str = "externalIdSources";

/// The query of an endpoint that takes only `attributes` or `excludedAttributes`, with the names of attributes of `R`, and
/// `include` or `at`.
pub(super) struct Fields<R> {
    pub(super) projection: Projection,
    pub(super) groups: bool,
    pub(super) sources: bool,
    pub(super) at: Option<Point>,
    of: PhantomData<R>,
}

extractor!(Fields<R: Native>);

impl<R: Native> Fields<R> {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let mut params = Params::of(request)?;
        params.suggest_search(R::SCHEMA, format!("{}?filter=", R::PATH));
        let included = if R::HAS_GROUPS { &["groups", SOURCES][..] } else { &[SOURCES] };
        let Include { groups, sources, .. } = params.include(included)?;
        let projection = params.projection(R::SCHEMA, groups)?;
        let at = params.at()?;
        params.finish()?;
        if (groups || sources) && at.is_some() {
            let detail = "`at` and `include` cannot be combined. The groups at that point are at `/users/{id}/groups?at=…`.";
            return Err(Problem::invalid_parameter(detail));
        }
        Ok(Self { projection, groups, sources, at, of: PhantomData })
    }
}
