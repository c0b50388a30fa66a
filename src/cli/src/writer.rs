//! Whether the process that writes a run's log lives.

use std::path::Path;
use std::time::Duration;

use hpcbench_actors::shell::{hostname, process_start};
use hpcbench_core::Epoch;
use hpcbench_core::event::Writer;
use hpcbench_nats::Rendezvous;
use hpcbench_report::{RunView, WriterLife};

/// A writer on another host that has given no sign of life for so long is taken for gone.
const SILENCE: Duration = Duration::from_secs(30);

/// Whether the latest epoch's writer lives, as far as this host can tell.
pub(crate) fn life_in(view: &RunView) -> WriterLife {
    if view.state.outcome.is_none() && view.state.is_over() {
        return WriterLife::Gone;
    }
    view.epochs
        .last()
        .map_or(WriterLife::Unknown, |epoch| life(&epoch.writer))
}

/// The same for a run that is only looked at: a writer on another host is judged by the signs of life that it gives in the run
/// directory, by that host's clock.
pub(crate) fn life_seen_in(view: &RunView, run_dir: &Path) -> WriterLife {
    let life = life_in(view);
    if life != WriterLife::Unknown {
        return life;
    }
    let age = Rendezvous::touched(run_dir)
        .ok()
        .and_then(|touched| touched.elapsed().ok());
    match age {
        Some(age) if age > SILENCE => WriterLife::Gone,
        Some(_) => WriterLife::Alive,
        None => WriterLife::Unknown,
    }
}

/// The epoch through which orchestrators are proven dead by what the log says itself: the last one ended of its own accord. 0 if
/// it does not say so.
pub(crate) fn dead_through(view: &RunView) -> Epoch {
    if view.state.is_over() {
        view.state.epoch
    } else {
        Epoch(0)
    }
}

/// Whether this writer lives, as far as this host can tell.
pub(crate) fn life(writer: &Writer) -> WriterLife {
    if writer.host != hostname() {
        return WriterLife::Unknown;
    }
    match process_start(writer.pid) {
        // A start time of 0 was not known when it was written.
        Some(start) if start == writer.process_start || writer.process_start == 0 => WriterLife::Alive,
        _ => WriterLife::Gone,
    }
}
