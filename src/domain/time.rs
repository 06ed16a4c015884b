//! Points in time, stored in microseconds and rendered as RFC 3339.

use derive_more::{From, Into};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::{Duration, SystemTime};
use time::format_description::{BorrowedFormatItem, well_known::Rfc3339};
use time::{OffsetDateTime, macros::format_description};

const RFC3339_MICROS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// The first microsecond of the year 10000, which RFC 3339 cannot represent.
const YEAR_10000: u64 = 253_402_300_800_000_000;

/// A point in time, in microseconds since 1970-01-01T00:00:00Z. Rendered as `2026-01-02T03:04:05.678901Z` (RFC 3339).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, From, Into)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Parses an RFC 3339 time (UTC if it has no offset) and truncates it to microseconds. `None` for years outside 1
    /// to 9999 in UTC.
    pub fn parse(text: &str) -> Option<Self> {
        let is_representable = |time: &OffsetDateTime| {
            time.checked_to_offset(time::UtcOffset::UTC).is_some_and(|time| (1..=9999).contains(&time.year()))
        };
        parse_rfc3339(text).filter(is_representable).map(Self::from)
    }

    /// The time after a duration.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The time before a duration.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This time, or the microsecond after `previous` if that is later. This makes the `updatedAt` of a
    /// resource increase even when two requests run in the reverse order of their arrival.
    #[must_use]
    pub fn after(self, previous: Self) -> Self {
        self.max(Self(previous.0 + 1))
    }
}

/// Renders the time in UTC, with six fractional digits.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Ok(micros) = u64::try_from(self.0)
            && micros < YEAR_10000
        {
            // `humantime` is several times faster than `time`, which matters because every response contains times. It
            // does not support times before 1970.
            let at = SystemTime::UNIX_EPOCH + Duration::from_micros(micros);
            return humantime::format_rfc3339_micros(at).fmt(f);
        }
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000).ok();
        let text = at.and_then(|at| at.format(RFC3339_MICROS).ok());
        f.write_str(text.as_deref().unwrap_or("9999-12-31T23:59:59.999999Z"))
    }
}

/// Parses an RFC 3339 time. A time without an offset is read as UTC.
pub(super) fn parse_rfc3339(text: &str) -> Option<OffsetDateTime> {
    let parse = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
    parse(text).or_else(|| parse(&format!("{text}Z")))
}

impl From<OffsetDateTime> for Timestamp {
    fn from(at: OffsetDateTime) -> Self {
        Self(i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not an RFC 3339 time"))
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn times_are_rendered_in_utc_with_six_fractional_digits() {
        assert_eq!(Timestamp::from(0).to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::from(1_767_323_045_678_901).to_string(), "2026-01-02T03:04:05.678901Z");
        assert_eq!(Timestamp::from(-1).to_string(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::from(253_402_300_799_999_999).to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::from(i64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::from(i64::MIN).to_string(), "9999-12-31T23:59:59.999999Z");
    }

    #[test]
    fn a_time_without_an_offset_is_in_utc() {
        let time = Timestamp::parse("2026-01-02T03:04:05.678901Z");
        assert_eq!(time, Some(1_767_323_045_678_901.into()));
        for text in ["2026-01-02T03:04:05.678901", "2026-01-02T05:04:05.678901+02:00"] {
            assert_eq!(Timestamp::parse(text), time, "{text}");
        }
        // The year in UTC would be 10000 or 0.
        for text in
            ["9999-12-31T23:59:59-01:00", "9999-12-31T23:59:59.9999999-00:01", "0001-01-01T00:00:00+01:00"]
        {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
        for text in ["2026-01-02", "2026-01-02T03:04:05+02", "2026-01-02T03:04:05ZZ", "03:04:05", ""] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn after_never_returns_the_previous_time_or_an_earlier_one() {
        let (early, late) = (Timestamp::from(5), Timestamp::from(9));
        assert_eq!(early.after(late), Timestamp::from(10));
        assert_eq!(late.after(early), late);
    }
}
