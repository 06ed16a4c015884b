//! One comparison: an attribute, an operator and an operand.

use crate::oracle::attribute::{Attribute, Kind};
use crate::oracle::node::{Node, Text};
use Operator::{
    Contains, EndsWith, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual, Present, StartsWith,
};
use std::cmp::Ordering;

/// The operators of RFC 7644, section 3.4.2.2, table 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Present,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// The operand of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// No operand, after `pr`, or null after `eq` and `ne`, which then test for presence.
    Nothing,
    Text(Text),
    Flag(bool),
    Number(i64),
    /// The time and its text.
    Time(i128, String),
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) attribute: Attribute,
    pub(crate) operator: Operator,
    pub(crate) operand: Operand,
}

impl Operator {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Equal => "eq",
            NotEqual => "ne",
            Contains => "co",
            StartsWith => "sw",
            EndsWith => "ew",
            Present => "pr",
            Greater => "gt",
            GreaterOrEqual => "ge",
            Less => "lt",
            LessOrEqual => "le",
        }
    }

    /// The operators that an attribute of this kind accepts.
    pub(crate) const fn of(kind: Kind) -> &'static [Self] {
        match kind {
            Kind::Folded | Kind::Exact => &[
                Equal,
                Present,
                NotEqual,
                Contains,
                StartsWith,
                EndsWith,
                Greater,
                GreaterOrEqual,
                Less,
                LessOrEqual,
            ],
            Kind::Unordered => &[Equal, Present, NotEqual, Contains, StartsWith, EndsWith],
            Kind::Time | Kind::Number => {
                &[Equal, Present, NotEqual, Greater, GreaterOrEqual, Less, LessOrEqual]
            }
            // Complex attributes can be compared only with null.
            Kind::Boolean | Kind::Complex => &[Equal, Present, NotEqual],
        }
    }

    fn accepts(self, order: Ordering) -> bool {
        match self {
            Equal => order.is_eq(),
            Greater => order.is_gt(),
            GreaterOrEqual => order.is_ge(),
            Less => order.is_lt(),
            LessOrEqual => order.is_le(),
            NotEqual | Contains | StartsWith | EndsWith | Present => {
                panic!("{} is not a comparison by order", self.word())
            }
        }
    }
}

impl Term {
    /// Whether the comparison holds for a user or an element.
    pub(crate) fn holds(&self, node: &Node) -> bool {
        self.is_negated() != node.any(self.path(), &|value| self.accepts(value))
    }

    /// The path from the user or the element to the values. A presence test refers to the list itself: RFC 7644 requires
    /// a "non-empty node" for `pr`, which may be an element without a value.
    pub(crate) fn path(&self) -> &[String] {
        match self.operand {
            Operand::Nothing => &self.attribute.path,
            _ => &self.attribute.value_path,
        }
    }

    /// Whether the comparison holds if no value passes, rather than if any does: `ne`, and `eq null`.
    pub(crate) fn is_negated(&self) -> bool {
        match self.operand {
            Operand::Nothing => self.operator == Equal,
            _ => self.operator == NotEqual,
        }
    }

    /// Whether a single value passes: it is equal for `ne`, and present for `pr` and null.
    pub(crate) fn accepts(&self, value: &Node) -> bool {
        let operator = if self.operator == NotEqual { Equal } else { self.operator };
        match (value, &self.operand) {
            (value, Operand::Nothing) => value.is_present(),
            (Node::Text(value), Operand::Text(operand)) => match self.attribute.kind {
                Kind::Folded => accepts_text(operator, &value.folded, &operand.folded),
                _ => accepts_text(operator, &value.exact, &operand.exact),
            },
            (Node::Flag(value), Operand::Flag(operand)) => value == operand,
            (Node::Number(value), Operand::Number(operand)) => operator.accepts(value.cmp(operand)),
            (Node::Time(value), Operand::Time(operand, _)) => operator.accepts(value.cmp(operand)),
            mismatch => panic!("{self:?} compares {mismatch:?}"),
        }
    }
}

/// Rust compares strings by their UTF-8 bytes, which is the order of code points.
fn accepts_text(operator: Operator, value: &str, operand: &str) -> bool {
    match operator {
        Contains => value.contains(operand),
        StartsWith => value.starts_with(operand),
        EndsWith => value.ends_with(operand),
        order => order.accepts(value.cmp(operand)),
    }
}
