//! A distribution in a file or a message: the exact numbers, and the histogram as base64 in the V2 encoding of
//! `HdrHistogram`.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use serde::{Deserialize, Serialize};

use super::{Distribution, SIGNIFICANT_DIGITS};

/// Longest histogram that is accepted, in base64 characters. One with every bucket in use stays below it.
const MAX_HISTOGRAM_CHARACTERS: usize = 16 << 20;

/// Why stored numbers are no distribution.
#[derive(Debug, thiserror::Error)]
pub enum DistributionError {
    /// A sum is no number.
    #[error("a sum is not a number")]
    Sum(#[from] std::num::ParseIntError),
    /// The histogram is longer than any that is written.
    #[error("the histogram takes {0} characters, more than the limit of {MAX_HISTOGRAM_CHARACTERS}")]
    TooLong(usize),
    /// The histogram is not base64.
    #[error("the histogram is not base64")]
    Base64(#[from] base64::DecodeError),
    /// The histogram is not in the V2 encoding.
    #[error("the histogram does not decode: {0}")]
    Histogram(#[from] hdrhistogram::serialization::DeserializeError),
    /// The numbers contradict each other.
    #[error("the distribution's numbers contradict each other")]
    Inconsistent,
}

/// Sums are strings, because readers of JSON keep only 53 bits of a number.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    count: u64,
    sum: Cow<'a, str>,
    sum_of_squares: Cow<'a, str>,
    min: Option<u64>,
    max: Option<u64>,
    histogram: Cow<'a, str>,
}

impl Serialize for Distribution {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        V2Serializer::new()
            .serialize(&self.histogram, &mut bytes)
            .map_err(serde::ser::Error::custom)?;
        let wire = Wire {
            count: self.count(),
            sum: self.sum.to_string().into(),
            sum_of_squares: self.sum_of_squares.to_string().into(),
            min: self.min(),
            max: self.max(),
            histogram: STANDARD.encode(&bytes).into(),
        };
        wire.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        Self::try_from(wire).map_err(serde::de::Error::custom)
    }
}

impl TryFrom<Wire<'_>> for Distribution {
    type Error = DistributionError;

    fn try_from(wire: Wire<'_>) -> Result<Self, DistributionError> {
        if wire.histogram.len() > MAX_HISTOGRAM_CHARACTERS {
            return Err(DistributionError::TooLong(wire.histogram.len()));
        }
        let bytes = STANDARD.decode(wire.histogram.as_bytes())?;
        let decoded: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice())?;
        if decoded.sigfig() != SIGNIFICANT_DIGITS || decoded.len() != wire.count {
            return Err(DistributionError::Inconsistent);
        }
        let mut distribution = Self::new();
        // The decoded histogram has a fixed range; adding it to one that grows makes it mergeable again.
        distribution
            .histogram
            .add(&decoded)
            .map_err(|_| DistributionError::Inconsistent)?;
        distribution.sum = wire.sum.parse()?;
        distribution.sum_of_squares = wire.sum_of_squares.parse()?;
        match (wire.min, wire.max) {
            (Some(min), Some(max)) if min <= max && wire.count > 0 => {
                distribution.min = min;
                distribution.max = max;
            }
            (None, None) if wire.count == 0 => {}
            _ => return Err(DistributionError::Inconsistent),
        }
        Ok(distribution)
    }
}
