//! Filters: RFC 7644, section 3.4.2.2, as a tree that knows what it compares.

mod holds;
mod ids;
mod operand;
mod parse;
mod scanner;
#[cfg(test)]
mod tests;

pub use parse::{Booleans, Brackets};

use derive_more::{Display, Error};
use std::ops::Bound;
use uuid::Uuid;

/// What a resource must fulfil.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of these; without any, whatever there is.
    All(Vec<Filter>),
    /// One of these.
    Any(Vec<Filter>),
    /// Not this: also where there is no value.
    Not(Box<Filter>),
    /// One element of a list fulfils this; the paths inside start at the element.
    Element {
        /// The list's name.
        list: &'static str,
        /// What the element must fulfil.
        test: Box<Filter>,
    },
    /// The value at a path passes a test. No value passes none.
    Is(Path, Test),
}

/// Where a value stands: the names of an attribute and its parts, in the native vocabulary.
pub type Path = Vec<&'static str>;

/// What a value may be compared with, in the form in which it is kept: strings folded unless they are exact.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// There is a value, and it is not the empty string.
    Present,
    /// It equals this one.
    Equal(Value),
    /// It lies between these, of which at least one is a bound.
    Within(Bound<Value>, Bound<Value>),
    /// It is a string that contains this one, which is not empty.
    Contains(String),
    /// It is a string that ends with this one, which is not empty.
    EndsWith(String),
    /// Nothing passes.
    Never,
}

/// A value as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A string, folded unless its attribute is exact.
    Text(String),
    /// A whole number, or microseconds since 1970.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// An id.
    Id(Uuid),
}

/// Why a text is no filter.
#[derive(Clone, Debug, Display, Error, PartialEq, Eq)]
#[display("position {position}: {detail}")]
pub struct InvalidFilter {
    /// Where, in characters from 1.
    pub position: usize,
    /// A sentence for people.
    pub detail: String,
}

/// The most bytes of a filter.
pub const LENGTH_LIMIT: usize = 4 * 1024;
/// How deep brackets of both kinds may be nested.
pub const DEPTH_LIMIT: usize = 16;
/// The most comparisons in a filter.
pub const TERM_LIMIT: usize = 100;

impl Filter {
    /// Whether it is a single comparison, of which there are few kinds.
    #[must_use]
    pub fn is_single(&self) -> bool {
        match self {
            Self::Is(..) => true,
            Self::Element { test, .. } => matches!(**test, Self::Is(..)),
            _ => false,
        }
    }

    /// What all must hold for the filter to hold: the parts of an `and`, or the filter itself.
    #[must_use]
    pub fn conjuncts(&self) -> &[Filter] {
        match self {
            Self::All(parts) => parts,
            other => std::slice::from_ref(other),
        }
    }
}
