//! One comparison: an attribute, an operator, and what it is compared with.

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

/// What an attribute is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// After `pr` there is none, and null after `eq` and `ne` says the same as `pr`.
    Nothing,
    Text(Text),
    Flag(bool),
    Number(i64),
    /// The point in time, and how it is written.
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

    /// The operators that an attribute takes.
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
            // Those without a value are compared with null only.
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
                panic!("{} is no question of order", self.word())
            }
        }
    }
}

impl Term {
    /// Whether it is true of a user, or of an element.
    pub(crate) fn holds(&self, node: &Node) -> bool {
        self.is_denial() != node.any(self.path(), &|value| self.accepts(value))
    }

    /// From the user, or the element, to the values. What is asked of a list as a whole is whether it is there: RFC 7644
    /// wants a "non-empty node" for `pr`, and that may be an element without a value.
    pub(crate) fn path(&self) -> &[String] {
        match self.operand {
            Operand::Nothing => &self.attribute.whole,
            _ => &self.attribute.value,
        }
    }

    /// Whether it says that no value passes, rather than that one does: `ne`, and `eq null`.
    pub(crate) fn is_denial(&self) -> bool {
        match self.operand {
            Operand::Nothing => self.operator == Equal,
            _ => self.operator == NotEqual,
        }
    }

    /// Whether a single value passes: is equal for `ne`, is there for `pr` and null.
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

/// Rust orders strings by their bytes of UTF-8, which is the order of code points.
fn accepts_text(operator: Operator, value: &str, operand: &str) -> bool {
    match operator {
        Contains => value.contains(operand),
        StartsWith => value.starts_with(operand),
        EndsWith => value.ends_with(operand),
        order => order.accepts(value.cmp(operand)),
    }
}
