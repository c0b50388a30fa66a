//! Rows on the run, its nodes and its services.

use std::collections::BTreeMap;

use hpcbench_core::{InstanceId, NodeId, Seq, TrialId};
use serde_json::{Map, Value};

use super::{Drawn, Mark, Span};
use crate::live::EventLines;
use crate::timeline::{Row, Shape, Story};
use crate::trace::details::Details;
use crate::trace::tracks::{Lane, Process, Track};

/// Why a span's end is not known better.
const CUT_OFF: &str = "its epoch ended before it did; it is drawn until the next one began";
/// Why a span has no end.
const NOT_OVER: &str = "it has not ended here";
/// What ended a service whose node is gone.
const LOST: &str = "its node was lost";

/// What one row begins and a later one ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Life {
    Epoch,
    Bus,
    Agent(NodeId),
    Service(InstanceId),
}

/// Spans and marks under way.
pub(super) struct Drawing<'a> {
    pub(super) details: &'a BTreeMap<Seq, Details>,
    pub(super) lines: &'a EventLines,
    pub(super) drawn: Drawn,
    /// The trial whose attempts follow each other.
    pub(super) trial: Option<(TrialId, Span)>,
    alive: BTreeMap<Life, Span>,
}

impl<'a> Drawing<'a> {
    pub(super) fn new(details: &'a BTreeMap<Seq, Details>, lines: &'a EventLines) -> Self {
        Self {
            details,
            lines,
            drawn: Drawn::default(),
            trial: None,
            alive: BTreeMap::new(),
        }
    }

    /// Draws a row that ends at `to`; `is_over`: no more events belong to it.
    pub(super) fn row(&mut self, row: &Row, to: u64, is_over: bool) {
        let args = self.args(row, is_over);
        let span = |track: Track, category, name: String, depth| Span {
            track,
            category,
            name,
            from: row.from,
            to,
            depth,
            args: args.clone(),
        };
        match (&row.story, row.shape) {
            (_, Shape::Epoch) => {
                self.end_epoch(row.from, Some(CUT_OFF));
                let name = format!("epoch {}", words(args.get("epoch")));
                self.alive
                    .insert(Life::Epoch, span(Track::of_run(Lane::Epochs), "epoch", name, 0));
            }
            (Some(Story::Phase), _) => {
                let name = row.text.clone();
                self.drawn
                    .spans
                    .push(span(Track::of_run(Lane::Phases), "phase", name, 0));
            }
            (Some(Story::Attempt(trial)), _) => self.attempt(trial, row, to, args),
            (Some(Story::Bus), _) => {
                let track = Track::of_run(Lane::Bus);
                self.process(Life::Bus, row, span(track, "bus", "nats-server".to_owned(), 0));
            }
            (Some(Story::Service(instance)), _) => {
                let track = self.service_track(instance, row);
                let span = span(track, "service", instance.to_string(), 0);
                self.process(Life::Service(instance.clone()), row, span);
            }
            (Some(Story::Agent(node)), _) => {
                let track = Track::on(Some(node), Lane::Agent);
                self.process(
                    Life::Agent(node.clone()),
                    row,
                    span(track, "node", "agent".to_owned(), 0),
                );
            }
            (Some(Story::ServiceStop(instance)), _) => {
                let track = self.service_track(instance, row);
                self.drawn
                    .spans
                    .push(span(track, "service", "stop".to_owned(), 1));
                if row.kind == "service.exited" {
                    self.end(&Life::Service(instance.clone()), to, None);
                }
            }
            (Some(Story::Leaving(node)), _) => {
                let track = Track::on(Some(node), Lane::Agent);
                self.drawn.spans.push(span(track, "node", "leave".to_owned(), 1));
                if row.kind == "node.left" {
                    self.end(&Life::Agent(node.clone()), to, None);
                }
            }
            (Some(Story::Collection(node)), _) => {
                let track = Track::on(Some(node), Lane::Logs);
                self.drawn
                    .spans
                    .push(span(track, "logs", "begin to collect".to_owned(), 0));
            }
            (Some(Story::Client(node)), _) => {
                let track = Track::on(Some(node), Lane::Client);
                self.drawn
                    .spans
                    .push(span(track, "client", "connect".to_owned(), 0));
            }
            (None, _) => {
                self.mark(Track::of_run(Lane::Remarks), row, args);
                if matches!(
                    row.kind.as_str(),
                    "run.completed" | "run.failed" | "run.cancelled"
                ) {
                    self.end_epoch(row.to, None);
                }
            }
        }
    }

