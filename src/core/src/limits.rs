//! Limits of a run's control plane.

/// Seconds an agent has to report for duty after it was requested.
pub const JOIN_SECONDS: f64 = 30.0;
/// Seconds more where its host may see the files that it starts from late.
pub const LATE_FILES_SECONDS: f64 = 70.0;
/// Seconds without a heartbeat after which a node counts as lost.
pub const SILENCE_SECONDS: f64 = 10.0;
/// Seconds a supervisor has to look at a service's programs before it starts them.
pub const LOOK_SECONDS: f64 = 300.0;
/// Seconds more that it has to read an image and to copy it or a model to its node's disk, out of a file system that all nodes
/// may read from at once.
pub const COPY_SECONDS: f64 = 7_200.0;
/// Seconds a supervisor has beyond the service's own limit to say that a service is ready or has failed.
pub const READY_GRACE_SECONDS: f64 = 30.0;
/// Seconds a service has to end once asked to, including the supervisor's own patience.
pub const SERVICE_STOP_SECONDS: f64 = 25.0;
/// Seconds a log collector has to begin or to finish.
pub const COLLECTION_SECONDS: f64 = 30.0;
/// Seconds an agent's process has to end once its logs are complete.
pub const LEAVE_SECONDS: f64 = 10.0;
/// Seconds a client has to reach the endpoints.
pub const CONNECT_SECONDS: f64 = 60.0;
/// Seconds between a client's word that it cannot reach the endpoints and the end of the trial: the word that the service
/// has ended may come after it.
pub const PROBE_GRACE_SECONDS: f64 = 2.0;
/// Seconds a client has to prepare a trial: prompts are generated then.
pub const PREPARE_SECONDS: f64 = 600.0;
/// Seconds beyond a load's own length after which its trial counts as stuck.
pub const LOAD_GRACE_SECONDS: f64 = 120.0;
/// Seconds a client has to hand in its share once told to stop.
pub const STOP_GRACE_SECONDS: f64 = 60.0;
/// Seconds the bus has to answer, or to be known not to.
pub const BUS_SECONDS: f64 = 60.0;
/// Seconds to put an attempt's shares together, beyond the time that the clients have to hand them in.
pub const MEASURE_SECONDS: f64 = 120.0;
/// How often in a row a node may be lost before the run gives up.
pub const AGENT_LOSSES: u32 = 3;
/// Seconds between the second loss of a node in a row and the next start of its agent. Whatever ends agents, such as a batch
/// system that clears up after a former start of the job, is given the time to find none.
pub const AGENT_PAUSE_SECONDS: f64 = 5.0;
/// How often in a row a node may be lost before the run goes on without it, where it may: less often than a trial may be
/// interrupted.
pub const AGENT_LOSSES_TO_GIVE_UP: u32 = 2;
/// How often in a row the bus may be lost, or fail to start, before the run gives up.
pub const BUS_LOSSES: u32 = 3;
/// How often the bus may fail to start before it has ever answered: it cannot run here.
pub const BUS_FALSE_STARTS: u32 = 2;
/// Seconds after which the bus or a node counts as steady: if it is lost then, that is the first loss in a row.
pub const STEADY_SECONDS: f64 = 600.0;
/// How often a trial may be interrupted before it counts as failed; a resumed run and a new start of its job begin to
/// count anew.
pub const INTERRUPTIONS: u32 = 3;
/// How many anomalies the state keeps; later ones are only counted.
pub const ANOMALIES: usize = 100;
/// How many events one command may lead to.
pub const EVENTS_PER_COMMAND: usize = 20_000;
/// Milliseconds between the order to begin a load and the load, so that all clients have received it.
pub const START_DELAY_MS: u64 = 100;
