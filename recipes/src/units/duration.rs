//! Durations such as `250ms`, `30s`, `5m` and `1h30m`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Longest duration that a recipe may name: 366 days, in microseconds.
const MAX_MICROS: u64 = 366 * 24 * 3600 * 1_000_000;

/// Units from large to small, with their length in microseconds. A text names each at most once, in this order.
const UNITS: [(&str, u64); 6] = [
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

/// A length of time, exact to the microsecond.
///
/// Written as whole numbers with units, large before small: `250ms`, `30s`, `5m`, `1h30m`, `7d`.
/// The only number that needs no unit is none: `0s` is written out too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration {
    micros: u64,
}

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a duration: write whole numbers with units, such as 250ms, 30s, 5m or 1h30m (366 days at most)"
)]
pub struct InvalidDuration(String);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self { micros: 0 };

    /// So many seconds.
    pub const fn from_secs(seconds: u32) -> Self {
        Self {
            micros: seconds as u64 * 1_000_000,
        }
    }

    /// So many milliseconds.
    pub const fn from_millis(millis: u32) -> Self {
        Self {
            micros: millis as u64 * 1_000,
        }
    }

    /// The duration in whole microseconds.
    pub const fn as_micros(self) -> u64 {
        self.micros
    }

    /// The duration in seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.micros as f64 / 1e6
    }

    /// The duration as the standard library's type.
    pub const fn as_std(self) -> std::time::Duration {
        std::time::Duration::from_micros(self.micros)
    }

    /// Whether it is no time at all.
    pub const fn is_zero(self) -> bool {
        self.micros == 0
    }

    /// The sum of two durations; stays at the largest number when it would overflow.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self {
            micros: self.micros.saturating_add(other.micros),
        }
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        duration.as_std()
    }
}

impl FromStr for Duration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text)
            .map(|micros| Self { micros })
            .ok_or_else(|| InvalidDuration(text.to_owned()))
    }
}

/// Microseconds of a duration's text, or `None` if it is none.
fn parse(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total = 0u64;
    loop {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_lowercase()).len();
        let (name, tail) = tail.split_at(letters);
        let (_, length) = units.find(|(unit, _)| *unit == name)?;
        let micros = number.parse::<u64>().ok()?.checked_mul(*length)?;
        total = total.checked_add(micros).filter(|sum| *sum <= MAX_MICROS)?;
        if tail.is_empty() {
            return Some(total);
        }
        rest = tail;
    }
}

impl TryFrom<String> for Duration {
    type Error = InvalidDuration;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> Self {
        duration.to_string()
    }
}

impl fmt::Display for Duration {
    /// The shortest text that reads back as the same duration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.micros == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.micros;
        for (unit, length) in UNITS {
            if rest >= length {
                write!(f, "{}{unit}", rest / length)?;
                rest %= length;
            }
        }
        Ok(())
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A duration: whole numbers with units (d, h, m, s, ms, us), large before small.",
            "title": "a duration",
            "type": "string",
            "format": "hpcbench-duration",
            "pattern": "^(?:[0-9]+(?:d|h|m|s|ms|us))+$",
            "examples": ["250ms", "30s", "5m", "1h30m"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        for (text, micros) in [
            ("250ms", 250_000),
            ("30s", 30_000_000),
            ("5m", 300_000_000),
            ("1h30m", 5_400_000_000),
            ("0s", 0),
        ] {
            assert_eq!(text.parse::<Duration>().unwrap().as_micros(), micros, "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "30",
            "s",
            "1.5s",
            "-1s",
            "+1s",
            "1 s",
            "30S",
            "1m1h",
            "1s1s",
            "1x",
            "367d",
            "99999999999999999999s",
            "1s\n",
        ] {
            assert!(text.parse::<Duration>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_reads_back(micros in 0..=MAX_MICROS) {
            let duration = Duration { micros };
            prop_assert_eq!(duration.to_string().parse::<Duration>(), Ok(duration));
        }

        #[test]
        fn parsing_never_panics(text in ".{0,40}") {
            let _ = text.parse::<Duration>();
        }
    }
}
