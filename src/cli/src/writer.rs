//! Whether the process that writes a run's log lives.

use std::path::Path;
use std::time::Duration;

use hpcbench_actors::shell::{host_boot, hostname, pid_namespace, process_start};
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
    if differ(writer.boot.as_ref(), host_boot().as_ref()) {
        return WriterLife::Gone;
    }
    if differ(writer.pid_namespace, pid_namespace()) {
        // In a container of this host, or outside of ours: its process id is another process' here.
        return WriterLife::Unknown;
    }
    match process_start(writer.pid) {
        // A start time of 0 was not known when it was written.
        Some(start) if start == writer.process_start || writer.process_start == 0 => WriterLife::Alive,
        _ => WriterLife::Gone,
    }
}

/// Whether two facts that are both known are not the same.
fn differ<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}

#[cfg(test)]
mod tests {
    use hpcbench_actors::shell;
    use hpcbench_core::event::Program;

    use super::*;

    fn own() -> Writer {
        shell::writer(Program {
            version: "1".to_owned(),
            revision: "r".to_owned(),
        })
    }

    #[test]
    fn a_writer_is_gone_only_if_its_process_could_be_seen() {
        assert_eq!(life(&own()), WriterLife::Alive);
        let gone = Writer {
            process_start: 1,
            ..own()
        };
        assert_eq!(life(&gone), WriterLife::Gone);
        let elsewhere = |host: &str| Writer {
            host: host.to_owned(),
            ..gone.clone()
        };
        assert_eq!(life(&elsewhere("another-host")), WriterLife::Unknown);
        let contained = Writer {
            pid_namespace: own().pid_namespace.map(|inode| inode + 1),
            ..gone.clone()
        };
        assert_eq!(life(&contained), WriterLife::Unknown);
        let before_reboot = Writer {
            boot: Some("another".to_owned()),
            ..contained
        };
        assert_eq!(life(&before_reboot), WriterLife::Gone);
    }

    #[test]
    fn what_an_earlier_version_did_not_write_decides_nothing() {
        let bare = Writer {
            boot: None,
            pid_namespace: None,
            ..own()
        };
        assert_eq!(life(&bare), WriterLife::Alive);
    }
}
