//! Ids of jobs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A job, or one component of a heterogeneous job: `123`, `123+1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId {
    number: u32,
    component: Option<u32>,
}

/// A text that is no id of a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the id of a Slurm job")]
pub struct InvalidJobId(String);

impl JobId {
    /// The whole job with this number.
    pub const fn new(number: u32) -> Self {
        Self {
            number,
            component: None,
        }
    }

    /// A component of this job, from 0.
    #[must_use]
    pub const fn component(self, index: u32) -> Self {
        Self {
            number: self.number,
            component: Some(index),
        }
    }

    /// The whole job.
    #[must_use]
    pub const fn whole(self) -> Self {
        Self::new(self.number)
    }

    /// Whether this is a whole job, or the first component of one.
    pub const fn is_first(self) -> bool {
        matches!(self.component, None | Some(0))
    }

    /// The job's number; of a heterogeneous job, its first component's.
    pub const fn number(self) -> u32 {
        self.number
    }
}

impl FromStr for JobId {
    type Err = InvalidJobId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, component) = match text.split_once('+') {
            Some((number, component)) => (number, Some(component)),
            None => (text, None),
        };
        let read = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<u32>().ok()).flatten()
        };
        let id = read(number).filter(|number| *number > 0).and_then(|number| {
            let component = match component {
                Some(text) => Some(read(text)?),
                None => None,
            };
            Some(Self { number, component })
        });
        id.ok_or_else(|| InvalidJobId(text.to_owned()))
    }
}

impl TryFrom<String> for JobId {
    type Error = InvalidJobId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.component {
            Some(component) => write!(f, "{}+{component}", self.number),
            None => write!(f, "{}", self.number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back() {
        for text in ["1", "123", "123+1", "4294967295+0"] {
            assert_eq!(text.parse::<JobId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_first_component_stands_for_the_job() {
        let is_first = |text: &str| text.parse::<JobId>().unwrap().is_first();
        assert!(is_first("7") && is_first("7+0") && !is_first("7+1"));
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "0",
            "+1",
            "1+",
            "-1",
            "1_2",
            "1.0",
            "1 ",
            "4294967296",
            "1+1+1",
        ] {
            assert!(text.parse::<JobId>().is_err(), "{text:?}");
        }
    }
}