    /// A process that starts, does not start, or is gone.
    fn process(&mut self, life: Life, row: &Row, span: Span) {
        let track = span.track.clone();
        match row.kind.as_str() {
            "bus.exited" | "service.exited" | "service.failed" | "node.lost" => {
                self.mark(track, row, span.args.clone());
                let to = row.to;
                if row.events.len() > 1 {
                    self.end(&life, row.from, None);
                    self.drawn.spans.push(span);
                } else if row.kind != "service.failed" {
                    // What fails after it was ready is stopped next.
                    self.end(&life, to, None);
                }
                if let Life::Agent(node) = life {
                    self.end_on(&node, to);
                }
            }
            // Of what was never asked for here only the end is known.
            _ => {
                self.end(&life, row.from, None);
                let start = Span {
                    name: "start".to_owned(),
                    depth: 1,
                    ..span.clone()
                };
                self.drawn.spans.push(start);
                self.alive.insert(life, span);
            }
        }
    }

    /// What lived on a node that is gone.
    fn end_on(&mut self, node: &NodeId, at: u64) {
        let process = Process::Node(node.clone());
        let there = self
            .alive
            .iter()
            .filter(|(_, span)| span.track.process == process);
        let lives: Vec<Life> = there.map(|(life, _)| life.clone()).collect();
        for life in lives {
            self.end(&life, at, Some(LOST));
        }
    }

    fn end(&mut self, life: &Life, at: u64, why: Option<&str>) {
        if let Some(mut span) = self.alive.remove(life) {
            // The words of its beginning no longer hold.
            span.args.remove("end");
            span.to = at;
            if let Some(why) = why {
                span.args.insert("end".to_owned(), why.into());
            }
            self.drawn.spans.push(span);
        }
    }

    /// An epoch ends, and with it all that lives.
    fn end_epoch(&mut self, at: u64, why: Option<&str>) {
        self.end_trial();
        while let Some(life) = self.alive.keys().next().cloned() {
            self.end(&life, at, why);
        }
    }

    /// The history ends here.
    pub(super) fn finish(mut self, now: u64) -> Drawn {
        self.end_epoch(now, Some(NOT_OVER));
        self.drawn
    }

    pub(super) fn mark(&mut self, track: Track, row: &Row, args: Map<String, Value>) {
        let (name, at) = (row.kind.clone(), row.to);
        self.drawn.marks.push(Mark {
            track,
            name,
            at,
            args,
        });
    }

    /// What the row's events say, the later the stronger.
    fn args(&self, row: &Row, is_over: bool) -> Map<String, Value> {
        let mut args = Map::new();
        for details in row.events.iter().filter_map(|(seq, _)| self.details.get(seq)) {
            args.extend(details.data.clone());
        }
        let seqs = row.events.iter().map(|(seq, _)| Value::from(seq.0));
        args.insert("seq".to_owned(), seqs.collect());
        if row.is_cut {
            args.insert("end".to_owned(), CUT_OFF.into());
        } else if !is_over {
            args.insert("end".to_owned(), NOT_OVER.into());
        }
        args
    }

    /// Where the instance was before, else where this row's events are from.
    fn service_track(&self, instance: &InstanceId, row: &Row) -> Track {
        let lane = Lane::Service(instance.clone());
        if let Some(span) = self.alive.get(&Life::Service(instance.clone())) {
            return span.track.clone();
        }
        let details = self.details.get(&row.first());
        Track::on(details.and_then(|details| details.node.as_ref()), lane)
    }
}

/// A number or a text without quotes.
fn words(value: Option<&Value>) -> String {
    value.map_or_else(String::new, crate::words::shown)
}
