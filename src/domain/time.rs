//! Times as Roster keeps and shows them.

use derive_more::{Display, From, Into};
use serde::{Serialize, Serializer};
use std::time::{Duration, SystemTime};
use time::format_description::{BorrowedFormatItem, well_known::Rfc3339};
use time::{OffsetDateTime, macros::format_description};

const RFC3339_MICROS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// The first microsecond that four digits of a year have no room for.
const YEAR_10000: u64 = 253_402_300_800_000_000;

/// A point in time in microseconds since 1970-01-01T00:00:00Z; shown as `2026-01-02T03:04:05.678901Z` (RFC 3339).
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, PartialOrd, Ord, From, Into)]
#[display("{}", self.rfc3339())]
pub struct Timestamp(i64);

impl Timestamp {
    /// Reads a time of RFC 3339 with any offset; what is finer than a microsecond is cut.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // A year that cannot be shown would come back as another time.
        let shown = |time: &OffsetDateTime| (1..=9999).contains(&time.to_offset(time::UtcOffset::UTC).year());
        OffsetDateTime::parse(text, &Rfc3339).ok().filter(shown).map(Self::from)
    }

    /// Shows the time in UTC with six digits of a second.
    #[must_use]
    pub fn rfc3339(self) -> String {
        if let Ok(micros) = u64::try_from(self.0)
            && micros < YEAR_10000
        {
            // Several times faster than `time`, and every answer shows two; but for nothing before 1970.
            let at = SystemTime::UNIX_EPOCH + Duration::from_micros(micros);
            return humantime::format_rfc3339_micros(at).to_string();
        }
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .ok()
            .and_then(|at| at.format(RFC3339_MICROS).ok())
            .unwrap_or_else(|| "9999-12-31T23:59:59.999999Z".to_owned())
    }

    /// So much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// When a resource that was last written at `previous` is written now: later, also when two requests that
    /// took their time in one order are carried out in the other.
    #[must_use]
    pub fn after(self, previous: Self) -> Self {
        self.max(Self(previous.0 + 1))
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(at: OffsetDateTime) -> Self {
        Self(i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn shows_six_digits_in_utc() {
        assert_eq!(Timestamp::from(0).to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::from(1_767_323_045_678_901).to_string(), "2026-01-02T03:04:05.678901Z");
        assert_eq!(Timestamp::from(-1).to_string(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::from(253_402_300_799_999_999).to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::from(i64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::from(i64::MIN).to_string(), "9999-12-31T23:59:59.999999Z");
    }

    #[test]
    fn never_steps_back() {
        let (early, late) = (Timestamp::from(5), Timestamp::from(9));
        assert_eq!(early.after(late), Timestamp::from(10));
        assert_eq!(late.after(early), late);
    }
}
