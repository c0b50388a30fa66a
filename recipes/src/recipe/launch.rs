//! Where a run happens.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Duration, TimeLimit};

/// How long before the time limit a run winds down where its recipe does not say.
const DEFAULT_STOP_BEFORE: Duration = Duration::from_secs(300);

/// Where the run happens: on this machine or as a Slurm job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Launch {
    /// Who starts the processes.
    pub mode: LaunchMode,
    /// A site file with partitions, modules, interface and scratch of a cluster.
    pub site: Option<String>,
    /// The project account that pays for the job.
    pub account: Option<String>,
    /// The partition, unless a role names its own.
    pub partition: Option<String>,
    /// The quality of service.
    pub qos: Option<String>,
    /// The job's time limit, as Slurm writes it: `"01:00:00"`. Quote it.
    #[schemars(regex(pattern = r"^(?:[0-9]+-)?[0-9]{1,3}(?::[0-9]{2}){1,2}$"))]
    pub time_limit: Option<String>,
    /// Environment modules to load, with their versions.
    pub modules: Vec<String>,
    /// A reservation to run in.
    pub reservation: Option<String>,
    /// Whether nodes are not shared with other jobs.
    pub exclusive: bool,
    /// More `#SBATCH` options for the whole job, such as `--mail-type=END`.
    pub directives: Vec<String>,
    /// How long before the time limit the run winds down.
    pub stop_before: Duration,
    /// What happens when the time limit comes before the last trial.
    pub on_time_limit: OnTimeLimit,
    /// What happens when a node cannot be had any more.
    pub on_node_loss: OnNodeLoss,
    /// How many job starts one run may use at most.
    pub max_epochs: NonZeroU32,
    /// How long agents wait for a lost orchestrator before they end.
    pub orphan_timeout: Duration,
}

impl Default for Launch {
    fn default() -> Self {
        Self {
            mode: LaunchMode::Local,
            site: None,
            account: None,
            partition: None,
            qos: None,
            time_limit: None,
            modules: Vec::new(),
            reservation: None,
            exclusive: true,
            directives: Vec::new(),
            stop_before: DEFAULT_STOP_BEFORE,
            on_time_limit: OnTimeLimit::Stop,
            on_node_loss: OnNodeLoss::Requeue,
            max_epochs: NonZeroU32::MIN.saturating_add(4),
            orphan_timeout: Duration::from_secs(60),
        }
    }
}

impl Launch {
    /// How many seconds before a time limit the run winds down: as the recipe says, but the default leaves at least half of a
    /// short job.
    pub fn winds_down(&self, limit: TimeLimit) -> u64 {
        let wanted = self.stop_before.as_micros().div_ceil(1_000_000);
        if self.stop_before == DEFAULT_STOP_BEFORE {
            wanted.min(u64::from(limit.seconds()) / 2)
        } else {
            wanted
        }
    }
}

/// Who starts the processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LaunchMode {
    /// Processes on this machine.
    #[default]
    Local,
    /// A Slurm job.
    Slurm,
}

/// What happens when the time limit comes before the last trial.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeLimit {
    /// The run ends as interrupted and can be resumed by hand.
    #[default]
    Stop,
    /// The job is put back into the queue.
    Requeue,
    /// A job that follows this one is submitted.
    Resubmit,
}

/// What happens when a server or client node cannot be had any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnNodeLoss {
    /// The job is put back into the queue and goes on with other nodes. In an allocation of somebody's own it is as with `stop`;
    /// outside of a job the run ends.
    #[default]
    Requeue,
    /// The run goes on with the nodes of that role that are left, if any are; its results are `suspect` at best.
    Continue,
    /// The run ends as interrupted and can be resumed by hand. Outside of a job it ends.
    Stop,
}

/// Which network the nodes use to talk to each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// An interface's name, a CIDR or a suffix of host names; `auto`: on each node the best kind that is up there (InfiniBand or
    /// Slingshot, then other network cards), of these the fastest; name one where the nodes differ in that.
    #[schemars(length(min = 1))]
    pub interface: String,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            interface: "auto".to_owned(),
        }
    }
}

/// Where bulky intermediate data lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// Node-local directory for records before they are copied; `auto`: the site's, else the temporary directory.
    #[schemars(length(min = 1))]
    pub scratch: String,
    /// Whether the image is copied to each node before it is started.
    pub stage_image: bool,
    /// Whether the model is copied to each node before it is loaded.
    pub stage_model: bool,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            scratch: "auto".to_owned(),
            stage_image: false,
            stage_model: false,
        }
    }
}
