//! A calibration for people.

use std::fmt::Write as _;

use super::level::{Load, Measured};
use super::search::{LimitedBy, Stop, Tried};
use super::{Calibration, Ceiling, WakeUp};

/// One line for a level that was tried.
pub(super) fn progress(load: Load, level: u32, tried: &Tried<Measured>) -> String {
    let outcome = match tried {
        Tried::Held(_) => "holds",
        Tried::Failed(limit) => &format!("does not hold: {}", limit.reason),
    };
    format!("  {}: {outcome}", amount(load, level))
}

fn amount(load: Load, level: u32) -> String {
    match load {
        Load::Requests => format!("{level} requests/s"),
        Load::Streams { itl_ms } => format!("{level} streams, a token each {itl_ms} ms"),
    }
}

/// The ceilings, what limited them, and what to make of them.
pub(in super::super) fn of(calibration: &Calibration) -> String {
    let mut text = format!(
        "What one client on this node can do ({:.0} s):\n",
        calibration.seconds
    );
    of_waking(&mut text, &calibration.wake_up);
    for ceiling in &calibration.ceilings {
        of_one(&mut text, ceiling);
    }
    text.push_str(
        "The null server ran on this node and took processor time of it: a client on a node of its own can do more.\n",
    );
    text
}

fn of_waking(text: &mut String, wake_up: &WakeUp) {
    let _ = write!(
        text,
        "  processors: wake up {:.2} ms late (p99)",
        wake_up.asleep_p99_ms
    );
    let _ = match wake_up.kept_awake_p99_ms {
        Some(awake) => writeln!(
            text,
            ", kept awake {awake:.2} ms: `workload.engine.keep_awake` does that, and so it was for what follows"
        ),
        None => writeln!(
            text,
            "; they cannot be kept awake, since processor time is limited here"
        ),
    };
}

fn of_one(text: &mut String, ceiling: &Ceiling) {
    let load = ceiling.load;
    let _ = match (ceiling.highest, &ceiling.measured) {
        (Some(level), Some(measured)) => {
            writeln!(text, "  {}{}", amount(load, level), numbers(measured))
        }
        _ => writeln!(
            text,
            "  {}: no level held; is something else busy on this node?",
            kind(load)
        ),
    };
    if let Some(at) = &ceiling.limit {
        let whose = match at.limit.by {
            LimitedBy::Client => "the client's limit",
            LimitedBy::NullServer => "the null server's limit, not the client's",
            LimitedBy::System => "the system's limit",
        };
        let _ = writeln!(text, "    at {} {whose}: {}", at.level, at.limit.reason);
    }
    let note = match ceiling.stop {
        Stop::Narrowed | Stop::NoneHeld => return,
        Stop::HighestTried => "more was not tried",
        Stop::OutOfTime => "the time was up before this was known to 10 %",
    };
    let _ = writeln!(text, "    {note}");
}

fn kind(load: Load) -> String {
    match load {
        Load::Requests => "requests".to_owned(),
        Load::Streams { itl_ms } => format!("streams, a token each {itl_ms} ms"),
    }
}

fn numbers(measured: &Measured) -> String {
    let mut text = format!(
        ": {:.0} chunks/s, {} engine thread{}",
        measured.chunks_per_second,
        measured.threads,
        if measured.threads == 1 { "" } else { "s" }
    );
    if let Some(busy) = measured.busiest_thread {
        let _ = write!(text, " (the busiest {:.0} % of a core)", 100.0 * busy);
    }
    if let Some(cpu) = measured.cpu_us_per_chunk {
        let _ = write!(text, ", {cpu:.1} µs of CPU a chunk");
    }
    if let Some(late) = measured.lateness_p99_ms {
        let _ = write!(text, ", sent at most {late:.2} ms late (p99)");
    }
    text
}
