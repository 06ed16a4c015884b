//! Points in the history of a tenant.

use super::time::Timestamp;
use derive_more::Display;
use std::str::FromStr;

/// A point in the history of a tenant.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
pub enum Point {
    /// The point after the change with this revision.
    Revision(i64),
    /// The point after the last change that was made at this time or earlier.
    Time(Timestamp),
}

impl FromStr for Point {
    /// The rest of a sentence that begins with the name of the parameter.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number {
            return Ok(Self::Revision(text.parse().unwrap_or(i64::MAX)));
        }
        let time = Timestamp::parse(text).map(Self::Time);
        time.ok_or("must be a revision or an RFC 3339 time, such as 2026-01-02T03:04:05Z; in a URL, `+` is written as `%2B`")
    }
}

#[cfg(test)]
mod tests {
    use super::Point;

    #[test]
    fn a_point_is_a_revision_or_a_time() {
        let time = |micros: i64| Ok(Point::Time(micros.into()));
        for (text, point) in [
            ("0", Ok(Point::Revision(0))),
            ("0042", Ok(Point::Revision(42))),
            ("99999999999999999999", Ok(Point::Revision(i64::MAX))),
            ("2026-01-02T03:04:05.678901Z", time(1_767_323_045_678_901)),
            ("2026-01-02T05:04:05.678901+02:00", time(1_767_323_045_678_901)),
        ] {
            assert_eq!(text.parse(), point, "{text}");
        }
        for text in ["", "-1", "+1", "1.0", " 1", "x", "2026-01-02", "2026-01-02T05:04:05 02:00"] {
            assert!(text.parse::<Point>().is_err(), "{text}");
        }
    }

    #[test]
    fn equal_points_have_the_same_text() {
        let text = |text: &str| text.parse().map(|point: Point| point.to_string());
        assert_eq!(text("2026-01-02T03:04:05Z"), text("2026-01-02T05:04:05.0+02:00"));
        assert_eq!(text("0042"), Ok("42".to_owned()));
    }
}
