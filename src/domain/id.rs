//! The ids of users and groups: version 7 UUIDs (RFC 9562, section 5.7) of the time of creation, so that the order of ids
//! is the order of creation.

use super::time::Timestamp;
use uuid::Uuid;

/// The number of bits after the milliseconds.
const BITS_AFTER_MILLISECONDS: u32 = 80;
/// The largest number of milliseconds that an id can contain. It lies in the year 10889.
const MAX_MILLISECONDS: i64 = (1 << 48) - 1;

/// The id of a resource created at `now`. After the milliseconds, it contains the microseconds (RFC 9562, section 6.2,
/// method 3), then 62 bits of `random`, a version 4 UUID.
#[must_use]
pub fn created_at(now: Timestamp, random: Uuid) -> Uuid {
    let microseconds = i64::from(now).rem_euclid(1_000).unsigned_abs();
    // A fraction of a millisecond, in units of 1/4096.
    let fraction = u128::from(microseconds * 4_096 / 1_000);
    let random = random.as_u128() & u128::from(u64::MAX);
    Uuid::from_u128(first_of(now) | (0x7000 | fraction) << 64 | random)
}

/// The time of creation that the id of a resource contains. `None` if the id does not have version 7.
pub(crate) fn time_of(id: Uuid) -> Option<Timestamp> {
    if id.get_version_num() != 7 {
        return None;
    }
    let (first, _) = id.as_u64_pair();
    let milliseconds = i64::try_from(first >> 16).ok()?;
    let microseconds = ((first & 0xfff) * 1_000).div_ceil(4_096);
    Some(Timestamp::from(milliseconds * 1_000 + i64::try_from(microseconds).ok()?))
}

/// The first and the last possible UUID of the millisecond that contains a time.
pub(crate) fn range_of(time: Timestamp) -> (Uuid, Uuid) {
    let first = first_of(time);
    (Uuid::from_u128(first), Uuid::from_u128(first | ((1 << BITS_AFTER_MILLISECONDS) - 1)))
}

fn first_of(time: Timestamp) -> u128 {
    let milliseconds = i64::from(time).div_euclid(1_000).clamp(0, MAX_MILLISECONDS);
    u128::from(milliseconds.unsigned_abs()) << BITS_AFTER_MILLISECONDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_are_ordered_by_time(one in 0i64..4_000_000_000_000_000, step in 1i64..2_000, random: [u128; 2]) {
            let [random, other] = random.map(|bits| uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid());
            let (id, later) = (created_at(one.into(), random), created_at((one + step).into(), other));
            prop_assert!(id < later);
            prop_assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
            prop_assert_eq!(id.as_u64_pair().1, random.as_u64_pair().1);
            prop_assert_eq!(time_of(id), Some(one.into()));
            let (first, last) = range_of(one.into());
            prop_assert!(first <= id && id <= last);
        }
    }

    #[test]
    fn the_milliseconds_come_first() {
        let random = Uuid::from_u128(0xffff_ffff_ffff_4fff_bfff_ffff_ffff_ffff);
        let id = |time: i64| created_at(time.into(), random).to_string();
        assert_eq!(id(1_645_557_742_000_000), "017f22e2-79b0-7000-bfff-ffffffffffff");
        assert_eq!(id(1_645_557_742_000_999), "017f22e2-79b0-7ffb-bfff-ffffffffffff");
        assert_eq!(id(-1), "00000000-0000-7ffb-bfff-ffffffffffff");
        let (first, last) = range_of(i64::MAX.into());
        assert_eq!(first.to_string(), "ffffffff-ffff-0000-0000-000000000000");
        assert_eq!(last, Uuid::max());
    }
}
