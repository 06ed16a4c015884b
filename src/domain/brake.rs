//! The brake of a connection, which limits how many users and groups a faulty sync can remove.

use super::fields::{FieldError, Fields};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ops::RangeInclusive;
use std::time::Duration;
use uuid::Uuid;

/// A limit on the removals of a connection: its deactivations and deletions of users, and its deletions of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brake {
    /// The number of removals that are permitted however few users the connection has.
    pub users: i64,
    /// The number of removals that are permitted, as a percentage of the connection's users.
    pub percent: i64,
    /// The period, up to the present, in which removals are counted, in hours.
    pub hours: i64,
}

/// The values of `users`, and of the removals that a release allows.
const USERS: RangeInclusive<i64> = 0..=1_000_000;
/// The values of `percent`.
const PERCENT: RangeInclusive<i64> = 0..=100;
/// The values of `hours`: up to 30 days.
const HOURS: RangeInclusive<i64> = 1..=720;

/// The longest period of a brake.
pub const MAX_PERIOD: Duration = hours(*HOURS.end());

const fn hours(hours: i64) -> Duration {
    Duration::from_secs(hours.unsigned_abs() * 60 * 60)
}

impl Default for Brake {
    fn default() -> Self {
        Self { users: 20, percent: 10, hours: 24 }
    }
}

impl Brake {
    /// The maximum number of removals within the period, for a connection with this many users.
    pub fn limit(self, users: i64) -> i64 {
        self.users.max(users.saturating_mul(self.percent) / 100)
    }

    /// The period in which removals are counted.
    pub fn period(self) -> Duration {
        hours(self.hours)
    }

    /// Reads the field `brake`, which is null for no brake. Members that it lacks have their default values. `absent` is the
    /// result if there is no such field.
    pub fn read(fields: &mut Fields<'_>, absent: Option<Self>) -> Option<Self> {
        if fields.has("brake") {
            return Some(fields.object("brake", Self::read_members));
        }
        if fields.take_null("brake") { None } else { absent }
    }

    fn read_members(fields: &mut Fields<'_>) -> Self {
        let default = Self::default();
        Self {
            users: fields.integer("users", USERS).unwrap_or(default.users),
            percent: fields.integer("percent", PERCENT).unwrap_or(default.percent),
            hours: fields.integer("hours", HOURS).unwrap_or(default.hours),
        }
    }
}

/// Why the removals of a connection are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The time of the removal that was the first to be refused.
    pub since: Timestamp,
    /// The number of removals that were carried out within the period of the brake.
    pub count: i64,
    /// The reason, in sentences for administrators and for the log of the identity provider.
    pub reason: String,
}

impl Held {
    /// Holds a connection with this many users after this many removals.
    #[must_use]
    pub fn new(connection: Uuid, brake: Brake, users: i64, count: i64, since: Timestamp) -> Self {
        let period = if brake.hours == 1 { "hour".to_owned() } else { format!("{} hours", brake.hours) };
        let removed =
            if count == 1 { "1 user or group".to_owned() } else { format!("{count} users and groups") };
        let all = if users == 1 { "1 user".to_owned() } else { format!("{users} users") };
        let reason = format!(
            "The connection has deactivated or deleted {removed} within the last {period}. Its brake permits {}: \
             the larger of {} and {} percent of its {all}. An administrator can release it with POST \
             /connections/{connection}/release.",
            brake.limit(users),
            brake.users,
            brake.percent,
        );
        Self { since, count, reason }
    }
}

/// Reads the body of a release: the number of removals that it allows, or `None` if all earlier removals no longer count.
///
/// # Errors
/// A [`FieldError`] for each invalid field.
pub fn read_release(body: Value) -> Result<Option<i64>, Vec<FieldError>> {
    Fields::read(body, |fields| fields.integer("allow", USERS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_limit_is_the_larger_of_both_and_rounded_down() {
        let brake = Brake::default();
        for (users, limit) in [(0, 20), (209, 20), (210, 21), (1_000, 100), (1_009, 100), (50_000, 5_000)] {
            assert_eq!(brake.limit(users), limit, "{users}");
        }
        assert_eq!(Brake { percent: 0, ..brake }.limit(i64::MAX), 20);
        assert_eq!(Brake { users: 0, ..brake }.limit(9), 0);
    }

    #[test]
    fn an_absent_brake_differs_from_none() {
        let read = |body| Fields::read(body, |fields| Brake::read(fields, Some(Brake::default())));
        let with = |users, percent, hours| Ok(Some(Brake { users, percent, hours }));
        assert_eq!(read(json!({})), with(20, 10, 24));
        assert_eq!(read(json!({"brake": null})), Ok(None));
        assert_eq!(read(json!({"brake": {}})), with(20, 10, 24));
        assert_eq!(read(json!({"brake": {"users": 0, "percent": null, "hours": 720}})), with(0, 10, 720));
        for (brake, pointer, code) in [
            (json!(5), "/brake", "wrong-type"),
            (json!({"users": -1}), "/brake/users", "out-of-range"),
            (json!({"users": 1_000_001}), "/brake/users", "out-of-range"),
            (json!({"percent": 101}), "/brake/percent", "out-of-range"),
            (json!({"hours": 0}), "/brake/hours", "out-of-range"),
            (json!({"hours": 721}), "/brake/hours", "out-of-range"),
            (json!({"hours": u64::MAX}), "/brake/hours", "out-of-range"),
            (json!({"hours": 1.5}), "/brake/hours", "wrong-type"),
            (json!({"users": "20"}), "/brake/users", "wrong-type"),
            (json!({"minutes": 20}), "/brake/minutes", "unknown-field"),
        ] {
            let errors = read(json!({ "brake": brake })).unwrap_err();
            assert_eq!((errors[0].pointer.as_str(), errors[0].code), (pointer, code));
        }
    }

    #[test]
    fn reasons_distinguish_one_from_several() {
        let reason =
            |brake, users, count| Held::new(Uuid::nil(), brake, users, count, Timestamp::from(0)).reason;
        let one = reason(Brake { users: 1, percent: 0, hours: 1 }, 1, 1);
        assert!(one.starts_with(
            "The connection has deactivated or deleted 1 user or group within the last hour. Its brake permits 1: the larger of 1 \
             and 0 percent of its 1 user. "
        ));
        let several = reason(Brake::default(), 300, 30);
        assert!(several.contains("30 users and groups within the last 24 hours"), "{several}");
        assert!(several.contains("the larger of 20 and 10 percent of its 300 users"), "{several}");
    }

    #[test]
    fn releases_allow_a_number_or_nothing() {
        assert_eq!(read_release(json!({"allow": 100})), Ok(Some(100)));
        assert_eq!(read_release(json!({"allow": null})), Ok(None));
        assert_eq!(read_release(json!({})), Ok(None));
        assert_eq!(read_release(json!({"allow": -1})).unwrap_err()[0].code, "out-of-range");
        assert_eq!(read_release(json!({"users": 1})).unwrap_err()[0].code, "unknown-field");
    }

    proptest! {
        #[test]
        fn the_limit_never_exceeds_the_users_or_the_number(
            users in 0_i64..2_000_000, number in USERS, percent in PERCENT,
        ) {
            let limit = Brake { users: number, percent, hours: 24 }.limit(users);
            prop_assert!(limit >= number && limit <= number.max(users));
            prop_assert!(limit == number || limit * 100 <= users * percent);
        }
    }
}
