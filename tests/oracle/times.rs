//! Times as picoseconds since 1970-01-01T00:00:00Z. They are finer than the server's microseconds, so that an operand can
//! lie between two of them.

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

pub(crate) const SECOND: i128 = 1_000_000_000_000;
pub(crate) const MICROSECOND: i128 = 1_000_000;

/// Parses a time with at most nine fractional digits.
pub(crate) fn parse(text: &str) -> i128 {
    let at = OffsetDateTime::parse(text, &Rfc3339);
    at.unwrap_or_else(|error| panic!("{text} is not a time: {error}")).unix_timestamp_nanos() * 1_000
}

/// Truncates a time to this many fractional digits.
pub(crate) fn cut(at: i128, digits: u32) -> i128 {
    let unit = SECOND / 10_i128.pow(digits);
    at.div_euclid(unit) * unit
}

/// Formats a time with this many fractional digits and an offset from UTC in minutes. Uses UTC if the local year would not
/// have four digits.
pub(crate) fn write(at: i128, digits: u32, offset: i32) -> String {
    let seconds = i64::try_from(at.div_euclid(SECOND)).expect("the time is in range");
    let utc = OffsetDateTime::from_unix_timestamp(seconds).expect("the time is in range");
    let offset = UtcOffset::from_whole_seconds(offset * 60).expect("the offset is less than a day");
    let local = utc.checked_to_offset(offset).filter(|local| (0..=9999).contains(&local.year()));
    let local = local.unwrap_or(utc);
    let fraction = match digits {
        0 => String::new(),
        _ => format!(".{:012}", at.rem_euclid(SECOND))[..=digits as usize].to_owned(),
    };
    let (year, month, day) = (local.year(), u8::from(local.month()), local.day());
    let (hour, minute, second) = local.to_hms();
    let zone = zone(local.offset());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}")
}

fn zone(offset: UtcOffset) -> String {
    let (hours, minutes, _) = offset.as_hms();
    match offset.is_utc() {
        true => "Z".to_owned(),
        false => {
            let sign = if offset.is_negative() { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", hours.unsigned_abs(), minutes.unsigned_abs())
        }
    }
}

#[test]
fn formatted_times_parse_to_the_same_value() {
    let at = parse("2026-01-02T03:04:05.678901Z");
    assert_eq!(at, 1_767_323_045_678_901 * MICROSECOND);
    for (digits, offset, text) in [
        (6, 0, "2026-01-02T03:04:05.678901Z"),
        (9, 90, "2026-01-02T04:34:05.678901000+01:30"),
        (1, -1439, "2026-01-01T03:05:05.6-23:59"),
        (0, -5, "2026-01-02T02:59:05-00:05"),
    ] {
        assert_eq!(write(at, digits, offset), text);
        assert_eq!(parse(text), cut(at, digits), "{text}");
    }
    assert_eq!(write(at + 42, 12, 0), "2026-01-02T03:04:05.678901000042Z");
    assert_eq!(write(parse("0001-01-01T00:00:00Z"), 0, -800), "0000-12-31T10:40:00-13:20");
    assert_eq!(write(parse("9999-12-31T23:59:59Z"), 0, 60), "9999-12-31T23:59:59Z");
    assert_eq!(cut(parse("1969-12-31T23:59:59.5Z"), 0), -SECOND);
}
