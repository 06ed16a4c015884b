//! The trace of a request (W3C Trace Context).

use derive_more::{Display, From, Into};
use serde::{Serialize, Serializer};
use uuid::Uuid;

/// The length of a `traceparent` of version 00.
const LENGTH: usize = 55;

/// The id of a trace: 16 bytes, written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, Display, From, Into, PartialEq, Eq)]
#[display("{}", _0.simple())]
pub struct TraceId(Uuid);

impl TraceId {
    /// Reads the trace id of a `traceparent` (W3C Trace Context, section 3.2): version, trace id, parent id and flags.
    /// Returns `None` if the header is invalid. Later versions may append fields.
    #[must_use]
    pub fn of_traceparent(text: &str) -> Option<Self> {
        let (fields, more) = text.split_at_checked(LENGTH)?;
        let [version, trace, parent, flags] =
            <[&str; 4]>::try_from(Vec::from_iter(fields.split('-'))).ok()?;
        let is_complete =
            if version == "00" { more.is_empty() } else { more.is_empty() || more.starts_with('-') };
        let is_valid = is_complete
            && version != "ff"
            && [(version, 2), (trace, 32), (parent, 16), (flags, 2)].into_iter().all(is_hexadecimal)
            && parent.bytes().any(|digit| digit != b'0');
        let id = Uuid::try_parse(trace).ok().filter(|id| is_valid && !id.is_nil())?;
        Some(Self(id))
    }
}

/// Whether a field consists of this number of lower-case hexadecimal digits.
fn is_hexadecimal((field, digits): (&str, usize)) -> bool {
    field.len() == digits && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    fn id_of(traceparent: &str) -> Option<String> {
        TraceId::of_traceparent(traceparent).map(|id| id.to_string())
    }

    #[test]
    fn a_valid_traceparent_has_a_trace_id() {
        let parent = format!("{TRACE}-b7ad6b7169203331");
        for valid in [
            format!("00-{parent}-01"),
            format!("00-{parent}-ff"),
            format!("01-{parent}-00"),
            format!("cc-{parent}-00-more-é"),
        ] {
            assert_eq!(id_of(&valid).as_deref(), Some(TRACE), "{valid}");
        }
    }

    #[test]
    fn an_invalid_traceparent_has_none() {
        let parent = format!("{TRACE}-b7ad6b7169203331");
        for invalid in [
            String::new(),
            "0".repeat(LENGTH),
            "-".repeat(LENGTH),
            "é".repeat(LENGTH),
            format!("00-{parent}-0"),
            format!("00-{parent}-0g"),
            format!("00-{parent}-01-"),
            format!("00-{parent}-01-more"),
            format!("01-{parent}-01more"),
            format!("ff-{parent}-01"),
            format!("00-{}-01", parent.to_uppercase()),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("000-{}-b7ad6b7169203331-01", TRACE.split_at(1).1),
            format!(" 00-{parent}-01"),
        ] {
            assert_eq!(id_of(&invalid), None, "{invalid}");
        }
    }
}
