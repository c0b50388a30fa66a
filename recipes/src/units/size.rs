//! Sizes such as `64MiB` and `128GiB`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Units from large to small, binary before decimal, with their bytes.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// A number of bytes, written as a whole number with a unit: `64MiB`, `128GiB`, `500MB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size {
    bytes: u64,
}

/// A text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a size: write a whole number with a unit, such as 64MiB or 128GiB")]
pub struct InvalidSize(String);

impl Size {
    /// So many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self { bytes }
    }

    /// So many times 1,048,576 bytes.
    pub const fn from_mebibytes(mebibytes: u32) -> Self {
        Self {
            bytes: (mebibytes as u64) << 20,
        }
    }

    /// The size in bytes.
    pub const fn as_bytes(self) -> u64 {
        self.bytes
    }
}

impl FromStr for Size {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, name) = text.split_at(digits);
        let bytes = UNITS
            .iter()
            .find(|(unit, _)| *unit == name)
            .and_then(|(_, bytes)| number.parse::<u64>().ok()?.checked_mul(*bytes));
        bytes
            .map(|bytes| Self { bytes })
            .ok_or_else(|| InvalidSize(text.to_owned()))
    }
}

impl TryFrom<String> for Size {
    type Error = InvalidSize;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl fmt::Display for Size {
    /// The size in the largest unit that holds it exactly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS
            .iter()
            .find(|(_, bytes)| self.bytes > 0 && self.bytes.is_multiple_of(*bytes));
        match exact {
            Some((unit, bytes)) => write!(f, "{}{unit}", self.bytes / bytes),
            None => write!(f, "{}B", self.bytes),
        }
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A size: a whole number with a unit (B, kB, MB, GB, TB, KiB, MiB, GiB, TiB).",
            "title": "a size",
            "type": "string",
            "format": "hpcbench-size",
            "pattern": "^[0-9]+(?:B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$",
            "examples": ["64MiB", "128GiB"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        for (text, bytes) in [
            ("64MiB", 64 << 20),
            ("128GiB", 128 << 30),
            ("500MB", 500_000_000),
            ("0B", 0),
        ] {
            assert_eq!(text.parse::<Size>().unwrap().as_bytes(), bytes, "{text}");
        }
        for text in [
            "",
            "64",
            "MiB",
            "64mib",
            "1.5GiB",
            "-1B",
            "64 MiB",
            "99999999999TiB",
        ] {
            assert!(text.parse::<Size>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_reads_back(bytes in any::<u64>()) {
            let size = Size::from_bytes(bytes);
            prop_assert_eq!(size.to_string().parse::<Size>(), Ok(size));
        }
    }
}
