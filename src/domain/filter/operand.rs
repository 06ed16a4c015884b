//! An operator and an operand as the test of one attribute's values.

use super::{Filter, Path, Test, Value, ids};
use crate::domain::attribute::{Attribute, Kind};
use crate::domain::fold::fold;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The operators of RFC 7644, table 3, that take an operand. (`ne` is `not` of `eq`.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// What a term compares with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Text(String),
    Number(serde_json::Number),
    Boolean(bool),
    Null,
}

impl Operator {
    /// The operator of a name, which has no case.
    pub(super) fn named(name: &str) -> Option<Self> {
        const NAMES: [(&str, Operator); 8] = [
            ("eq", Operator::Eq),
            ("co", Operator::Co),
            ("sw", Operator::Sw),
            ("ew", Operator::Ew),
            ("gt", Operator::Gt),
            ("ge", Operator::Ge),
            ("lt", Operator::Lt),
            ("le", Operator::Le),
        ];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, operator)| *operator)
    }

    fn is_order(self) -> bool {
        matches!(self, Self::Gt | Self::Ge | Self::Lt | Self::Le)
    }

    /// Whether it is about parts of strings.
    fn is_part(self) -> bool {
        matches!(self, Self::Co | Self::Sw | Self::Ew)
    }
}

/// What is wrong with a term: its operator, or its operand.
pub(super) enum Misfit {
    Operator(String),
    Operand(String),
}

/// The test of an attribute's value.
pub(super) fn test(attribute: &Attribute, operator: Operator, operand: &Operand) -> Result<Test, Misfit> {
    let name = attribute.name;
    let refuse = |takes: &str| Misfit::Operator(format!("{name} can be compared by {takes} only"));
    let wrong = |what: &str| Misfit::Operand(format!("{name} is compared with {what}"));
    match (&attribute.kind, operand) {
        (Kind::Boolean, _) if operator != Operator::Eq => Err(refuse("eq, ne and pr")),
        (Kind::Boolean, Operand::Boolean(value)) => Ok(Test::Equal(Value::Boolean(*value))),
        (Kind::Boolean, _) => Err(wrong("true or false")),
        (Kind::Time | Kind::Integer, _) if operator.is_part() => Err(refuse("eq, ne, gt, ge, lt, le and pr")),
        (Kind::Integer, Operand::Number(number)) => match place(number) {
            Some(place) => Ok(whole(operator, place)),
            None => Err(wrong("a whole number")),
        },
        (Kind::Integer, _) => Err(wrong("a whole number")),
        (Kind::Time, Operand::Text(text)) => match OffsetDateTime::parse(text, &Rfc3339) {
            Ok(time) => Ok(whole(operator, micros(time, text))),
            Err(_) => Err(wrong("a time with an offset, such as \"2026-01-02T03:04:05.678Z\" (RFC 3339)")),
        },
        (Kind::Time, _) => Err(wrong("a time, in a string")),
        (Kind::Binary, _) if operator.is_order() => Err(refuse("eq, ne, co, sw, ew and pr")),
        (_, Operand::Text(text)) => Ok(match attribute.kind {
            Kind::Id => id(operator, text),
            Kind::Text | Kind::Constant(_) => string(operator, fold(text)),
            _ => string(operator, text.clone()),
        }),
        _ => Err(wrong("a string")),
    }
}

/// Where an exact number stands among whole ones: at `floor`, or between it and the next.
struct Place {
    floor: i64,
    exact: bool,
}

/// The place of a whole number, which may be larger than any that is kept.
fn place(number: &serde_json::Number) -> Option<Place> {
    if let Some(number) = number.as_i64() {
        return Some(Place { floor: number, exact: true });
    }
    let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
    let floor = number as i64;
    Some(Place { floor, exact: floor as f64 == number && floor != i64::MAX && floor != i64::MIN })
}

/// Times are kept in microseconds; a filter may say more. What is behind the nanoseconds is not in `time`.
fn micros(time: OffsetDateTime, text: &str) -> Place {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let mut behind = fraction.bytes().take_while(u8::is_ascii_digit).skip(9);
    let nanos = time.unix_timestamp_nanos();
    let floor = i64::try_from(nanos.div_euclid(1_000)).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX });
    Place { floor, exact: nanos.rem_euclid(1_000) == 0 && behind.all(|digit| digit == b'0') }
}

fn whole(operator: Operator, Place { floor, exact }: Place) -> Test {
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

fn id(operator: Operator, text: &str) -> Test {
    match operator {
        Operator::Eq => ids::equal(text),
        Operator::Sw => ids::starts_with(text),
        Operator::Gt | Operator::Ge => ids::after(text, operator == Operator::Ge),
        Operator::Lt | Operator::Le => ids::before(text, operator == Operator::Le),
        // Every string contains the empty one.
        Operator::Co | Operator::Ew if text.is_empty() => ids::starts_with(text),
        Operator::Co | Operator::Ew => string(operator, text.to_owned()),
    }
}

fn string(operator: Operator, text: String) -> Test {
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
            let end = behind(&text).map_or(Unbounded, |end| Excluded(value(end)));
            Test::Within(Included(value(text)), end)
        }
        Operator::Gt => Test::Within(Excluded(value(text)), Unbounded),
        Operator::Ge => Test::Within(Included(value(text)), Unbounded),
        Operator::Lt => Test::Within(Unbounded, Excluded(value(text))),
        Operator::Le => Test::Within(Unbounded, Included(value(text))),
    }
}

/// The first string, by code points, behind all that begin with `prefix`; none when there is no such.
fn behind(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        if let Some(next) = ({ last..=char::MAX }).nth(1) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

/// That an attribute has a value. Those that are no strings always have one, an object when a part of it has.
pub(super) fn present(attribute: &'static Attribute, path: Path) -> Filter {
    match attribute.kind {
        Kind::Text | Kind::Exact | Kind::Binary => Filter::Is(path, Test::Present),
        Kind::Object(parts) => {
            let known = parts.iter().filter(|part| !matches!(part.kind, Kind::Opaque));
            Filter::Any(known.map(|part| present(part, [path.as_slice(), &[part.name]].concat())).collect())
        }
        _ => Filter::All(Vec::new()),
    }
}

/// Both tests in one when both say in which range the same value lies.
pub(super) fn both(one: &Test, other: &Test) -> Option<Test> {
    let (Test::Within(from, to), Test::Within(other_from, other_to)) = (one, other) else { return None };
    Some(Test::Within(later(from, other_from), earlier(to, other_to)))
}

fn later(one: &Bound<Value>, other: &Bound<Value>) -> Bound<Value> {
    let (Included(a) | Excluded(a), Included(b) | Excluded(b)) = (one, other) else {
        return if *one == Unbounded { other.clone() } else { one.clone() };
    };
    if a > b || (a == b && matches!(one, Excluded(_))) { one.clone() } else { other.clone() }
}

fn earlier(one: &Bound<Value>, other: &Bound<Value>) -> Bound<Value> {
    let (Included(a) | Excluded(a), Included(b) | Excluded(b)) = (one, other) else {
        return if *one == Unbounded { other.clone() } else { one.clone() };
    };
    if a < b || (a == b && matches!(one, Excluded(_))) { one.clone() } else { other.clone() }
}
