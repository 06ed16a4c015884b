//! Compares ids as strings, in the form that clients see, which has the same order as the bytes of the ids. Ids also
//! contain the time of creation.

use super::{Test, Value};
use crate::domain::id;
use crate::domain::time::Timestamp;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::time::Duration;
use uuid::Uuid;

/// The position of a text in the order of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// The text is this id.
    At(Uuid),
    /// The text is not an id; this is the first id after it.
    Before(Uuid),
    /// The text comes after every id.
    End,
}

pub(super) fn equal(text: &str) -> Test {
    match position(text) {
        Position::At(id) => Test::Equal(Value::Id(id)),
        _ => Test::Never,
    }
}

/// The test for `ge` if `or_equal`, otherwise for `gt`.
pub(super) fn after(text: &str, or_equal: bool) -> Test {
    match position(text) {
        Position::At(id) if !or_equal => within(Excluded(id), Unbounded),
        Position::At(id) | Position::Before(id) => within(Included(id), Unbounded),
        Position::End => Test::Never,
    }
}

/// The test for `le` if `or_equal`, otherwise for `lt`.
pub(super) fn before(text: &str, or_equal: bool) -> Test {
    match position(text) {
        Position::At(id) if or_equal => within(Unbounded, Included(id)),
        Position::At(id) | Position::Before(id) => within(Unbounded, Excluded(id)),
        // Matches every id.
        Position::End => within(Included(Uuid::nil()), Unbounded),
    }
}

pub(super) fn starts_with(prefix: &str) -> Test {
    // No id contains `g`, and it sorts after all characters of ids.
    let end = match position(&format!("{prefix}g")) {
        Position::At(id) | Position::Before(id) => Excluded(id),
        Position::End => Unbounded,
    };
    match position(prefix) {
        Position::At(id) | Position::Before(id) => within(Included(id), end),
        Position::End => Test::Never,
    }
}

/// The largest difference between the time in an id and `createdAt`. They are equal, unless an earlier release created
/// the resource: it took the two times one after the other. A bulk request could last for seconds between them, and the
/// clock could be set.
const MAX_DIFFERENCE: Duration = Duration::from_secs(300);

/// A test that the id passes if `createdAt` passes the given test. It can also pass if `createdAt` does not.
pub(crate) fn created(test: &Test) -> Option<Test> {
    let first = |value: &Value| match value {
        Value::Integer(time) => id::range_of(Timestamp::from(*time).minus(MAX_DIFFERENCE)).0,
        _ => Uuid::nil(),
    };
    let last = |value: &Value| match value {
        Value::Integer(time) => id::range_of(Timestamp::from(*time).plus(MAX_DIFFERENCE)).1,
        _ => Uuid::max(),
    };
    match test {
        Test::Equal(time) => Some(within(Included(first(time)), Included(last(time)))),
        Test::Within(from, to) => {
            let from = match from {
                Included(time) | Excluded(time) => Included(first(time)),
                Unbounded => Unbounded,
            };
            let to = match to {
                Included(time) | Excluded(time) => Included(last(time)),
                Unbounded => Unbounded,
            };
            Some(within(from, to))
        }
        _ => None,
    }
}

fn within(from: Bound<Uuid>, to: Bound<Uuid>) -> Test {
    Test::Within(from.map(Value::Id), to.map(Value::Id))
}

/// Reads the text digit by digit for as long as it can be the start of an id.
fn position(text: &str) -> Position {
    const LENGTH: usize = 36;
    let mut digits = Digits::default();
    for (at, byte) in text.bytes().enumerate() {
        if at >= LENGTH {
            return digits.next();
        }
        let hyphen = [8, 13, 18, 23].contains(&at);
        let possible: &[u8] = if hyphen { b"-" } else { b"0123456789abcdef" };
        match possible.iter().position(|digit| *digit >= byte) {
            None => return digits.next(),
            Some(digit) => {
                if !hyphen {
                    digits.push(digit);
                }
                if possible.get(digit) != Some(&byte) {
                    return Position::Before(digits.first());
                }
            }
        }
    }
    if text.len() == LENGTH { Position::At(digits.first()) } else { Position::Before(digits.first()) }
}

/// The leading hexadecimal digits of an id.
#[derive(Default)]
struct Digits {
    value: u128,
    count: u32,
}

impl Digits {
    fn push(&mut self, digit: usize) {
        self.value = (self.value << 4) | digit as u128;
        self.count += 1;
    }

    /// The first id with these digits.
    fn first(&self) -> Uuid {
        self.filled(self.value)
    }

    /// The position after every id with these digits.
    fn next(&self) -> Position {
        let end = 1u128.checked_shl(4 * self.count);
        let next = self.value.checked_add(1).filter(|next| end.is_none_or(|end| *next < end));
        next.map_or(Position::End, |next| Position::Before(self.filled(next)))
    }

    /// The id that starts with these digits, padded with zeros.
    fn filled(&self, digits: u128) -> Uuid {
        Uuid::from_u128(digits.checked_shl(4 * (32 - self.count)).unwrap_or(0))
    }
}
