//! Levels of load, and the steps between them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Growth from one level to the next one.
const GROWTH: f64 = 2.0;
/// A bracket this narrow is not bisected any more, and a step down is as large.
const RESOLUTION: f64 = 1.05;
/// Digits of a level that is no whole number.
const DIGITS: i32 = 3;

/// A level of load: a number of clients, or of arrivals a second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Deserialize)]
#[serde(transparent)]
pub struct Level(pub f64);

/// Whole numbers are written as such, as in recipes.
impl Serialize for Level {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = self.0 as u64;
        if (whole as f64).total_cmp(&self.0).is_eq() {
            serializer.serialize_u64(whole)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

impl Level {
    /// The lower one of two.
    fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which levels there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Levels {
    /// Whole numbers.
    Whole,
    /// Numbers of three digits.
    Real,
}

impl Levels {
    /// The level after one that passed, at most `to`; `None` at that.
    pub(super) fn grown(self, level: Level, to: Level) -> Option<Level> {
        (level < to).then(|| self.rounded(level.0 * GROWTH).min(to))
    }

    /// A level between two, about as far from either; `None` where they are close enough.
    pub(super) fn between(self, low: Level, high: Level) -> Option<Level> {
        let middle = self.rounded((low.0 * high.0).sqrt());
        (high.0 > low.0 * RESOLUTION && low < middle && middle < high).then_some(middle)
    }

    /// The level one step below one that failed, at least `from`.
    pub(super) fn below(self, level: Level, from: Level) -> Level {
        // Upwards, so that the step is not larger than a bracket may be.
        let lower = self.with_digits(level.0 / RESOLUTION, f64::ceil);
        let lower = match self {
            Self::Whole => lower.min(Level(level.0 - 1.0)),
            Self::Real => lower,
        };
        lower.max(from)
    }

    fn rounded(self, value: f64) -> Level {
        self.with_digits(value, f64::round)
    }

    fn with_digits(self, value: f64, to_whole: fn(f64) -> f64) -> Level {
        let digits = match self {
            Self::Whole => 0,
            Self::Real => DIGITS - 1 - value.log10().floor() as i32,
        };
        // Dividing by a power of ten gives the number that the digits mean; multiplying by its inverse need not.
        Level(match digits {
            0.. => to_whole(value * 10_f64.powi(digits)) / 10_f64.powi(digits),
            _ => to_whole(value / 10_f64.powi(-digits)) * 10_f64.powi(-digits),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_short_numbers() {
        let real = |value| Levels::Real.rounded(value);
        assert_eq!(
            [22.627, 0.012_345, 1_234.5, 9.999_9].map(real),
            [22.6, 0.012_3, 1_230.0, 10.0].map(Level)
        );
        assert_eq!(Levels::Whole.rounded(22.627), Level(23.0));
    }

    #[test]
    fn neighbours_have_nothing_between_them() {
        assert_eq!(Levels::Whole.between(Level(4.0), Level(5.0)), None);
        assert_eq!(Levels::Whole.between(Level(4.0), Level(6.0)), Some(Level(5.0)));
        assert_eq!(Levels::Whole.between(Level(100.0), Level(105.0)), None);
        assert_eq!(Levels::Real.between(Level(4.0), Level(4.1)), None);
        assert_eq!(Levels::Real.between(Level(1.0), Level(2.0)), Some(Level(1.41)));
    }

    #[test]
    fn steps_end_where_the_range_does() {
        assert_eq!(Levels::Real.grown(Level(6.0), Level(10.0)), Some(Level(10.0)));
        assert_eq!(Levels::Real.grown(Level(10.0), Level(10.0)), None);
        assert_eq!(Levels::Whole.below(Level(3.0), Level(1.0)), Level(2.0));
        assert_eq!(Levels::Whole.below(Level(100.0), Level(1.0)), Level(96.0));
        assert_eq!(Levels::Real.below(Level(2.0), Level(1.95)), Level(1.95));
    }
}
