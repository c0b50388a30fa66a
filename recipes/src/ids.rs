//! Names that a plan gives to nodes and trials.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest token that may stand in a subject, a path and a file name.
pub const MAX_TOKEN_LENGTH: usize = 64;

/// A name that is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a token: 1 to {MAX_TOKEN_LENGTH} of the characters a-z, 0-9, _ and -")]
pub struct InvalidToken(pub String);

/// Whether a text may stand in a subject, a path and a file name.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_TOKEN_LENGTH
        && text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

macro_rules! token {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The token's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidToken;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.to_owned().try_into()
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidToken;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                if is_token(&text) {
                    Ok(Self(text))
                } else {
                    Err(InvalidToken(text))
                }
            }
        }

        impl From<$name> for String {
            fn from(token: $name) -> Self {
                token.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

token! {
    /// A run's id.
    RunId
}

token! {
    /// A node's token: its host name, lower-cased, dots replaced by `_`; in local mode the role's name.
    NodeId
}

token! {
    /// A trial's id: 12 hex digits of the SHA-256 of its canonical sweep parameters, then `-r` and the repetition.
    TrialId
}

/// What a node is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Holds the event log, the bus and the run's state.
    Orchestrator,
    /// Runs instances of the service.
    Server,
    /// Drives the load.
    Client,
}

impl Role {
    /// The role's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Orchestrator => "orchestrator",
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
