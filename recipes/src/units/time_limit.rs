//! Time limits of jobs, as Slurm writes them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest time limit that is accepted: a year, in seconds.
const MAX_SECONDS: u32 = 366 * 86_400;

/// A time limit, exact to the second.
///
/// Reads all of Slurm's own forms: `minutes`, `minutes:seconds`, `hours:minutes:seconds`, `days-hours`,
/// `days-hours:minutes` and `days-hours:minutes:seconds`; writes `hours:minutes:seconds`, with days where there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeLimit {
    seconds: u32,
}

/// A text that is no time limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a time limit: write hours:minutes:seconds, such as \"01:00:00\", or days-hours:minutes:seconds"
)]
pub struct InvalidTimeLimit(String);

impl TimeLimit {
    /// So many seconds; none, or more than a year, is no limit.
    pub const fn from_seconds(seconds: u32) -> Option<Self> {
        if seconds == 0 || seconds > MAX_SECONDS {
            return None;
        }
        Some(Self { seconds })
    }

    /// The limit in seconds.
    pub const fn seconds(self) -> u32 {
        self.seconds
    }
}

impl FromStr for TimeLimit {
    type Err = InvalidTimeLimit;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text)
            .and_then(Self::from_seconds)
            .ok_or_else(|| InvalidTimeLimit(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<u32> {
    let (days, clock) = match text.split_once('-') {
        Some((days, clock)) => (Some(number(days)?), clock),
        None => (None, text),
    };
    let parts: Vec<u64> = clock.split(':').map(number).collect::<Option<_>>()?;
    let seconds = match (days, parts.as_slice()) {
        (None, [minutes]) => minutes * 60,
        (None, [minutes, seconds]) => minutes * 60 + seconds,
        (Some(days), [hours]) => days * 86_400 + hours * 3600,
        (Some(days), [hours, minutes]) => days * 86_400 + hours * 3600 + minutes * 60,
        (days, [hours, minutes, seconds]) => {
            days.unwrap_or_default() * 86_400 + hours * 3600 + minutes * 60 + seconds
        }
        _ => return None,
    };
    u32::try_from(seconds).ok()
}

/// At most eight digits, so that no sum above overflows.
fn number(text: &str) -> Option<u64> {
    let digits = (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

impl TryFrom<String> for TimeLimit {
    type Error = InvalidTimeLimit;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TimeLimit> for String {
    fn from(limit: TimeLimit) -> Self {
        limit.to_string()
    }
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.seconds / 86_400, self.seconds % 86_400);
        if days > 0 {
            write!(f, "{days}-")?;
        }
        write!(f, "{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_every_form_of_slurm() {
        for (text, seconds) in [
            ("90", 5400),
            ("90:30", 5430),
            ("01:00:00", 3600),
            ("1-12", 129_600),
            ("1-12:30", 131_400),
            ("2-00:00:05", 172_805),
        ] {
            assert_eq!(text.parse::<TimeLimit>().unwrap().seconds(), seconds, "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "0",
            "00:00:00",
            "-1",
            "1:2:3:4",
            "1-",
            "1h",
            " 5",
            "1-1:1:1:1",
            "999999999",
            "400-0",
            "5\n",
        ] {
            assert!(text.parse::<TimeLimit>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_reads_back(seconds in 1..=MAX_SECONDS) {
            let limit = TimeLimit { seconds };
            prop_assert_eq!(limit.to_string().parse(), Ok(limit));
        }

        #[test]
        fn parsing_never_panics(text in "[0-9:-]{0,30}") {
            let _ = text.parse::<TimeLimit>();
        }
    }
}
