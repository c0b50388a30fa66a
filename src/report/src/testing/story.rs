//! A history that a test tells event by event.

use std::path::Path;
use std::sync::Arc;

use hpcbench_core::event::{
    Body, Draft, EpochBase, EpochStarted, Event, PhaseEntered, Program, RunCreated, Writer,
};
use hpcbench_core::{Epoch, NodeId, Phase, Seq, Timestamp};
use hpcbench_journal::{DirStorage, Journal, LineHash, Opening};
use hpcbench_recipes::Plan;

use crate::run::RunView;

/// When every story begins: 2023-11-14T22:13:20Z.
const BEGIN: i64 = 1_700_000_000_000_000;

/// A history under way.
pub(crate) struct Story {
    pub(crate) plan: Plan,
    pub(crate) events: Vec<Event>,
    now: Timestamp,
    epoch: Epoch,
}

pub(crate) fn node(name: &str) -> NodeId {
    name.parse().unwrap()
}

pub(crate) fn program() -> Program {
    Program {
        version: "0.1.0".to_owned(),
        revision: "d274aa3".to_owned(),
    }
}

impl Story {
    /// A history without events.
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            plan,
            events: Vec::new(),
            now: Timestamp::from_micros(BEGIN),
            epoch: Epoch(0),
        }
    }

    /// Time passes.
    pub(crate) fn wait(&mut self, seconds: f64) -> &mut Self {
        self.now = Timestamp::from_micros(self.now.as_micros() + (seconds * 1e6) as i64);
        self
    }

    /// Something happens.
    pub(crate) fn tell(&mut self, body: impl Into<Body>) -> &mut Self {
        let body = body.into();
        let seq = Seq(self.events.len() as u64 + 1);
        self.events.push(Event {
            seq,
            at: self.now,
            actor: "orchestrator".to_owned(),
            node: Some(node("orchestrator")),
            correlation: body.correlation(),
            causation: None,
            report: None,
            body,
        });
        self
    }

    pub(crate) fn epoch(&mut self) -> &mut Self {
        self.epoch = self.epoch.next();
        let epoch = EpochStarted {
            epoch: self.epoch,
            base: EpochBase {
                epoch: Epoch(self.epoch.0 - 1),
                seq: Seq(self.events.len() as u64),
                hash: "2".repeat(64),
                bytes: 0,
            },
            writer: Writer {
                host: "mel2041".to_owned(),
                pid: 4711,
                process_start: 99,
                boot: None,
                pid_namespace: None,
                user: "ada".to_owned(),
                program: program(),
            },
        };
        self.tell(epoch)
    }

    pub(crate) fn created(&mut self) -> &mut Self {
        let created = RunCreated {
            run: "quickstart-20231114-221320-7f".parse().unwrap(),
            name: self.plan.name.clone(),
            plan: self.plan.hash.clone(),
            recipe: self.plan.recipe_sha256.clone(),
            trials: self.plan.trials.len() as u64,
            nodes: self.plan.nodes.iter().map(|n| (n.node.clone(), n.role)).collect(),
            user: "ada".to_owned(),
            host: "mel2041".to_owned(),
            command_line: ["hpcbench", "run", "my recipe.yaml"].map(str::to_owned).into(),
            program: program(),
            tools: [("nats-server".to_owned(), "2.12.0".to_owned())].into(),
        };
        self.tell(created)
    }

    pub(crate) fn phase(&mut self, phase: Phase) -> &mut Self {
        self.tell(PhaseEntered { phase })
    }

    /// The hash that a test takes for that of an event's line.
    pub(crate) fn hash(event: &Event) -> LineHash {
        LineHash::of(event.seq.0.to_string().as_bytes())
    }

    /// The view of the history.
    pub(crate) fn view(&self) -> RunView {
        let mut view = RunView::new(self.plan.clone());
        for event in &self.events {
            view.take(event, Self::hash(event));
        }
        assert_eq!(view.state.anomalies, [], "the story does not make sense");
        view
    }

    /// Writes a run directory with the plan and the events; of the latter only the first epoch.
    pub(crate) fn write(&self, run_dir: &Path) {
        std::fs::create_dir_all(run_dir).unwrap();
        std::fs::write(run_dir.join("plan.json"), serde_json::to_vec(&self.plan).unwrap()).unwrap();
        let mut events = self.events.iter();
        let Some(Body::EpochStarted(started)) = events.next().map(|event| &event.body) else {
            return;
        };
        let data = serde_json::json!({ "writer": started.writer });
        let opening = Opening {
            node: node("orchestrator"),
            actor: "orchestrator".to_owned(),
            correlation: "run".to_owned(),
            data: data.as_object().unwrap().clone(),
            dead_through: Epoch(0),
            clock: &|| Timestamp::from_micros(BEGIN),
            wait: &mut |_| {},
            history: &mut |_| {},
        };
        let storage = Arc::new(DirStorage::new(run_dir));
        let mut journal = Journal::open(storage, opening, Box::new(|_| {})).unwrap().journal;
        let drafts = events.map(|event| Draft {
            at: event.at,
            kind: event.body.kind().to_owned(),
            version: event.body.version(),
            actor: event.actor.clone(),
            node: node("orchestrator"),
            correlation: event.correlation.clone(),
            causation: event.causation,
            data: event.body.to_data(None).unwrap(),
        });
        journal.append(drafts.collect()).unwrap();
        journal.close().unwrap();
    }
}
