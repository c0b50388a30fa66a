//! How long a plan takes and what it leaves behind: estimates, with the assumptions that they rest on.

use crate::ids::Role;
use crate::plan::{Plan, SearchPoint, ServicePlan, Window, WorkloadPlan};
use crate::recipe::{Load, Prompts, TokenCount};
use crate::units::Duration;

/// Assumed time around a trial's load: preparing it, its last requests, storing its records.
pub const TRIAL_OVERHEAD_SECONDS: f64 = 1.0;
/// Assumed time from a request to its first token.
pub const FIRST_TOKEN_SECONDS: f64 = 0.1;
/// Assumed time from one token to the next.
pub const TOKEN_SECONDS: f64 = 0.02;

/// Bytes of a request's row, without its tokens, compressed.
const ROW_BYTES: f64 = 100.0;
/// Bytes of a token in a request's row, compressed.
const TOKEN_BYTES: f64 = 10.0;
/// Bytes of a client's counts and histograms of a trial.
const AGGREGATE_BYTES: u64 = 200 * 1024;
/// Bytes of a trial's events and of its part of the reports.
const TRIAL_BYTES: u64 = 16 * 1024;
/// Bytes of everything that a run has once: recipe, plan, first and last events, configuration, logs without trouble.
const RUN_BYTES: u64 = 64 * 1024;
/// Files that a run has once: recipe, plan, events, configuration and log of nats-server.
const RUN_FILES: u64 = 5;
/// A trial's files of one client: records and aggregate.
const FILES_PER_CLIENT: u64 = 2;

/// What a plan is expected to take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Seconds of load and of what is around it, without the time that a service takes to start.
    pub seconds: f64,
    /// Files in the run directory.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Seconds that nodes spend idle, each counted, since a trial uses fewer of them than another one.
    pub idle_node_seconds: f64,
    /// Whether some trial's length or number of requests cannot be told, so that it is missing in the sums.
    pub at_least: bool,
    /// Whether there may be fewer trials: a search ends when it has its answer.
    pub at_most: bool,
}

/// What a plan is expected to take.
pub fn estimate(plan: &Plan) -> Estimate {
    let all_clients = plan.nodes_of(Role::Client).count() as u64;
    let instances = plan.services.iter().map(|service| instances(plan, service));
    let instances = instances.max().unwrap_or(0);
    // Each node logs, and each instance of the service.
    let files = RUN_FILES + plan.nodes.len() as u64 + instances + plan.report.formats.len() as u64;
    let mut sum = Estimate {
        seconds: 0.0,
        files,
        bytes: RUN_BYTES,
        idle_node_seconds: 0.0,
        at_least: false,
        at_most: false,
    };
    for trial in &plan.trials {
        let clients = trial.client_nodes.map_or(all_clients, |count| count.get().into());
        let seconds = sum.add(&trial.workload, clients);
        sum.idle_node_seconds += seconds * f64::from(plan.idle_hosts(trial));
    }
    if let Some(search) = &plan.search {
        // No level takes longer than the lowest, and none makes more requests than the highest.
        let highest = SearchPoint {
            level: search.to,
            repetition: 1,
        };
        let highest = search.trial(highest, plan.seed);
        let highest = highest.map_or_else(|| search.workload.clone(), |trial| trial.workload);
        let mut one = Estimate {
            seconds: 0.0,
            files: 0,
            bytes: 0,
            ..sum
        };
        one.add(&highest, all_clients);
        let seconds = trial_seconds(&search.workload, LoadEstimate::of(&search.workload));
        let most = search.max_trials.get();
        sum.seconds += f64::from(most) * seconds.max(one.seconds);
        sum.files += u64::from(most) * one.files;
        sum.bytes += u64::from(most) * one.bytes;
        sum.at_least |= one.at_least;
        sum.at_most = true;
    }
    sum
}

/// Seconds of a trial, as far as they can be told.
fn trial_seconds(workload: &WorkloadPlan, load: LoadEstimate) -> f64 {
    load.seconds.unwrap_or(workload.warmup.as_secs_f64()) + TRIAL_OVERHEAD_SECONDS
}

impl Estimate {
    /// Adds a trial with this load, and says how many seconds it takes.
    fn add(&mut self, workload: &WorkloadPlan, clients: u64) -> f64 {
        let load = LoadEstimate::of(workload);
        let row = ROW_BYTES + TOKEN_BYTES * output_tokens(&workload.prompts);
        let seconds = trial_seconds(workload, load);
        self.seconds += seconds;
        self.files += clients * FILES_PER_CLIENT;
        self.bytes += clients * AGGREGATE_BYTES + TRIAL_BYTES;
        self.bytes += (load.requests.unwrap_or(0.0) * row) as u64;
        self.at_least |= load.seconds.is_none() || load.requests.is_none();
        seconds
    }
}

