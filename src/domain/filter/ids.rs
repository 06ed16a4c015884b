//! Ids compared as the strings that clients see: their order is that of the bytes.

use super::{Test, Value};
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use uuid::Uuid;

/// Where a text stands among ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It is this id.
    At(Uuid),
    /// It is no id; this is the first behind it.
    Before(Uuid),
    /// It is behind every id.
    End,
}

pub(super) fn equal(text: &str) -> Test {
    match place(text) {
        Place::At(id) => Test::Equal(Value::Id(id)),
        _ => Test::Never,
    }
}

/// `or_equal` tells `ge` from `gt`.
pub(super) fn after(text: &str, or_equal: bool) -> Test {
    match place(text) {
        Place::At(id) if !or_equal => within(Excluded(id), Unbounded),
        Place::At(id) | Place::Before(id) => within(Included(id), Unbounded),
        Place::End => Test::Never,
    }
}

/// `or_equal` tells `le` from `lt`.
pub(super) fn before(text: &str, or_equal: bool) -> Test {
    match place(text) {
        Place::At(id) if or_equal => within(Unbounded, Included(id)),
        Place::At(id) | Place::Before(id) => within(Unbounded, Excluded(id)),
        // Every id is before it.
        Place::End => within(Included(Uuid::nil()), Unbounded),
    }
}

pub(super) fn starts_with(prefix: &str) -> Test {
    // What begins with the prefix comes before the prefix and a character behind all of an id's.
    let end = match place(&format!("{prefix}g")) {
        Place::At(id) | Place::Before(id) => Excluded(id),
        Place::End => Unbounded,
    };
    match place(prefix) {
        Place::At(id) | Place::Before(id) => within(Included(id), end),
        Place::End => Test::Never,
    }
}

fn within(from: Bound<Uuid>, to: Bound<Uuid>) -> Test {
    Test::Within(from.map(Value::Id), to.map(Value::Id))
}

/// Reads the text digit by digit for as long as it could be an id.
fn place(text: &str) -> Place {
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
                    return Place::Before(digits.first());
                }
            }
        }
    }
    if text.len() == LENGTH { Place::At(digits.first()) } else { Place::Before(digits.first()) }
}

/// The first hexadecimal digits of an id.
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

    /// The first id that begins with them.
    fn first(&self) -> Uuid {
        self.filled(self.value)
    }

    /// The place behind every id that begins with them.
    fn next(&self) -> Place {
        let end = 1u128.checked_shl(4 * self.count);
        let next = self.value.checked_add(1).filter(|next| end.is_none_or(|end| *next < end));
        next.map_or(Place::End, |next| Place::Before(self.filled(next)))
    }

    /// Digits with zeros behind them.
    fn filled(&self, digits: u128) -> Uuid {
        Uuid::from_u128(digits.checked_shl(4 * (32 - self.count)).unwrap_or(0))
    }
}
