//! Rows on trials: each attempt on the run's track, and the shares on those of the clients.

use hpcbench_core::{NodeId, TrialId};
use serde_json::{Map, Value};

use super::Span;
use super::drawing::Drawing;
use crate::timeline::Row;
use crate::trace::tracks::{Lane, Track};

impl Drawing<'_> {
    pub(super) fn attempt(&mut self, trial: &TrialId, row: &Row, to: u64, mut args: Map<String, Value>) {
        // Each client has a node.
        args.remove("node");
        let track = Track::of_run(Lane::Trials);
        if !self.is(row.first(), "trial.started") {
            // The end of an attempt that a former epoch began.
            return self.mark(track, row, args);
        }
        let name = self.lines.place_and_parameters(trial);
        self.go_on_with(trial, &name, row.from, to);
        let part = |name: String, depth, from, to, args| Span {
            track: track.clone(),
            category: "trial",
            name,
            from,
            to,
            depth,
            args,
        };
        let attempt = args.get("attempt").map_or_else(String::new, Value::to_string);
        self.drawn
            .spans
            .push(part(format!("attempt {attempt}"), 1, row.from, to, args.clone()));
        let load = self.times(row, "load.started").next();
        let shares_end = self.times(row, "share.reported").last();
        self.drawn.spans.push(part(
            "prepare".to_owned(),
            2,
            row.from,
            load.unwrap_or(to),
            Map::new(),
        ));
        if let Some(load) = load {
            self.drawn.spans.push(part(
                "load".to_owned(),
                2,
                load,
                shares_end.unwrap_or(to),
                Map::new(),
            ));
            self.shares(row, &name, load, to, &args);
        }
    }

    /// A span for each client under load, until it reported its share or the attempt ended.
    fn shares(&mut self, row: &Row, name: &str, load: u64, to: u64, args: &Map<String, Value>) {
        let clients = args.get("clients").and_then(Value::as_array);
        let clients = clients.into_iter().flatten().filter_map(Value::as_str);
        let clients: Vec<NodeId> = clients.filter_map(|client| client.parse().ok()).collect();
        for client in clients {
            let reported = row.events.iter().find(|(seq, _)| {
                let details = self.details.get(seq);
                self.is(*seq, "share.reported")
                    && details.is_some_and(|details| details.node.as_ref() == Some(&client))
            });
            let wanted = ["trial", "attempt", "end"];
            let shown = args.iter().filter(|(field, _)| wanted.contains(&field.as_str()));
            self.drawn.spans.push(Span {
                track: Track::on(Some(&client), Lane::Load),
                category: "trial",
                name: name.to_owned(),
                from: load,
                to: reported.map_or(to, |(_, at)| *at),
                depth: 0,
                args: shown
                    .map(|(field, value)| (field.clone(), value.clone()))
                    .collect(),
            });
        }
    }

    /// The span of the trial, as long as no other one comes in between.
    fn go_on_with(&mut self, trial: &TrialId, name: &str, from: u64, to: u64) {
        if let Some((current, span)) = &mut self.trial
            && current == trial
        {
            span.to = to;
            return;
        }
        self.end_trial();
        let span = Span {
            track: Track::of_run(Lane::Trials),
            category: "trial",
            name: name.to_owned(),
            from,
            to,
            depth: 0,
            args: Map::from_iter([("trial".to_owned(), trial.to_string().into())]),
        };
        self.trial = Some((trial.clone(), span));
    }

    pub(super) fn end_trial(&mut self) {
        self.drawn.spans.extend(self.trial.take().map(|(_, span)| span));
    }

    fn is(&self, seq: hpcbench_core::Seq, kind: &str) -> bool {
        self.details.get(&seq).is_some_and(|details| details.kind == kind)
    }

    /// When the row's events of this type happened.
    fn times<'r>(&'r self, row: &'r Row, kind: &'static str) -> impl Iterator<Item = u64> + 'r {
        let events = row.events.iter().filter(move |(seq, _)| self.is(*seq, kind));
        events.map(|(_, at)| *at)
    }
}
