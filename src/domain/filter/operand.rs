//! Turns an operator and an operand into the test of an attribute's values.

use super::{Filter, Path, Test, Value, ids};
use crate::domain::attribute::{Attribute, Kind};
use crate::domain::casefold::casefold;
use crate::domain::time::parse_rfc3339;
use derive_more::FromStr;
use std::cmp::Ordering;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use time::OffsetDateTime;

/// The operators of RFC 7644, table 3, that have an operand. (`ne` is parsed as the negation of `eq`.) Parsing ignores
/// case.
#[derive(Clone, Copy, Debug, FromStr, PartialEq, Eq)]
pub(super) enum Operator {
    Eq,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

/// The literal on the right-hand side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Text(String),
    Number(serde_json::Number),
    Boolean(bool),
    Null,
}

impl Operator {
    pub(super) fn is_order(self) -> bool {
        matches!(self, Self::Gt | Self::Ge | Self::Lt | Self::Le)
    }

    pub(super) fn is_substring(self) -> bool {
        matches!(self, Self::Co | Self::Sw | Self::Ew)
    }
}

/// The part of a comparison that does not fit the attribute, with a description of the error.
pub(super) enum Mismatch {
    Target(String),
    Operator(String),
    Operand(String),
}

/// The test of an attribute's values. `name` is the name of the attribute in errors.
pub(super) fn test(
    attribute: &Attribute,
    name: &str,
    operator: Operator,
    operand: &Operand,
) -> Result<Test, Mismatch> {
    let refuse =
        |operators: &str| Mismatch::Operator(format!("{name} supports only the operators {operators}"));
    let wrong = |expected: &str| Mismatch::Operand(format!("{name} must be compared with {expected}"));
    match (&attribute.kind, operand) {
        (Kind::Boolean, _) if operator != Operator::Eq => Err(refuse("eq, ne and pr")),
        (Kind::Boolean, Operand::Boolean(value)) => Ok(Test::Equal(Value::Boolean(*value))),
        (Kind::Boolean, _) => Err(wrong("true or false")),
        (Kind::Time | Kind::Integer, _) if operator.is_substring() => {
            Err(refuse("eq, ne, gt, ge, lt, le and pr"))
        }
        (Kind::Integer, Operand::Number(number)) => match integer(number) {
            Some(number) => Ok(compare_integer(operator, number)),
            None => Err(wrong("an integer")),
        },
        (Kind::Integer, _) => Err(wrong("an integer")),
        (Kind::Time, Operand::Text(text)) => match parse_rfc3339(text) {
            Some(time) => Ok(compare_integer(operator, micros(time, text))),
            None => Err(wrong("an RFC 3339 time, such as \"2026-01-02T03:04:05.678Z\"")),
        },
        (Kind::Time, _) => Err(wrong("an RFC 3339 time in double quotes")),
        (Kind::Binary, _) if operator.is_order() => Err(refuse("eq, ne, co, sw, ew and pr")),
        (_, Operand::Text(text)) => Ok(match attribute.kind {
            Kind::Id => compare_id(operator, text),
            Kind::Text | Kind::Constant(_) => compare_string(operator, casefold(text)),
            _ => compare_string(operator, text.clone()),
        }),
        _ => Err(wrong("a string")),
    }
}

/// A number rounded down to an integer; `exact` says whether rounding left it unchanged.
struct Rounded {
    floor: i64,
    exact: bool,
}

/// A number without a fraction, which may exceed 64 bits; `None` for any other number.
fn integer(number: &serde_json::Number) -> Option<Rounded> {
    if let Some(number) = number.as_i64() {
        return Some(Rounded { floor: number, exact: true });
    }
    let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
    let floor = number as i64;
    Some(Rounded { floor, exact: floor as f64 == number && floor != i64::MAX && floor != i64::MIN })
}

/// A time in microseconds. A filter may be more precise, even than the nanoseconds of `OffsetDateTime`, so digits after
/// the ninth are taken from the text.
fn micros(time: OffsetDateTime, text: &str) -> Rounded {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let mut beyond_nanos = fraction.bytes().take_while(u8::is_ascii_digit).skip(9);
    let nanos = time.unix_timestamp_nanos();
    let floor = i64::try_from(nanos.div_euclid(1_000)).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX });
    Rounded { floor, exact: nanos.rem_euclid(1_000) == 0 && beyond_nanos.all(|digit| digit == b'0') }
}

