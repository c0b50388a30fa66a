//! The service that is benchmarked.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kind::ServiceKind;
use crate::units::Duration;

/// The service that is benchmarked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Which service it is.
    pub kind: ServiceKind,
    /// The model's name, as requests name it.
    #[serde(default)]
    #[schemars(length(min = 1, max = 512))]
    pub model: Option<String>,
    /// The container image; none: the program on PATH.
    #[serde(default)]
    pub image: Option<Image>,
    /// Settings of this kind of service; each kind has its own.
    #[serde(default)]
    pub options: serde_json::Map<String, serde_json::Value>,
    /// Kind `openai`: base URLs of services that already run, such as `http://node17:8000/v1`.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub endpoints: Vec<String>,
    /// Environment variables of the service's processes.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Secrets of the service: names, and where their values are. Values are never written anywhere.
    #[serde(default)]
    pub secrets: Secrets,
    /// Directories to show inside the container, as `host:container`.
    #[serde(default)]
    pub binds: Vec<String>,
    /// When the service counts as healthy.
    #[serde(default)]
    pub health: Health,
    /// How often a service that died is started again.
    #[serde(default)]
    pub restart: Restart,
    /// Whether it may run without protection that its version does not have: other users of the cluster can then use it.
    #[serde(default)]
    pub insecure: bool,
}

/// A container image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The image's file.
    #[schemars(length(min = 1))]
    pub path: String,
    /// Where it can be fetched, such as `docker://ollama/ollama:0.12.6`.
    #[serde(default)]
    pub source: Option<String>,
}

/// Secrets of the service: names, and where their values are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Secrets {
    /// Each name with the file that holds its value.
    Files(BTreeMap<String, SecretFile>),
    /// Names of environment variables that are passed on; with `hpcbench run` only.
    Variables(Vec<String>),
}

impl Default for Secrets {
    fn default() -> Self {
        Self::Files(BTreeMap::new())
    }
}

/// A file that holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretFile {
    /// The file; `~/` is the home directory. It is read on the node that needs the secret.
    #[schemars(length(min = 1))]
    pub file: String,
}

/// When the service counts as healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// How long the service may take until it is ready.
    pub timeout: Duration,
    /// Time between two probes.
    pub interval: Duration,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(600),
            interval: Duration::from_secs(2),
        }
    }
}

/// How often a service that died is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Restart {
    /// Restarts of one instance at most, while the trials of one configuration of the service run. A run that is resumed counts anew.
    #[schemars(range(max = 1000))]
    pub max: u32,
    /// Wait before the first restart; doubled for each further one.
    pub backoff: Duration,
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            max: 2,
            backoff: Duration::from_secs(5),
        }
    }
}
