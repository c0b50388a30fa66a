//! The trace as JSON, one trace event a line.

use serde_json::{Map, Value, json};

use super::Trace;
use super::spans::{Drawn, Mark, Span};
use super::tracks::{Numbers, Process};

/// The whole document.
pub(super) fn document(trace: &Trace, drawn: &Drawn) -> String {
    let run = trace.run.as_ref().map(ToString::to_string);
    let began = trace.began.map(|began| began.to_string());
    let other = json!({ "run": run, "began": began });
    let lines: Vec<String> = events(trace, drawn).iter().map(Value::to_string).collect();
    let events = lines.join(",\n");
    format!("{{\"displayTimeUnit\":\"ms\",\"otherData\":{other},\"traceEvents\":[\n{events}\n]}}\n")
}

fn events(trace: &Trace, drawn: &Drawn) -> Vec<Value> {
    let spans = drawn.spans.iter().map(|span| &span.track);
    let numbers = Numbers::of(spans.chain(drawn.marks.iter().map(|mark| &mark.track)));
    let mut events = Vec::new();
    for process in numbers.processes() {
        let name = match (process, &trace.run) {
            (Process::Run, Some(run)) => format!("run {run}"),
            (Process::Run, None) => "run".to_owned(),
            (Process::Node(node), _) => format!("node {node}"),
        };
        let pid = numbers.process(process);
        events.push(json!({"ph": "M", "pid": pid, "name": "process_name", "args": {"name": name}}));
        events
            .push(json!({"ph": "M", "pid": pid, "name": "process_sort_index", "args": {"sort_index": pid}}));
    }
    for track in numbers.tracks() {
        let ((pid, tid), name) = (numbers.get(track), track.lane.name());
        let named = json!({"ph": "M", "pid": pid, "tid": tid, "name": "thread_name", "args": {"name": name}});
        let sorted = json!({"ph": "M", "pid": pid, "tid": tid, "name": "thread_sort_index",
            "args": {"sort_index": tid}});
        events.extend([named, sorted]);
    }
    // Readers sort by time; of spans that begin together the outer one has to come first.
    let mut timed: Vec<((u64, u64, u8), Value)> = Vec::new();
    for span in &drawn.spans {
        timed.push((
            (span.from, u64::MAX - span.to, span.depth),
            complete(span, &numbers),
        ));
    }
    for mark in &drawn.marks {
        timed.push(((mark.at, u64::MAX, 0), instant(mark, &numbers)));
    }
    timed.sort_by_key(|(order, _)| *order);
    events.extend(timed.into_iter().map(|(_, event)| event));
    events
}

fn complete(span: &Span, numbers: &Numbers) -> Value {
    let (pid, tid) = numbers.get(&span.track);
    let (ts, dur) = (span.from, span.to - span.from);
    json!({"ph": "X", "pid": pid, "tid": tid, "ts": ts, "dur": dur, "cat": span.category,
        "name": span.name, "args": Value::Object(span.args.clone())})
}

fn instant(mark: &Mark, numbers: &Numbers) -> Value {
    let (pid, tid) = numbers.get(&mark.track);
    let args: Map<String, Value> = mark.args.clone();
    // Drawn across the process that it happened in.
    json!({"ph": "i", "s": "p", "pid": pid, "tid": tid, "ts": mark.at, "cat": "event",
        "name": mark.name, "args": args})
}
