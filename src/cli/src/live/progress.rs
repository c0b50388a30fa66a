//! How far a run has come: a pure fold over what it tells.

use std::collections::BTreeMap;

use hpcbench_actors::orchestrator::LiveUpdate;
use hpcbench_core::event::Body;
use hpcbench_core::message::Progress;
use hpcbench_core::{NodeId, Phase, TrialId};
use hpcbench_recipes::Plan;

/// How far a run has come.
#[derive(Debug, Clone, Default)]
pub(super) struct RunProgress {
    /// The phase that it is in.
    pub phase: Option<Phase>,
    /// Trials of the plan; of a search, as many as there may be.
    pub trials: usize,
    /// Those of them that have ended for good.
    pub done: usize,
    /// The trial that runs.
    pub running: Option<RunningTrial>,
    order: BTreeMap<TrialId, usize>,
}

/// The trial that runs.
#[derive(Debug, Clone)]
pub(super) struct RunningTrial {
    /// Its place in the plan, from 1.
    pub number: usize,
    id: TrialId,
    clients: BTreeMap<NodeId, Client>,
}

#[derive(Debug, Clone)]
struct Client {
    latest: Progress,
    tokens_per_second: f64,
}

/// How the load of the running trial stands, all clients together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct LoadProgress {
    /// Seconds since the load started.
    pub elapsed: f64,
    /// Seconds that it is planned to take, where that is known.
    pub planned: Option<f64>,
    /// Requests under way.
    pub in_flight: u64,
    /// Requests that ended well.
    pub ok: u64,
    /// Requests that ended otherwise.
    pub failed: u64,
    /// Tokens received in each of the last seconds.
    pub tokens_per_second: f64,
}

impl RunProgress {
    /// A run that has not begun, or goes on after so many settled trials.
    pub(super) fn of(plan: &Plan, settled: usize) -> Self {
        let ids = plan.trials.iter().map(|trial| trial.id.clone());
        Self {
            trials: match &plan.search {
                Some(search) => search.max_trials.get() as usize,
                None => plan.trials.len(),
            },
            done: settled,
            order: ids.zip(1..).collect(),
            ..Self::default()
        }
    }

    /// Takes note of what the run tells.
    pub(super) fn update(&mut self, update: &LiveUpdate) {
        match update {
            LiveUpdate::Event(event) => self.event(&event.body),
            LiveUpdate::Progress { node, progress } => {
                // A late sign of life of a former trial says nothing of this one.
                if let Some(running) = self
                    .running
                    .as_mut()
                    .filter(|running| running.id == progress.trial)
                {
                    running.report(node, progress);
                }
            }
        }
    }

    fn event(&mut self, body: &Body) {
        match body {
            Body::PhaseEntered(entered) => self.phase = Some(entered.phase),
            Body::TrialStarted(started) => {
                self.running = Some(RunningTrial {
                    // The trials of a search come one after the other.
                    number: self.order.get(&started.trial).copied().unwrap_or(self.done + 1),
                    id: started.trial.clone(),
                    clients: BTreeMap::new(),
                });
            }
            Body::TrialCompleted(_) | Body::TrialFailed(_) => {
                self.done += 1;
                self.running = None;
            }
            Body::TrialInterrupted(_) => self.running = None,
            _ => {}
        }
    }

    /// What the run is doing, in words.
    pub(super) const fn doing(&self) -> &'static str {
        match self.phase {
            None => "starting",
            Some(Phase::Initialize) => "initialize: starting the bus and the agents",
            Some(Phase::Deploy) => "deploy: waiting for the service to become ready",
            Some(Phase::Monitor) => "monitor: starting to collect logs",
            Some(Phase::Connect) => "connect: trying the service from every client",
            Some(Phase::Execute) => "execute: running the trials",
            Some(Phase::Teardown) => "teardown: ending service and agents in order",
        }
    }
}