/// Instances of a service that hpcbench starts.
pub fn instances(plan: &Plan, service: &ServicePlan) -> u64 {
    let servers = service.server_nodes.unwrap_or(plan.resources.servers.count);
    if service.is_launched() {
        u64::from(servers.get()) * u64::from(service.instances_per_node)
            / u64::from(service.nodes_per_instance.get())
    } else {
        0
    }
}

/// A trial's load; nothing where it cannot be told.
#[derive(Debug, Clone, Copy, PartialEq)]
struct LoadEstimate {
    seconds: Option<f64>,
    requests: Option<f64>,
}

impl LoadEstimate {
    fn of(workload: &WorkloadPlan) -> Self {
        let warmup = workload.warmup.as_secs_f64();
        let rate = requests_per_second(workload);
        match workload.window {
            Window::Duration(window) => {
                let seconds = warmup + window.as_secs_f64();
                Self {
                    seconds: Some(seconds),
                    requests: rate.map(|rate| rate * seconds),
                }
            }
            Window::Requests(requests) => {
                let measured = requests.get() as f64;
                Self {
                    seconds: rate
                        .filter(|rate| *rate > 0.0)
                        .map(|rate| warmup + measured / rate),
                    requests: Some(measured + rate.map_or(0.0, |rate| rate * warmup)),
                }
            }
        }
    }
}

/// Requests a second; of a closed loop by the assumed times of a request.
fn requests_per_second(workload: &WorkloadPlan) -> Option<f64> {
    match &workload.load {
        Load::Closed {
            concurrency,
            think_time,
            ..
        } => {
            let request = FIRST_TOKEN_SECONDS + TOKEN_SECONDS * output_tokens(&workload.prompts);
            Some(f64::from(concurrency.get()) / (request + think_time.as_secs_f64()))
        }
        Load::Constant { rate, .. } | Load::Poisson { rate, .. } | Load::Gamma { rate, .. } => {
            Some(rate.per_second())
        }
        Load::Ramp { from, to, over, .. } => {
            Some(ramp(from.per_second(), to.per_second(), *over, length(workload)?))
        }
        Load::Trace { .. } => None,
    }
}

/// Seconds of warm-up and window, where they are known beforehand.
fn length(workload: &WorkloadPlan) -> Option<f64> {
    match workload.window {
        Window::Duration(window) => Some(workload.warmup.as_secs_f64() + window.as_secs_f64()),
        Window::Requests(_) => None,
    }
}

/// The mean rate over `length` seconds of a rate that goes from one to the other and then stays.
fn ramp(from: f64, to: f64, over: Duration, length: f64) -> f64 {
    let over = over.as_secs_f64();
    if length <= 0.0 || over <= 0.0 {
        return to;
    }
    let climbing = length.min(over);
    let reached = from + (to - from) * climbing / over;
    f64::midpoint(from, reached) * (climbing / length) + to * (1.0 - climbing / length)
}

/// Tokens of an answer, on average or near it.
fn output_tokens(prompts: &Prompts) -> f64 {
    let (Prompts::Synthetic { output_tokens, .. } | Prompts::File { output_tokens, .. }) = prompts;
    match output_tokens {
        TokenCount::Fixed(count) => f64::from(*count),
        TokenCount::Normal(normal) => normal.mean,
        TokenCount::Choice(_) => f64::midpoint(
            f64::from(output_tokens.smallest()),
            f64::from(output_tokens.largest()),
        ),
    }
}

/// A length of time in words, such as `1 h 02 min`.
pub fn in_words(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_fitting_units() {
        assert_eq!(
            [0.4, 61.0, 3725.0].map(in_words),
            ["0 s", "1 min 01 s", "1 h 02 min"]
        );
    }

    #[test]
    fn a_ramp_that_is_longer_than_the_trial_is_cut() {
        let ten = Duration::from_secs(10);
        assert!((ramp(0.0, 10.0, ten, 10.0) - 5.0).abs() < 1e-9);
        assert!((ramp(0.0, 10.0, ten, 5.0) - 2.5).abs() < 1e-9);
        assert!((ramp(0.0, 10.0, ten, 20.0) - 7.5).abs() < 1e-9);
        assert!((ramp(0.0, 10.0, Duration::ZERO, 20.0) - 10.0).abs() < 1e-9);
    }
}
