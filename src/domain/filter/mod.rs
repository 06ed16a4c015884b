//! Filters (RFC 7644, section 3.4.2.2) as trees of typed comparisons.

mod comparison;
mod custom;
mod ids;
mod matches;
mod operand;
mod parse;
mod scanner;
#[cfg(test)]
mod tests;

pub use super::attribute::Path;
pub use comparison::{Language, Literals};
pub use custom::{CustomTest, NumberOrder};
pub(crate) use ids::created as ids_created;
pub use parse::{Parsed, ValueFilter};

use derive_more::{Display, Error};
use std::ops::Bound;
use uuid::Uuid;

/// A condition on a resource or on an element of a list.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of these match. Without any, everything matches.
    All(Vec<Filter>),
    /// At least one of these matches. Without any, nothing matches.
    Any(Vec<Filter>),
    /// This does not match, for example because there is no value.
    Not(Box<Filter>),
    /// At least one element of a list matches.
    Element {
        /// The name of the list.
        list: &'static str,
        /// The condition on the element. Its paths start at the element.
        test: Box<Filter>,
    },
    /// There is a value at the path, and it passes the test.
    Is(Path, Test),
    /// A value in the free-form JSON of `custom` passes the test.
    Custom {
        /// The names that lead to the value, starting with the outermost. They come from the request.
        path: Vec<String>,
        /// The condition on the value.
        test: CustomTest,
    },
}

/// A condition on a value in its stored form: strings are case-folded unless their attribute is exact.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// The value is not the empty string.
    Present,
    /// The value equals this one.
    Equal(Value),
    /// The value lies within these bounds, at least one of which is not `Unbounded`.
    Within(Bound<Value>, Bound<Value>),
    /// The value is a string that contains this one, which is not empty.
    Contains(String),
    /// The value is a string that ends with this one, which is not empty.
    EndsWith(String),
    /// No value passes.
    Never,
}

/// A value in its stored form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A string, case-folded unless its attribute is exact.
    Text(String),
    /// An integer, or a time in microseconds since 1970.
    Integer(i64),
    /// A boolean.
    Boolean(bool),
    /// An id.
    Id(Uuid),
}

/// The error for an invalid filter.
#[derive(Clone, Debug, Display, Error, PartialEq, Eq)]
#[display("position {position}: {detail}")]
pub struct InvalidFilter {
    /// The position of the error, in characters from 1.
    pub position: usize,
    /// A human-readable description.
    pub detail: String,
}

/// The maximum length of a filter, in bytes.
pub const LENGTH_LIMIT: usize = 4 * 1024;
/// The maximum nesting depth of parentheses and brackets.
pub const DEPTH_LIMIT: usize = 16;
/// The maximum number of comparisons in a filter.
pub const TERM_LIMIT: usize = 100;

impl Filter {
    /// Whether the filter is a single comparison. Few distinct statements result from such filters.
    pub fn is_single(&self) -> bool {
        match self {
            Self::Is(..) => true,
            Self::Element { test, .. } => matches!(**test, Self::Is(..)),
            _ => false,
        }
    }

    /// Whether the filter matches nothing, whatever the values are.
    pub fn matches_nothing(&self) -> bool {
        match self {
            Self::All(parts) => parts.iter().any(Self::matches_nothing),
            Self::Any(parts) => parts.iter().all(Self::matches_nothing),
            Self::Element { test, .. } => test.matches_nothing(),
            Self::Is(_, test) => *test == Test::Never,
            Self::Not(_) | Self::Custom { .. } => false,
        }
    }

    /// The filters that must all match: the operands of an `and`, or the filter itself.
    #[must_use]
    pub fn conjuncts(&self) -> &[Filter] {
        match self {
            Self::All(parts) => parts,
            other => std::slice::from_ref(other),
        }
    }
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

/// The conjunction of filters, flattened.
fn all_of(parts: Vec<Filter>) -> Filter {
    let mut flat = Vec::new();
    for part in parts {
        match part {
            Filter::All(inner) => inner.into_iter().for_each(|part| add(&mut flat, part)),
            part => add(&mut flat, part),
        }
    }
    combine(flat, Filter::All)
}

/// Combines filters. A single filter is returned unchanged.
fn combine(mut parts: Vec<Filter>, several: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.pop() {
        Some(part) if parts.is_empty() => part,
        last => several(parts.into_iter().chain(last).collect()),
    }
}

/// Adds a filter to a conjunction. Two ranges of the same value become one, so that an index scan has both bounds.
fn add(parts: &mut Vec<Filter>, part: Filter) {
    if let Filter::Is(path, test) = &part {
        for earlier in parts.iter_mut() {
            if let Filter::Is(same, range) = earlier
                && same == path
                && let Some(narrower) = operand::intersection(range, test)
            {
                *range = narrower;
                return;
            }
        }
    }
    parts.push(part);
}
