//! Faults that a request can suffer, and how they are written.
//!
//! A fault is a word, some with a number: `status=500`, `cut-after=3`. Several are joined by commas where they go
//! together: one that decides how the response ends, and the three that change its shape (`multi-token`, `no-usage`,
//! `tokens`).

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::MAX_OUTPUT_TOKENS;

/// Most tokens that one chunk can carry.
pub const MAX_TOKENS_PER_CHUNK: u32 = 1_024;

/// Every fault with its meaning; for help texts and error messages.
pub const FAULT_HELP: &str = "status=N (answer with this HTTP status, 400-599), close-before-headers, \
stall-before-first, stall-after=N (tokens), cut-after=N (connection closed after N tokens), malformed-after=N (one \
broken event), error-event-after=N (an error inside the stream), role-only (no token at all), empty (a 200 without any \
event), multi-token=K (tokens per chunk), no-usage, tokens=N (N tokens, whatever was asked for)";

/// How a response deviates from a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It does not: all tokens, then the end of the stream.
    Complete,
    /// This HTTP status with an error body instead of a result.
    Status(u16),
    /// The connection is closed after the request was read, before any byte of a response.
    CloseBeforeHeaders,
    /// After so many tokens nothing more comes; the connection stays open.
    StallAfter(u32),
    /// After so many tokens the connection is closed in the middle of the response.
    CutAfter(u32),
    /// After so many tokens one event is no JSON; the stream then goes on.
    MalformedAfter(u32),
    /// After so many tokens the stream carries an error object and ends.
    ErrorEventAfter(u32),
    /// Only the opening chunk with the role, then a regular end without a token.
    RoleOnly,
    /// A successful status and a regular end, but no event.
    Empty,
}

/// What a request suffers: an ending and a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// How the response ends.
    pub ending: Ending,
    /// Tokens per chunk; 1 in a healthy service.
    pub tokens_per_chunk: u32,
    /// Whether token counts are left out although they were asked for.
    pub omit_usage: bool,
    /// Tokens instead of the number that was asked for.
    pub tokens: Option<u32>,
}

/// A text that names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no fault: {reason}; the faults are {FAULT_HELP}")]
pub struct InvalidFault {
    text: String,
    reason: &'static str,
}

impl Faults {
    /// A request that goes well.
    pub const NONE: Self = Self {
        ending: Ending::Complete,
        tokens_per_chunk: 1,
        omit_usage: false,
        tokens: None,
    };
}

impl FromStr for Faults {
    type Err = InvalidFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason| InvalidFault {
            text: text.chars().take(80).collect(),
            reason,
        };
        let mut faults = Self::NONE;
        for word in text.split(',').map(str::trim) {
            let (name, value) = match word.split_once('=') {
                None => (word, None),
                Some((name, value)) => {
                    let number = value
                        .trim()
                        .parse()
                        .map_err(|_| fail("a whole number was expected"))?;
                    (name.trim(), Some(number))
                }
            };
            let ending = match (name, value) {
                ("multi-token", Some(count @ 1..=MAX_TOKENS_PER_CHUNK)) => {
                    faults.tokens_per_chunk = count;
                    continue;
                }
                ("no-usage", None) => {
                    faults.omit_usage = true;
                    continue;
                }
                ("tokens", Some(count @ 1..=MAX_OUTPUT_TOKENS)) => {
                    faults.tokens = Some(count);
                    continue;
                }
                _ => Ending::from_parts(name, value)
                    .ok_or_else(|| fail("unknown word, or its number is wrong"))?,
            };
            if faults.ending != Ending::Complete {
                return Err(fail("a response can end in one way only"));
            }
            faults.ending = ending;
        }
        Ok(faults)
    }
}

impl Ending {
    fn from_parts(name: &str, value: Option<u32>) -> Option<Self> {
        Some(match (name, value) {
            ("status", Some(code @ 400..=599)) => Self::Status(code as u16),
            ("close-before-headers", None) => Self::CloseBeforeHeaders,
            ("stall-before-first", None) => Self::StallAfter(0),
            ("stall-after", Some(tokens)) => Self::StallAfter(tokens),
            ("cut-after", Some(tokens)) => Self::CutAfter(tokens),
            ("malformed-after", Some(tokens)) => Self::MalformedAfter(tokens),
            ("error-event-after", Some(tokens)) => Self::ErrorEventAfter(tokens),
            ("role-only", None) => Self::RoleOnly,
            ("empty", None) => Self::Empty,
            _ => return None,
        })
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        match self.ending {
            Ending::Complete => {}
            Ending::Status(code) => words.push(format!("status={code}")),
            Ending::CloseBeforeHeaders => words.push("close-before-headers".to_owned()),
            Ending::StallAfter(tokens) => words.push(format!("stall-after={tokens}")),
            Ending::CutAfter(tokens) => words.push(format!("cut-after={tokens}")),
            Ending::MalformedAfter(tokens) => words.push(format!("malformed-after={tokens}")),
            Ending::ErrorEventAfter(tokens) => words.push(format!("error-event-after={tokens}")),
            Ending::RoleOnly => words.push("role-only".to_owned()),
            Ending::Empty => words.push("empty".to_owned()),
        }
        if self.omit_usage {
            words.push("no-usage".to_owned());
        }
        if let Some(tokens) = self.tokens {
            words.push(format!("tokens={tokens}"));
        }
        if self.tokens_per_chunk > 1 || words.is_empty() {
            words.push(format!("multi-token={}", self.tokens_per_chunk));
        }
        f.write_str(&words.join(","))
    }
}

