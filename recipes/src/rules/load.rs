//! Rules about how requests are made.

use super::{Subject, in_workload};
use crate::code::Code;
use crate::problem::Problem;
use crate::recipe::{Connections, Endpoint, Load, Workload};
use crate::trace::{MAX_TRACE_BYTES, Trace, TraceLayout};
use crate::units::Duration;

/// A trace can be read, and has arrivals in the window.
pub(super) fn trace(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(workload) = subject.workload else {
        return Vec::new();
    };
    let Load::Trace {
        path,
        timestamps,
        block_tokens,
        speed,
        ..
    } = &workload.load
    else {
        return Vec::new();
    };
    let place = || in_workload(["load", "path"]);
    let absolute = subject.paths.absolute(path);
    let file = absolute.display();
    if !subject.files.is_file(&absolute) {
        let help = "relative paths are relative to the recipe's directory".to_owned();
        let message = format!("there is no file {file}");
        return vec![Problem::value(Code::MissingFile, place(), message).with_help(help)];
    }
    let layout = TraceLayout {
        timestamps: *timestamps,
        block_tokens: *block_tokens,
    };
    let text = match subject.files.read(&absolute, MAX_TRACE_BYTES + 1) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("the trace {file} cannot be read: {error}");
            return vec![Problem::value(Code::MissingFile, place(), message)];
        }
    };
    match Trace::parse(&text, layout) {
        Ok(trace) => trace_length(&trace, *speed, workload),
        Err(error) => {
            let message = format!("the trace {file}: {error}");
            vec![Problem::value(Code::Trace, place(), message)]
        }
    }
}

/// Compares a trace with what is to be measured of it.
fn trace_length(trace: &Trace, speed: f64, workload: &Workload) -> Vec<Problem> {
    let warmup = workload.warmup.as_secs_f64();
    let window = match (workload.duration, workload.requests) {
        (Some(duration), None) => warmup..warmup + duration.as_secs_f64(),
        (None, Some(_)) => warmup..f64::INFINITY,
        _ => return Vec::new(),
    };
    let found = trace.arrivals_between(window.clone(), speed);
    let seconds = trace.seconds(speed);
    let (code, message) = if found == 0 {
        let message = format!("none of the trace's arrivals, over {seconds:.1} s, is in the measured window");
        (Code::Trace, message)
    } else if let Some(wanted) = workload.requests.filter(|wanted| wanted.get() > found as u64) {
        let message =
            format!("the trace has {found} arrivals after the warm-up, fewer than {wanted} `requests`");
        (Code::TraceLength, message)
    } else if window.end.is_finite() && seconds < window.end {
        let end = window.end;
        let message = format!("the trace ends after {seconds:.1} s, the measured window after {end:.1} s");
        (Code::TraceLength, message)
    } else {
        return Vec::new();
    };
    vec![Problem::value(code, in_workload(["load", "path"]), message)]
}

/// A ramp gets to its end.
pub(super) fn ramp(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(workload) = subject.workload else {
        return Vec::new();
    };
    let (Load::Ramp { over, .. }, Some(window)) = (&workload.load, workload.duration) else {
        return Vec::new();
    };
    let length = workload.warmup.as_secs_f64() + window.as_secs_f64();
    if over.as_secs_f64() <= length {
        return Vec::new();
    }
    let message = format!("the ramp takes {over}, the trial only {length} s: it never gets to the last rate");
    let help = "lengthen `duration`, or shorten `over`".to_owned();
    vec![Problem::value(Code::RampLength, in_workload(["load", "over"]), message).with_help(help)]
}

/// What was said before goes into a list of messages.
pub(super) fn conversation(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(workload) = subject.workload else {
        return Vec::new();
    };
    let Load::Closed { turns, .. } = workload.load else {
        return Vec::new();
    };
    if turns.get() == 1 || matches!(workload.endpoint, Endpoint::Chat | Endpoint::OllamaChat) {
        return Vec::new();
    }
    let message = format!(
        "the endpoint `{}` takes no messages, so it has no `turns`",
        workload.endpoint
    );
    let help = "use the endpoint `chat` or `ollama-chat`".to_owned();
    vec![Problem::value(Code::Conversation, in_workload(["load", "turns"]), message).with_help(help)]
}

/// A connection lives for some time.
pub(super) fn max_age(subject: &Subject<'_>) -> Vec<Problem> {
    match subject.workload.map(|workload| workload.connections) {
        Some(Connections::Reuse { max_age: Some(age) }) if age == Duration::ZERO => {
            let place = in_workload(["connections", "max_age"]);
            let help = "for a connection per request, write `policy: fresh`".to_owned();
            vec![Problem::value(Code::EmptyWindow, place, "this must be longer than 0s").with_help(help)]
        }
        _ => Vec::new(),
    }
}
