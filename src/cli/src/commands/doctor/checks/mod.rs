//! What is looked at. Each module gathers facts and has a function that judges them.

mod bus;
mod clock;
mod limits;
mod machine;
mod network;
mod storage;
mod tools;

use std::path::Path;

use super::check::Check;
use super::node::Node;

/// Looks at everything. `streams` is how many streams at a time a run is to have.
pub(super) fn all(runs_dir: &Path, scratch: &Path, streams: u32, node: &Node) -> Vec<Check> {
    let mut checks = vec![bus::judge(&bus::gather(scratch))];
    checks.extend(storage::judge("runs directory", &storage::gather(runs_dir)));
    checks.extend(storage::judge("scratch directory", &storage::gather(scratch)));
    let limits = limits::gather();
    checks.push(limits::judge_files(&limits, streams));
    checks.push(limits::judge_ports(&limits, streams));
    checks.extend(machine::judge(&machine::gather()));
    checks.push(network::judge(node));
    checks.extend(clock::judge(&clock::gather()));
    checks.extend(tools::judge(&tools::gather()));
    checks
}