impl Serialize for Faults {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Faults {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Faults {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Faults".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": FAULT_HELP })
    }
}

/// A share of all requests and what they suffer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultShare {
    /// Share of the requests, from 0 to 1; which ones is drawn with the seed.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: f64,
    /// What these requests suffer.
    pub fault: Faults,
}

impl FromStr for FaultShare {
    type Err = InvalidFault;

    /// `SHARE:FAULT`, for example `0.01:status=500`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason| InvalidFault {
            text: text.chars().take(80).collect(),
            reason,
        };
        let (share, fault) = text
            .split_once(':')
            .ok_or_else(|| fail("SHARE:FAULT was expected"))?;
        let share: f64 = share.trim().parse().map_err(|_| fail("the share is no number"))?;
        if !(0.0..=1.0).contains(&share) {
            return Err(fail("the share must lie between 0 and 1"));
        }
        Ok(Self {
            share,
            fault: fault.parse()?,
        })
    }
}

/// The fault that a uniform `draw` selects from `shares`; they are laid end to end.
pub(crate) fn pick(shares: &[FaultShare], draw: f64) -> Option<Faults> {
    let mut end = 0.0;
    shares.iter().find_map(|one| {
        end += one.share;
        (draw < end).then_some(one.fault)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_each_fault() {
        let ending = |text: &str| text.parse::<Faults>().unwrap().ending;
        assert_eq!(ending("status=503"), Ending::Status(503));
        assert_eq!(ending("stall-before-first"), Ending::StallAfter(0));
        assert_eq!(ending("cut-after = 3"), Ending::CutAfter(3));
        assert_eq!(ending("role-only"), Ending::RoleOnly);
        assert_eq!("tokens=9".parse::<Faults>().unwrap().tokens, Some(9));
        let both: Faults = "multi-token=4, no-usage, empty".parse().unwrap();
        assert_eq!(
            both,
            Faults {
                ending: Ending::Empty,
                tokens_per_chunk: 4,
                omit_usage: true,
                tokens: None
            }
        );
    }

    #[test]
    fn refuses_nonsense() {
        let bad = [
            "",
            "status",
            "status=200",
            "status=600",
            "status=x",
            "stall-after",
            "empty=1",
            "multi-token=0",
            "tokens",
            "tokens=0",
            "tokens=1000001",
            "multi-token=99999",
            "role-only,empty",
            "stall-after=1,cut-after=2",
            "explode",
            "cut-after=-1",
        ];
        for text in bad {
            assert!(text.parse::<Faults>().is_err(), "{text}");
        }
        for text in [
            "0.5",
            "2:empty",
            "-0.1:empty",
            "x:empty",
            "nan:empty",
            "0.5:nothing",
        ] {
            assert!(text.parse::<FaultShare>().is_err(), "{text}");
        }
    }

    #[test]
    fn shares_are_laid_end_to_end() {
        let shares: Vec<FaultShare> = ["0.2:empty", "0.3:role-only"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let ending = |draw| pick(&shares, draw).map(|fault| fault.ending);
        assert_eq!(ending(0.19), Some(Ending::Empty));
        assert_eq!(ending(0.2), Some(Ending::RoleOnly));
        assert_eq!(ending(0.51), None);
    }

    fn any_faults() -> impl Strategy<Value = Faults> {
        let ending = prop_oneof![
            Just(Ending::Complete),
            (400..600_u16).prop_map(Ending::Status),
            Just(Ending::CloseBeforeHeaders),
            any::<u32>().prop_map(Ending::StallAfter),
            any::<u32>().prop_map(Ending::CutAfter),
            any::<u32>().prop_map(Ending::MalformedAfter),
            any::<u32>().prop_map(Ending::ErrorEventAfter),
            Just(Ending::RoleOnly),
            Just(Ending::Empty),
        ];
        let tokens = proptest::option::of(1..=MAX_OUTPUT_TOKENS);
        (ending, 1..=MAX_TOKENS_PER_CHUNK, any::<bool>(), tokens).prop_map(
            |(ending, tokens_per_chunk, omit_usage, tokens)| Faults {
                ending,
                tokens_per_chunk,
                omit_usage,
                tokens,
            },
        )
    }

    proptest! {
        #[test]
        fn shown_text_reads_back(faults in any_faults()) {
            prop_assert_eq!(faults.to_string().parse(), Ok(faults));
        }
    }
}
