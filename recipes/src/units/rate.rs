//! Rates in events a second.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Highest rate that a recipe may ask for, in events a second.
const MAX_RATE: f64 = 1e7;

/// A positive, finite number of events a second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(f64);

/// A number that is no rate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{0} is not a rate: it must be above 0 and at most {MAX_RATE} a second")]
pub struct InvalidRate(f64);

impl Rate {
    /// The rate in events a second.
    pub const fn per_second(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Rate {
    type Error = InvalidRate;

    fn try_from(rate: f64) -> Result<Self, Self::Error> {
        if rate > 0.0 && rate <= MAX_RATE {
            Ok(Self(rate))
        } else {
            Err(InvalidRate(rate))
        }
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> Self {
        rate.0
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Events a second.",
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": MAX_RATE,
        })
    }
}
