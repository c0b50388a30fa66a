//! The names of the rules that a recipe must keep.

mod examples;

use serde::{Serialize, Serializer};

use crate::diagnostic::Severity;

pub use examples::Example;

/// Declares the codes: variant, name, severity, explanation.
macro_rules! codes {
    ($($variant:ident $name:literal $severity:ident $explanation:literal;)*) => {
        /// Which rule found a problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $explanation] $variant,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code's name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// How bad a problem of this kind is.
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$variant => Severity::$severity,)*
                }
            }

            /// What the rule says and why.
            pub const fn explanation(self) -> &'static str {
                match self {
                    $(Self::$variant => $explanation,)*
                }
            }
        }
    };
}

codes! {
    Syntax "syntax" Error "The file must be one well-formed YAML document in UTF-8, without tags and NUL bytes.";
    TooLarge "too-large" Error "A recipe has limits on bytes, nodes, text and depth, so that reading it takes bounded time and memory.";
    DuplicateKey "duplicate-key" Error "A mapping has each key once; the second one would silently replace the first.";
    UnknownKey "unknown-key" Error "A key that hpcbench does not know would be ignored, and the run would measure something else than the recipe says.";
    MissingKey "missing-key" Error "A key without a default is missing.";
    WrongType "wrong-type" Error "A value has the wrong type. Nothing is converted silently: `no` and `010` are texts.";
    WrongValue "wrong-value" Error "A value has the right type but is not among those allowed.";
    Unsupported "unsupported" Error "The recipe is well-formed, but this build of hpcbench cannot run it.";
    SchemaVersion "schema-version" Error "The recipe is of a layout that this build does not read.";
    Override "override" Error "A `--set PATH=VALUE` cannot be applied.";
    Window "window" Error "A workload has either a duration or a number of requests: exactly one of them ends the measured window.";
    WarmupLength "warmup-length" Warning "A warm-up longer than the measured window spends most of the time on what is not measured.";
    CooldownKind "cooldown-kind" Error "With a number of requests no request is sent after the last one, so the load cannot stay up after the window.";
    EmptyWindow "empty-window" Error "A duration, a timeout and an interval must be longer than nothing.";
    TokenRange "token-range" Error "The bounds, values and weights of drawn token counts must fit together.";
    SharedPrefix "shared-prefix" Error "The shared beginning of prompts cannot be longer than the prompts.";
    RampLength "ramp-length" Warning "A ramp that takes longer than warm-up and window never gets to its last rate.";
    Trace "trace" Error "A trace is JSON Lines in the order of their time stamps, and some of its arrivals must be in the measured window.";
    TraceLength "trace-length" Warning "A trace that ends before the measured window leaves the service idle in the rest of it.";
    Conversation "conversation" Error "A request can carry what was said before only through an endpoint that takes messages.";
    WholeAnswers "whole-answers" Error "An answer that comes as a whole has no first token and no time between tokens that could have limits.";
    EndpointDialect "endpoint-dialect" Error "The service does not answer requests of this endpoint.";
    Endpoints "endpoints" Error "Endpoints name services that already run: kind openai needs them, other kinds start their own.";
    ServiceOption "service-option" Error "An option of the service, or a combination of options, is not possible.";
    ServiceAdvice "service-advice" Warning "The service would run, but probably not as meant.";
    Model "model" Error "The service needs the name of a model.";
    SecretName "secret-name" Error "A secret's name must be the name of an environment variable, and its value must not be in the recipe.";
    SecretInSlurm "secret-in-slurm" Error "Slurm keeps the environment of a submission, so a secret of a Slurm job comes from a file.";
    MissingFile "missing-file" Error "A file that the recipe names is not there.";
    MissingImage "missing-image" Warning "A container image has to be there before a run begins: compute nodes have no internet to fetch it.";
    Resources "resources" Error "What is to run on a node must fit into what the node has.";
    Cluster "cluster" Error "The cluster, or what is known of it, does not allow the job that the recipe asks for.";
    TimeLimit "time-limit" Warning "The trials are estimated to take longer than the job may last.";
    TrialLength "trial-length" Error "A trial that takes longer than the job may last can never end, however often the job is started.";
    ClientLimits "client-limits" Warning "A client has one descriptor and one local port for each connection, and Linux has only so many of them.";
    IdleClients "idle-clients" Warning "Clients are divided over the client agents: those beyond their number would have nothing to do.";
    NoEffect "no-effect" Warning "A setting has no effect in this recipe.";
    SloSample "slo-sample" Warning "A percentile needs enough requests: a p99 of fewer than 1,000 requests is not a measurement.";
    LittleData "little-data" Warning "Fewer than 30 requests per trial cannot give a valid verdict.";
    SweepPath "sweep-path" Error "A sweep varies fields of the service or the workload, and how many nodes a trial uses, each named by its path and only once. All else stays the same in a run.";
    SweepZip "sweep-zip" Error "Parameters that are zipped advance together, so they need equally many values.";
    SweepValue "sweep-value" Error "A sweep names each value of a parameter once; to measure a point several times, use repetitions.";
    SweepExclude "sweep-exclude" Error "An exclusion names parameters of the sweep, and must leave points over.";
    Search "search" Error "A search varies one parameter of the load and nothing else, between a lower and a higher level, and holds each level against objectives.";
    SearchSample "search-sample" Error "A level of a search passes only if it is sure that enough requests keep the objectives, which takes enough requests.";
    SweepSize "sweep-size" Error "A sweep has at most 10,000 trials.";
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == text)
            .ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

/// A name that is no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no code of a recipe's rule")]
pub struct UnknownCode(String);