impl RunningTrial {
    fn report(&mut self, node: &NodeId, progress: &Progress) {
        let former = self
            .clients
            .get(node)
            .map(|client| (client.latest.elapsed_seconds, client.latest.tokens));
        let (since, tokens) = former.unwrap_or((0.0, 0));
        let seconds = progress.elapsed_seconds - since;
        let tokens_per_second = if seconds > 0.0 {
            progress.tokens.saturating_sub(tokens) as f64 / seconds
        } else {
            0.0
        };
        self.clients.insert(
            node.clone(),
            Client {
                latest: progress.clone(),
                tokens_per_second,
            },
        );
    }

    /// How its load stands; none before the first client has told.
    pub(super) fn load(&self) -> Option<LoadProgress> {
        let mut load = LoadProgress::default();
        for Client {
            latest,
            tokens_per_second,
        } in self.clients.values()
        {
            load.elapsed = load.elapsed.max(latest.elapsed_seconds);
            load.planned = load
                .planned
                .into_iter()
                .chain(latest.planned_seconds)
                .reduce(f64::max);
            load.in_flight += latest.in_flight;
            load.ok += latest.ok;
            load.failed += latest.failed;
            load.tokens_per_second += tokens_per_second;
        }
        (!self.clients.is_empty()).then_some(load)
    }
}

impl LoadProgress {
    /// `12/30 s, 20 in flight, 340 ok, 0 failed, 1200 tok/s`: fits into 80 columns beside a bar.
    pub(super) fn in_words(&self) -> String {
        let Self {
            elapsed,
            planned,
            in_flight,
            ok,
            failed,
            tokens_per_second,
        } = self;
        let planned = planned
            .map(|planned| format!("/{planned:.0}"))
            .unwrap_or_default();
        format!(
            "{elapsed:.0}{planned} s, {in_flight} in flight, {ok} ok, {failed} failed, {tokens_per_second:.0} tok/s"
        )
    }
}

/// Runs that tests show.
#[cfg(test)]
pub(super) mod testing {
    use hpcbench_core::Attempt;

    use super::*;

    /// What a client of the trial `0123456789ab-r1` says.
    pub(in crate::live) fn sign_of_life(elapsed: f64, tokens: u64) -> Progress {
        Progress {
            trial: "0123456789ab-r1".parse().unwrap(),
            attempt: Attempt(1),
            elapsed_seconds: elapsed,
            planned_seconds: Some(9.0),
            in_flight: 10,
            ok: 3,
            failed: 1,
            tokens,
        }
    }

    /// That trial before a client has said anything.
    pub(in crate::live) fn running(number: usize) -> RunningTrial {
        RunningTrial {
            number,
            id: "0123456789ab-r1".parse().unwrap(),
            clients: BTreeMap::new(),
        }
    }

    /// A run of two trials with this one under load.
    pub(in crate::live) fn run_under_load(number: usize) -> RunProgress {
        let mut running = running(number);
        running.report(&"client".parse().unwrap(), &sign_of_life(1.0, 100));
        RunProgress {
            trials: 2,
            running: Some(running),
            ..RunProgress::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{running, sign_of_life as progress};
    use super::*;

    #[test]
    fn clients_add_up_and_tokens_are_those_of_the_last_seconds() {
        let mut running = running(1);
        let [a, b]: [NodeId; 2] = ["client", "client-2"].map(|name| name.parse().unwrap());
        assert_eq!(running.load(), None);
        running.report(&a, &progress(1.0, 100));
        running.report(&b, &progress(1.0, 100));
        running.report(&a, &progress(3.0, 150));
        let load = running.load().unwrap();
        assert_eq!((load.in_flight, load.ok, load.failed), (20, 6, 2));
        assert_eq!((load.elapsed, load.planned), (3.0, Some(9.0)));
        assert!((load.tokens_per_second - 125.0).abs() < 1e-9);
        assert_eq!(load.in_words(), "3/9 s, 20 in flight, 6 ok, 2 failed, 125 tok/s");
    }

    #[test]
    fn a_former_trials_sign_of_life_is_ignored() {
        let mut run = RunProgress {
            running: Some(running(1)),
            ..RunProgress::default()
        };
        let former = Progress {
            trial: "ba9876543210-r1".parse().unwrap(),
            ..progress(1.0, 1)
        };
        run.update(&LiveUpdate::Progress {
            node: "client".parse().unwrap(),
            progress: former,
        });
        assert_eq!(run.running.unwrap().load(), None);
    }
}
