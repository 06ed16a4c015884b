//! Axes that say where their labels are.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use std::ops::Range;

/// An axis whose labels are at whole numbers only.
pub struct Places(pub Range<f64>);

impl Ranged for Places {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let part = (value - self.0.start) / (self.0.end - self.0.start);
        let (from, to) = (f64::from(limit.0), f64::from(limit.1));
        #[expect(clippy::cast_possible_truncation, reason = "a pixel of a picture")]
        let pixel = (from + part * (to - from)).round() as i32;
        pixel
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        let mut points = Vec::new();
        let mut place = 0.0;
        while place <= self.0.end {
            points.push(place);
            place += 1.0;
        }
        points
    }

    fn range(&self) -> Range<f64> {
        self.0.clone()
    }
}

/// A logarithmic axis, labelled at 1, 2 and 5 times each power of ten.
pub struct Logarithm(pub Range<f64>);

impl Ranged for Logarithm {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let logarithms = Places(self.0.start.ln()..self.0.end.ln());
        logarithms.map(&value.ln(), limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        let powers = (-6..9).map(|power| 10_f64.powi(power));
        let points = powers.flat_map(|power| [power, 2.0 * power, 5.0 * power]);
        points.filter(|point| self.0.contains(point)).collect()
    }

    fn range(&self) -> Range<f64> {
        self.0.clone()
    }
}
