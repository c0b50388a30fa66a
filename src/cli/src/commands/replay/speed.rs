//! How fast a run is played.

use std::str::FromStr;
use std::time::Duration;

/// How many times as fast as it happened: a finite number above 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Speed(f64);

impl Speed {
    /// How long something takes that took `microseconds`; what is too long for a clock takes as long as one can show.
    pub(super) fn scale(self, microseconds: u64) -> Duration {
        Duration::try_from_secs_f64(microseconds as f64 / 1e6 / self.0).unwrap_or(Duration::MAX)
    }
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let speed: f64 = text
            .parse()
            .map_err(|_| "it is not a number, such as 1 (as it happened), 10 or 0.5".to_owned())?;
        if speed > 0.0 && speed.is_finite() {
            Ok(Self(speed))
        } else {
            Err("it has to be above 0 and finite".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_finite_and_above_0() {
        for text in ["0", "-0.0", "-1", "inf", "nan", "NaN", "1e999", "", "10x", "1 0"] {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
        for text in ["1", "0.5", "1e6", "4.9e-324"] {
            assert!(text.parse::<Speed>().is_ok(), "{text}");
        }
    }

    #[test]
    fn times_are_divided_by_it_and_stay_in_range() {
        let scaled = |speed: &str, micros| speed.parse::<Speed>().unwrap().scale(micros);
        assert_eq!(scaled("10", 25_000_000), Duration::from_millis(2500));
        assert_eq!(scaled("0.5", 3_000_000), Duration::from_secs(6));
        assert_eq!(scaled("1e300", u64::MAX), Duration::ZERO);
        assert_eq!(scaled("4.9e-324", 1), Duration::MAX);
        assert_eq!(scaled("4.9e-324", 0), Duration::ZERO);
    }
}
