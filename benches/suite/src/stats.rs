//! Medians, spreads, and ratios of rounds that were run next to each other.

use serde::{Deserialize, Serialize};

/// The median of some rounds, with the lowest and the highest.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
}

impl Spread {
    /// Of some values; none of none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        Some(Self { median: median(&values)?, min: *values.first()?, max: *values.last()? })
    }

    /// The ratios of pairs.
    pub fn of_ratios(pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        Self::of(pairs.into_iter().filter(|(_, below)| *below > 0.0).map(|(above, below)| above / below))
    }
}

/// The middle of sorted values, or the mean of the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// A count as a number to reckon with: exact up to 2^53.
pub fn number(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]
    let number = count as f64;
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let spread = Spread::of([5.0, 1.0, 3.0]).unwrap();
        assert_eq!(spread, Spread { median: 3.0, min: 1.0, max: 5.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn ratios_are_of_pairs_and_not_of_medians() {
        let spread = Spread::of_ratios([(10.0, 5.0), (30.0, 10.0), (8.0, 1.0)]).unwrap();
        assert_eq!(spread, Spread { median: 3.0, min: 2.0, max: 8.0 });
        assert_eq!(Spread::of_ratios([(1.0, 0.0)]), None);
    }
}
