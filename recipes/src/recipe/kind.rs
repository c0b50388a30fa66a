//! Names of kinds of services.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::ids::{InvalidToken, is_token};

/// A kind of service, by its name. Which ones there are, only a [catalog](crate::ServiceCatalog) knows: a name that is read from a plan
/// may be that of a kind which another build has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceKind(Cow<'static, str>);

impl ServiceKind {
    /// The kind with this name, which must be a token. A kind's own file says it, once.
    pub const fn named(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The kind's name, as in a recipe.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceKind {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for ServiceKind {
    type Error = InvalidToken;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if is_token(&text) {
            Ok(Self(Cow::Owned(text)))
        } else {
            Err(InvalidToken(text))
        }
    }
}

impl From<ServiceKind> for String {
    fn from(kind: ServiceKind) -> Self {
        kind.0.into_owned()
    }
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl JsonSchema for ServiceKind {
    fn schema_name() -> Cow<'static, str> {
        "ServiceKind".into()
    }

    /// Any name: the names that there are come from the catalog.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "A kind of service." })
    }
}
