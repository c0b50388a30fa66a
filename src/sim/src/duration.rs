//! Durations as people write them in recipes and on the command line.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest duration that a setting may have: a day. Longer ones are slips of the pen.
pub const MAX_DURATION: Duration = Duration::from_hours(24);

/// Units from the longest to the shortest, in nanoseconds.
const UNITS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// What a duration looks like, for the JSON Schema.
const PATTERN: &str = r"^([0-9]+(\.[0-9]+)?(h|m|s|ms|us|ns))+$";

/// A duration between zero and [`MAX_DURATION`], written as numbers with units: `50ms`, `2.5s`, `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SimDuration(Duration);

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no duration: {reason}; write for example 50ms, 2.5s or 1m30s")]
pub struct InvalidDuration {
    text: String,
    reason: &'static str,
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// So many milliseconds; at most [`MAX_DURATION`].
    pub const fn from_millis(millis: u64) -> Self {
        let duration = Duration::from_millis(millis);
        if duration.as_nanos() > MAX_DURATION.as_nanos() {
            return Self(MAX_DURATION);
        }
        Self(duration)
    }

    /// The value for the standard library.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// Whole nanoseconds; [`MAX_DURATION`] keeps them far below the limit of the type.
    pub(crate) const fn nanos(self) -> i64 {
        self.0.as_nanos() as i64
    }
}

impl FromStr for SimDuration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason| InvalidDuration {
            text: text.chars().take(40).collect(),
            reason,
        };
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(fail("it is empty"));
        }
        let mut nanos = 0.0;
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            let (number, tail) = rest.split_at(digits);
            let letters = tail
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let number: f64 = number.parse().map_err(|_| fail("a number was expected"))?;
            let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
                return Err(fail(
                    "a unit (h, m, s, ms, us or ns) was expected after the number",
                ));
            };
            nanos += number * *scale as f64;
            rest = tail;
        }
        if nanos > MAX_DURATION.as_nanos() as f64 {
            return Err(fail("it is longer than 24h"));
        }
        Ok(Self(Duration::from_nanos(nanos.round() as u64)))
    }
}

impl fmt::Display for SimDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.nanos().unsigned_abs();
        if rest == 0 {
            return f.write_str("0ms");
        }
        for (unit, scale) in UNITS {
            if rest >= scale {
                write!(f, "{}{unit}", rest / scale)?;
                rest %= scale;
            }
        }
        Ok(())
    }
}

impl Serialize for SimDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SimDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for SimDuration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": PATTERN, "description": "for example 50ms, 2.5s or 1m30s" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_people_write() {
        let nanos = |text: &str| text.parse::<SimDuration>().unwrap().nanos();
        assert_eq!(nanos("50ms"), 50_000_000);
        assert_eq!(nanos("0.5ms"), 500_000);
        assert_eq!(nanos("2s"), 2_000_000_000);
        assert_eq!(nanos("1h30m"), 5_400_000_000_000);
        assert_eq!(nanos(" 3us "), 3_000);
        assert_eq!(nanos("0s"), 0);
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "50",
            "ms",
            "5 ms",
            "-5ms",
            "1.2.3s",
            "5d",
            "25h",
            "1e9s",
            "9".repeat(400).as_str(),
        ] {
            assert!(text.parse::<SimDuration>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn shown_text_reads_back(nanos in 0..=MAX_DURATION.as_nanos() as u64) {
            let duration = SimDuration(Duration::from_nanos(nanos));
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn never_panics(text in "\\PC{0,20}") {
            let _ = text.parse::<SimDuration>();
        }
    }
}
