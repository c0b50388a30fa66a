//! What holds in every run, at every step.

use hpcbench_core::event::{Body, Draft, Event, RawEvent};
use hpcbench_core::state::{Instance, TrialStatus};
use hpcbench_core::{Command, InstanceId, decide, upcast};

use super::World;

/// The event as a line of the log, which says all of it.
pub(super) fn written(event: &Event) -> String {
    let draft = Draft {
        at: event.at,
        kind: event.body.kind().to_owned(),
        version: event.body.version(),
        actor: event.actor.clone(),
        node: event.node.clone().unwrap(),
        correlation: event.correlation.clone(),
        causation: event.causation,
        data: event.body.to_data(event.report.as_ref()).unwrap(),
    };
    let raw = RawEvent {
        seq: event.seq,
        at: draft.at,
        kind: draft.kind,
        version: draft.version,
        actor: draft.actor,
        node: draft.node,
        correlation: draft.correlation,
        causation: draft.causation,
        data: draft.data,
    };
    let line = serde_json::to_string(&raw).unwrap();
    let read: RawEvent = serde_json::from_str(&line).unwrap();
    assert_eq!(upcast(read), *event, "{line}");
    line
}

impl World {
    pub(super) fn check_before(&self, event: &Event) {
        let story = || format!("{:?} after\n{}", event.body, self.story());
        let opens = matches!(event.body, Body::EpochStarted(_) | Body::RunResumed(_));
        assert!(!self.state.is_over() || opens, "after the end: {}", story());
        match &event.body {
            Body::TrialStarted(e) => {
                assert!(self.state.active().is_none(), "two trials at once: {}", story());
                let settled = self
                    .state
                    .trials
                    .get(&e.trial)
                    .is_some_and(hpcbench_core::state::Trial::is_settled);
                assert!(!settled, "settled already: {}", story());
                let planned = self.state.trial_outline(&e.trial).unwrap();
                let service = &self.state.outline.services[planned.service];
                let deployment = self.state.deployment.as_ref();
                let known = |id: &InstanceId| deployment.and_then(|d| d.instances.get(id));
                let is_missed = |id: &InstanceId| {
                    let span = service.spans.iter().find(|span| span.contains(id));
                    let all = span.map_or_else(|| vec![id.clone()], Clone::clone);
                    self.state
                        .given_up()
                        .any(|gone| all.iter().any(|id| service.instances[id] == *gone))
                };
                let is_ready = |id: &InstanceId| is_missed(id) || known(id).is_some_and(Instance::is_up);
                assert!(service.instances.keys().all(is_ready), "no service: {}", story());
                let running = deployment.into_iter().flat_map(|d| &d.instances);
                for (id, instance) in running.filter(|(_, instance)| instance.may_run()) {
                    assert!(
                        service.instances.get(id) == Some(&instance.node)
                            && self.state.outline.services[instance.service].setup == service.setup,
                        "{id} is none of the trial's: {}",
                        story()
                    );
                }
                let clients = planned.clients.iter();
                let clients = clients.filter(|node| !self.state.given_up().any(|gone| gone == *node));
                assert!(
                    !e.clients.is_empty() && e.clients.iter().eq(clients),
                    "{}",
                    story()
                );
            }
            Body::TrialCompleted(_) | Body::TrialInterrupted(_) => {
                assert!(self.state.active().is_some(), "not running: {}", story());
            }
            Body::ServiceRequested(e) => {
                let same = |known: &Event| match &known.body {
                    Body::ServiceRequested(known) => known.instance == e.instance && known.launch == e.launch,
                    _ => false,
                };
                let mut epoch = self
                    .events
                    .iter()
                    .rev()
                    .take_while(|event| event.body.kind() != "epoch.started");
                assert!(!epoch.any(same), "one start, asked for twice: {}", story());
                let Some(deployment) = &self.state.deployment else {
                    return;
                };
                let running = deployment
                    .instances
                    .get(&e.instance)
                    .is_some_and(Instance::may_run);
                assert!(!running, "it may still run: {}", story());
                let mut others = deployment.instances.values();
                let is_followed = |i: &Instance| i.part_of.as_ref() == Some(&e.instance) && i.may_run();
                assert!(
                    !others.any(is_followed),
                    "another process of it may still run: {}",
                    story()
                );
                let setup = |service: usize| self.state.outline.services[service].setup;
                let mut running = deployment.instances.values().filter(|i| i.may_run());
                assert!(
                    running.all(|i| setup(i.service) == setup(e.service)),
                    "other processes may still run: {}",
                    story()
                );
            }
            _ => {}
        }
    }

    pub(super) fn check_after(&self) {
        assert_eq!(self.state.anomalies, [], "{}", self.story());
        let running = self
            .state
            .trials
            .values()
            .filter(|t| matches!(t.status, TrialStatus::Running(_)));
        assert!(running.count() <= 1);
        assert!(
            self.events.len() < 5_000,
            "the run goes in circles:\n{}",
            self.story()
        );
    }

    /// Nothing more can be done at once, and the same report a second time changes nothing.
    pub(super) fn check_settled(&self, reported: Option<Command>) {
        if self.state.is_over() {
            return;
        }
        let again = |command: Command| {
            let name = command.name();
            let decided = decide(&self.state, command, self.time()).unwrap_or_default();
            assert_eq!(decided, [], "a second {name} after\n{}", self.story());
        };
        again(Command::Tick);
        if let Some(report) = reported {
            again(report);
        }
    }

    /// What holds at the end of every run.
    pub(super) fn check_end(&self) {
        let story = self.story();
        assert_eq!(self.folded(), self.state, "{story}");
        let exit_code = match (&self.state.outcome, &self.state.paused) {
            (Some(outcome), _) => outcome.exit_code(),
            (None, Some(paused)) => paused.exit_code,
            (None, None) => panic!("it neither ended nor paused:\n{story}"),
        };
        assert_eq!(Some(exit_code), self.finished, "{story}");
        let settled = |id: &hpcbench_core::TrialId| {
            let mut ends = Vec::new();
            for Event { body, .. } in &self.events {
                match body {
                    Body::TrialCompleted(e) if e.trial == *id => ends.push(body),
                    Body::TrialFailed(e) if e.trial == *id => ends.push(body),
                    // What failed, and only that, is done again.
                    Body::RunResumed(e) if e.retry_failed => {
                        ends.retain(|body| matches!(body, Body::TrialCompleted(_)));
                    }
                    _ => {}
                }
            }
            ends.len()
        };
        let completed = matches!(self.events.last().unwrap().body, Body::RunCompleted(_));
        let searched = self.state.search.iter().flat_map(|search| &search.trials);
        let planned = self.state.outline.trials.iter().map(|trial| &trial.id);
        for trial in planned.chain(searched.map(|trial| &trial.id)) {
            let count = settled(trial);
            assert!(count <= 1, "{trial} was settled {count} times:\n{story}");
            assert!(count == 1 || !completed, "{trial} was never settled:\n{story}");
        }
        let has_answer = |search: &hpcbench_core::state::SearchState| search.ending.is_some() || !completed;
        assert!(
            self.state.search.as_ref().is_none_or(has_answer),
            "no end of the search:\n{story}"
        );
        assert!(self.state.active().is_none(), "a trial still runs:\n{story}");
        if !self.state.ends_at_once() {
            assert!(
                self.state
                    .verified
                    .as_ref()
                    .is_some_and(|verified| verified.equal),
                "{story}"
            );
            assert!(
                self.state.nodes.values().all(hpcbench_core::state::Node::is_gone),
                "{story}"
            );
        }
    }
}