fn compare_integer(operator: Operator, Rounded { floor, exact }: Rounded) -> Test {
    let floor = Value::Integer(floor);
    match operator {
        Operator::Gt => Test::Within(Excluded(floor), Unbounded),
        Operator::Ge if exact => Test::Within(Included(floor), Unbounded),
        Operator::Ge => Test::Within(Excluded(floor), Unbounded),
        Operator::Lt if exact => Test::Within(Unbounded, Excluded(floor)),
        Operator::Lt | Operator::Le => Test::Within(Unbounded, Included(floor)),
        _ if exact => Test::Equal(floor),
        _ => Test::Never,
    }
}

fn compare_id(operator: Operator, text: &str) -> Test {
    match operator {
        Operator::Eq => ids::equal(text),
        Operator::Sw => ids::starts_with(text),
        Operator::Gt | Operator::Ge => ids::after(text, operator == Operator::Ge),
        Operator::Lt | Operator::Le => ids::before(text, operator == Operator::Le),
        // Every string contains the empty one.
        Operator::Co | Operator::Ew if text.is_empty() => ids::starts_with(text),
        Operator::Co | Operator::Ew => compare_string(operator, text.to_owned()),
    }
}

pub(super) fn compare_string(operator: Operator, text: String) -> Test {
    let value = Value::Text;
    match operator {
        Operator::Eq => Test::Equal(value(text)),
        // Every string contains the empty one.
        Operator::Co | Operator::Sw | Operator::Ew if text.is_empty() => {
            Test::Within(Included(value(text)), Unbounded)
        }
        Operator::Co => Test::Contains(text),
        Operator::Ew => Test::EndsWith(text),
        Operator::Sw => {
            let end = successor(&text).map_or(Unbounded, |end| Excluded(value(end)));
            Test::Within(Included(value(text)), end)
        }
        Operator::Gt => Test::Within(Excluded(value(text)), Unbounded),
        Operator::Ge => Test::Within(Included(value(text)), Unbounded),
        Operator::Lt => Test::Within(Unbounded, Excluded(value(text))),
        Operator::Le => Test::Within(Unbounded, Included(value(text))),
    }
}

/// The first string, in code point order, after all strings that start with `prefix`, if there is one.
fn successor(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        if let Some(next) = ({ last..=char::MAX }).nth(1) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

/// The filter for an attribute that has a value. An object has one when a sub-attribute has one; attributes of types
/// other than string and object always have one.
pub(super) fn present(attribute: &'static Attribute, path: Path) -> Filter {
    match attribute.kind {
        Kind::Text | Kind::Exact | Kind::Binary => Filter::Is(path, Test::Present),
        Kind::Object(parts) => {
            let comparable = parts.iter().filter(|part| !matches!(part.kind, Kind::Opaque));
            Filter::Any(
                comparable.map(|part| present(part, [path.as_slice(), &[part.name]].concat())).collect(),
            )
        }
        _ => Filter::All(Vec::new()),
    }
}

/// The intersection of two ranges; `None` unless both tests are ranges.
pub(super) fn intersection(one: &Test, other: &Test) -> Option<Test> {
    let (Test::Within(from, to), Test::Within(other_from, other_to)) = (one, other) else { return None };
    let (from, to) = (narrower(from, other_from, Ordering::Greater), narrower(to, other_to, Ordering::Less));
    Some(Test::Within(from, to))
}

/// The bound that excludes more values: the greater lower bound, or the lesser upper bound.
fn narrower(one: &Bound<Value>, other: &Bound<Value>, is: Ordering) -> Bound<Value> {
    let (Included(a) | Excluded(a), Included(b) | Excluded(b)) = (one, other) else {
        return if *one == Unbounded { other.clone() } else { one.clone() };
    };
    if a.cmp(b) == is || (a == b && matches!(one, Excluded(_))) { one.clone() } else { other.clone() }
}
