//! Detects the JSON values that the database cannot store exactly.

use super::fields::FieldError;
use super::json::pointer_token;
use serde_json::{Number, Value};

/// The maximum number of errors reported for one body: each pointer can be nearly as long as the body.
const MAX_ERRORS: usize = 1_000;
/// The maximum length of a reported pointer, in bytes.
const MAX_POINTER: usize = 1_024;

/// An error for each value that cannot be stored exactly: strings and keys with U+0000, which PostgreSQL rejects, and
/// integers beyond 64 bits. `source` is the text from which `value` was parsed: the parser turns such integers into
/// floats, so only the text shows that there was one.
pub fn unstorable(value: &Value, source: &[u8]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let overflow = has_integer_beyond_64_bits(source);
    visit(value, &mut String::new(), &mut |pointer, value| {
        let detail = match value {
            Value::String(text) if text.contains('\0') => "must not contain U+0000",
            Value::Object(map) if map.keys().any(|key| key.contains('\0')) => {
                "must not have a key that contains U+0000"
            }
            Value::Number(number) if overflow && is_huge(number) => {
                "is an integer beyond 64 bits, which would be rounded: send it as a string, or write it with an exponent"
            }
            _ => return,
        };
        if errors.len() < MAX_ERRORS {
            errors.push(FieldError::new(shortened(pointer), "unstorable", detail));
        }
    });
    errors
}

/// The pointer, or its nearest ancestor of at most [`MAX_POINTER`] bytes.
fn shortened(pointer: &str) -> &str {
    match pointer.get(..MAX_POINTER.min(pointer.len())) {
        Some(whole) if whole.len() == pointer.len() => whole,
        Some(start) => start.rsplit_once('/').map_or("", |(ancestor, _)| ancestor),
        None => "",
    }
}

/// Calls `see` with the pointer and value of `value` and of everything inside it.
fn visit(value: &Value, pointer: &mut String, see: &mut impl FnMut(&str, &Value)) {
    see(pointer, value);
    let length = pointer.len();
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                pointer.push('/');
                pointer.push_str(&pointer_token(key));
                visit(inner, pointer, see);
                pointer.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                pointer.push_str(&format!("/{index}"));
                visit(inner, pointer, see);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
}

fn is_huge(number: &Number) -> bool {
    number.is_f64() && number.as_f64().is_some_and(|n| n.abs() >= i64::MAX as f64)
}

/// Whether the text contains a number that has no fraction or exponent and does not fit in 64 bits.
fn has_integer_beyond_64_bits(text: &[u8]) -> bool {
    let mut in_string = false;
    let mut escaped = false;
    let outside_strings = |byte: &u8| {
        let (was_in, was_escaped) = (in_string, escaped);
        escaped = was_in && !was_escaped && *byte == b'\\';
        in_string = (*byte == b'"' && !was_escaped) != was_in;
        if was_in || in_string { b' ' } else { *byte }
    };
    let bare: Vec<u8> = text.iter().map(outside_strings).collect();
    bare.split(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
        .filter(|number| number.len() > 18)
        .filter_map(|number| std::str::from_utf8(number).ok())
        .filter(|number| number.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit()))
        .any(|number| number.parse::<i64>().is_err() && number.parse::<u64>().is_err())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json::parse;
    use proptest::prelude::*;

    fn pointers(text: &str) -> Vec<String> {
        let value = parse(text.as_bytes()).unwrap();
        let errors = unstorable(&value, text.as_bytes());
        errors.into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn integers_beyond_64_bits_are_reported() {
        assert_eq!(pointers(r#"{"a":{"b":[0,18446744073709551616]}}"#), ["/a/b/1"]);
        assert_eq!(pointers(r#"{"a":-9223372036854775809}"#), ["/a"]);
        for exact in ["18446744073709551615", "-9223372036854775808", "1e300", "9007199254740993"] {
            assert!(pointers(&format!(r#"{{"a":{exact}}}"#)).is_empty(), "{exact}");
        }
        assert!(pointers(r#"{"a":"\"18446744073709551616","b":1e300}"#).is_empty());
    }

    #[test]
    fn nul_is_reported_in_strings_and_keys() {
        assert_eq!(pointers(r#"{"a/b":"x\u0000"}"#), ["/a~1b"]);
        assert_eq!(pointers(r#"{"a":{"\u0000":1}}"#), ["/a"]);
    }

    #[test]
    fn the_number_of_errors_and_the_length_of_pointers_are_limited() {
        let key = "k".repeat(100_000);
        let text = format!(r#"{{"a":{{"{key}":[{}]}}}}"#, vec![r#""\u0000""#; 5_000].join(","));
        let pointers = pointers(&text);
        assert_eq!(pointers.len(), MAX_ERRORS);
        assert!(pointers.iter().all(|pointer| pointer == "/a"));
    }

    proptest! {
        #[test]
        fn arbitrary_json_does_not_panic(bytes in any::<Vec<u8>>()) {
            if let Ok(value) = parse(&bytes) {
                drop(unstorable(&value, &bytes));
            }
        }
    }
}
