//! Which part of the recipe made Slurm say no.

use hpcbench_recipes::Role;

use crate::layout::{Component, Layout, most_frequent, section};
use crate::place::{Origin, RecipePath, Setting};

/// Slurm refused a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Slurm refuses the job: {message}")]
pub struct Refusal {
    /// What sbatch said.
    pub message: String,
    /// What it is about, as far as its words say.
    pub cause: Option<Cause>,
}

/// What a refusal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Who said what Slurm does not accept; or where the recipe should say something.
    pub origin: Origin,
    /// The value, if there is one.
    pub value: Option<String>,
}

/// What sbatch's words are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    Account,
    Constraint,
    Cpus,
    Directive,
    Gpus,
    Memory,
    Nodes,
    Partition,
    Qos,
    Reservation,
    Time,
}

/// What the name of a limit of a QOS or an account tells, in lower case and without the beginning that tells whose limit it is:
/// `QOSMaxWallDurationPerJobLimit`. A line with it comes before the one that only says that there is one.
const LIMITS: &[(&str, Topic)] = &[
    ("wall", Topic::Time),
    ("time", Topic::Time),
    ("gres", Topic::Gpus),
    ("node", Topic::Nodes),
    ("mem", Topic::Memory),
    ("cpu", Topic::Cpus),
];

/// Words of sbatch in lower case, the more telling ones first.
const WORDS: &[(&str, Topic)] = &[
    ("invalid account or account/partition", Topic::Account),
    ("invalid account", Topic::Account),
    ("no partition specified", Topic::Partition),
    ("invalid partition", Topic::Partition),
    ("required partition not available", Topic::Partition),
    (
        "user's group not permitted to use this partition",
        Topic::Partition,
    ),
    ("group not permitted to use this partition", Topic::Partition),
    ("invalid qos", Topic::Qos),
    ("requested time limit", Topic::Time),
    ("job violates accounting/qos policy", Topic::Qos),
    ("time limit", Topic::Time),
    ("time specification", Topic::Time),
    ("invalid generic resource", Topic::Gpus),
    ("generic resource", Topic::Gpus),
    ("gres", Topic::Gpus),
    ("tres", Topic::Gpus),
    ("reservation", Topic::Reservation),
    ("invalid feature", Topic::Constraint),
    ("feature", Topic::Constraint),
    ("memory specification", Topic::Memory),
    ("memory required", Topic::Memory),
    ("memory", Topic::Memory),
    ("cpu count per node", Topic::Cpus),
    ("more processors requested", Topic::Cpus),
    ("unrecognized option", Topic::Directive),
    ("unknown option", Topic::Directive),
    ("invalid license", Topic::Directive),
    ("node count specification", Topic::Nodes),
    ("more nodes", Topic::Nodes),
    ("too many nodes", Topic::Nodes),
    ("requested node configuration is not available", Topic::Nodes),
    ("node configuration", Topic::Nodes),
    ("qos", Topic::Qos),
    ("account", Topic::Account),
    ("partition", Topic::Partition),
];

impl Refusal {
    /// What sbatch said about a job of this layout.
    pub(crate) fn new(layout: &Layout, message: String) -> Self {
        let lower = message.to_ascii_lowercase();
        let topic = limit(&lower).or_else(|| {
            let said = WORDS.iter().find(|(words, _)| lower.contains(words));
            said.map(|(_, topic)| *topic)
        });
        Self {
            cause: topic.and_then(|topic| cause(layout, topic, &message)),
            message,
        }
    }

    /// The place in the recipe that has to be changed, as far as that is known.
    pub fn path(&self) -> Option<&RecipePath> {
        self.cause.as_ref().and_then(|cause| cause.origin.recipe())
    }
}

/// What the limit is about whose name the message has, if it has one.
fn limit(lower: &str) -> Option<Topic> {
    let mut words = lower.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.find_map(|word| {
        let limit = word.strip_prefix("qos").or_else(|| word.strip_prefix("assoc"))?;
        let (_, topic) = LIMITS.iter().find(|(about, _)| limit.contains(about))?;
        Some(*topic)
    })
}

fn cause(layout: &Layout, topic: Topic, message: &str) -> Option<Cause> {
    let setting = |of: fn(&Component) -> Option<&Setting>, key: &str| {
        Some(named_in(layout, of, message).unwrap_or_else(|| unsaid(&format!("launch.{key}"))))
    };
    match topic {
        Topic::Account => setting(|part| part.account.as_ref(), "account"),
        Topic::Partition => setting(|part| part.partition.as_ref(), "partition"),
        Topic::Qos => setting(|part| part.qos.as_ref(), "qos"),
        Topic::Reservation => setting(|part| part.reservation.as_ref(), "reservation"),
        Topic::Constraint => named_in(layout, |part| part.constraint.as_ref(), message),
        Topic::Directive => directive(layout, message),
        Topic::Time => Some(Cause {
            origin: layout.time_limit_origin.clone(),
            value: Some(layout.time_limit.to_string()),
        }),
        Topic::Gpus => Some(unsaid("nodes.servers.gpus")),
        Topic::Nodes => Some(unsaid(&format!(
            "nodes.{}.count",
            section(most_frequent(&layout.components))
        ))),
        Topic::Memory => named_by(layout, "memory", |part| part.named_by.memory),
        Topic::Cpus => named_by(layout, "cpus", |part| part.named_by.cpus),
    }
}

/// The setting whose value the message has; if it has none of them, the first.
fn named_in(layout: &Layout, of: fn(&Component) -> Option<&Setting>, message: &str) -> Option<Cause> {
    let settings: Vec<&Setting> = layout.components.iter().filter_map(of).collect();
    let setting = settings.iter().find(|setting| message.contains(&setting.value));
    let setting = setting.or(settings.first())?;
    Some(Cause {
        origin: setting.origin.clone(),
        value: Some(setting.value.clone()),
    })
}

fn directive(layout: &Layout, message: &str) -> Option<Cause> {
    let mut directives = layout.components.iter().flat_map(|part| &part.directives);
    let setting = directives.find(|setting| {
        let name = setting.value.split('=').next().unwrap_or_default();
        message.contains(name) || (name == "--licenses" && message.contains("license"))
    })?;
    Some(Cause {
        origin: setting.origin.clone(),
        value: Some(setting.value.clone()),
    })
}

/// A place where the recipe says nothing, or a number.
fn unsaid(path: &str) -> Cause {
    Cause {
        origin: Origin::Recipe(RecipePath::new(path)),
        value: None,
    }
}

/// The number of the first component where a role names it.
fn named_by(layout: &Layout, key: &str, of: fn(&Component) -> Option<Role>) -> Option<Cause> {
    let role = layout.components.iter().find_map(of)?;
    Some(unsaid(&format!("nodes.{}.{key}", section(role))))
}
