//! The requests of connections, as the inspector records them for administrators.

pub mod explanation;
mod mentions;
mod received;
mod request;
mod secrets;
mod values;

pub use mentions::Mentions;
pub use received::{Captured, Received};
pub use request::{Body, Note, RecordedRequest, Subject};
pub use values::UserValues;

use super::casefold::casefold;

/// The part of a body that is recorded, in bytes.
pub const MAX_BODY: usize = 16 * 1024;
/// The maximum number of revisions that are recorded of one request.
pub const MAX_REVISIONS: usize = 1_000;
/// The maximum sizes of the path, of the query and of a detail, in bytes.
const MAX_PATH: usize = 2_048;
const MAX_QUERY: usize = 8_192;
const MAX_DETAIL: usize = 2_048;

/// Whether a text may have been cut off at a size.
const fn may_be_cut(text: &str, maximum: usize) -> bool {
    // The last character may not have fitted.
    text.len() + 4 > maximum
}

/// The text without the escapes of JSON, also of JSON in JSON strings, and without differences in case, for searches.
fn plain(text: &str) -> String {
    let mut text = text.to_owned();
    // Each pass removes the escapes of one level.
    for _ in 0..3 {
        if !text.contains('\\') {
            break;
        }
        text = unescaped(&text);
    }
    casefold(&text)
}

/// Replaces the escapes of JSON strings (RFC 8259, section 7) with the characters that they represent.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let (character, length) = escape(after);
        plain.extend(character);
        rest = after.get(length..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// The character that the escape with these characters after its backslash represents, and their number of bytes.
fn escape(after: &str) -> (Option<char>, usize) {
    match after.chars().next() {
        Some('u') => {
            let unit = |at: usize| u16::from_str_radix(after.get(at..at + 4)?, 16).ok();
            let Some(first) = unit(1) else { return (Some('u'), 1) };
            let second = after.get(5..7).filter(|next| *next == "\\u").and_then(|_| unit(7));
            let pair = second.and_then(|second| char::decode_utf16([first, second]).next()?.ok());
            match (char::from_u32(first.into()), pair) {
                (Some(single), _) => (Some(single), 5),
                (None, Some(pair)) => (Some(pair), 11),
                (None, None) => (Some(char::REPLACEMENT_CHARACTER), 5),
            }
        }
        Some('n' | 'r' | 't' | 'b' | 'f') => (Some(' '), 1),
        Some(other) => (Some(other), other.len_utf8()),
        None => (None, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn plain_text_has_no_escapes() {
        for (text, expected) in [
            (r#"{"a":"\u00dcB\"c\\d\/e\nf"}"#, r#"{"a":"üb"cd/e f"}"#),
            (r"\ud83d\ude00 \ud83d \u12 \", "😀 \u{fffd} u12 "),
            ("Straße", "strasse"),
        ] {
            assert_eq!(plain(text), expected);
        }
        let nested = Value::from(Value::from("Zoë \"x\"").to_string()).to_string();
        assert!(plain(&nested.replace('ë', r"\u00eb")).contains("zoë \"x\""), "{nested}");
    }
}
