//! The whole text.

use super::Series;
use super::line::{LineProblem, series};

/// Largest text.
pub const MAX_TEXT_BYTES: usize = 8 << 20;
/// Longest line.
pub const MAX_LINE_BYTES: usize = 16 << 10;
/// Most values in a text.
pub const MAX_SERIES: usize = 50_000;

/// A text that is not in Prometheus' format, or is too large.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Larger than [`MAX_TEXT_BYTES`].
    #[error("the metrics have {0} bytes, more than {MAX_TEXT_BYTES}")]
    TooLarge(usize),
    /// More than [`MAX_SERIES`] values.
    #[error("the metrics have more than {MAX_SERIES} values")]
    TooMany,
    /// A line cannot be read.
    #[error("line {line} of the metrics cannot be read")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        problem: LineProblem,
    },
}

/// The values in a text, in their order.
pub fn parse(text: &[u8]) -> Result<Vec<Series<'_>>, ParseError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(ParseError::TooLarge(text.len()));
    }
    let mut all = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let found = read(line).map_err(|problem| ParseError::Line {
            line: index + 1,
            problem,
        })?;
        if let Some(found) = found {
            if all.len() == MAX_SERIES {
                return Err(ParseError::TooMany);
            }
            all.push(found);
        }
    }
    Ok(all)
}

fn read(line: &[u8]) -> Result<Option<Series<'_>>, LineProblem> {
    if line.len() > MAX_LINE_BYTES {
        return Err(LineProblem::TooLong);
    }
    let line = std::str::from_utf8(line).map_err(|_| LineProblem::NotUtf8)?;
    let line = line.trim_matches([' ', '\t', '\r']);
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    series(line).map(Some)
}
