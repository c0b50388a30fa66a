//! Whether the process that writes a run's log lives.

use hpcbench_actors::shell::{hostname, process_start};
use hpcbench_core::event::Writer;
use hpcbench_report::{RunView, WriterLife};

/// Whether the latest epoch's writer lives, as far as this host can tell.
pub(crate) fn life_in(view: &RunView) -> WriterLife {
    view.epochs
        .last()
        .map_or(WriterLife::Unknown, |epoch| life(&epoch.writer))
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
