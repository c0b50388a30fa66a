//! Places in a recipe, and where a value came from.

use std::fmt;

use serde::Serialize;

/// A place in the recipe, such as `nodes.servers.gpus` or `launch.modules.0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RecipePath(String);

impl RecipePath {
    /// The place with these keys and indexes.
    pub(crate) fn new(dotted: impl Into<String>) -> Self {
        Self(dotted.into())
    }

    /// The place with dots between keys and indexes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The place as a JSON pointer: `/nodes/servers/gpus`.
    pub fn pointer(&self) -> String {
        format!("/{}", self.0.replace('.', "/"))
    }
}

impl fmt::Display for RecipePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who said something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The recipe, at this place.
    Recipe(RecipePath),
    /// The site file.
    Site,
    /// An option of the command line.
    CommandLine,
}

impl Origin {
    /// The place in the recipe, if it was the recipe.
    pub fn recipe(&self) -> Option<&RecipePath> {
        match self {
            Self::Recipe(path) => Some(path),
            Self::Site | Self::CommandLine => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recipe(path) => write!(f, "`{path}`"),
            Self::Site => f.write_str("the site file"),
            Self::CommandLine => f.write_str("the command line"),
        }
    }
}

/// A text, and who said it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// What was said.
    pub value: String,
    /// Who said it.
    pub origin: Origin,
}
