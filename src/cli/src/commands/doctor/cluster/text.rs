//! What was found on a cluster, for people.

use std::fmt::Write as _;

use super::super::text::line;
use super::jobs::Report;

/// A paragraph for each partition.
pub(super) fn of(reports: &[Report]) -> String {
    let mut text = String::new();
    for report in reports {
        let host = report.found.as_ref().map(|found| found.node.host.as_str());
        let place = match (&report.job, host) {
            (Some(job), Some(host)) => format!(", {host}, job {job}"),
            (Some(job), None) => format!(", job {job}"),
            (None, _) => String::new(),
        };
        let _ = writeln!(text, "\npartition {}{place}", report.partition);
        for check in report.found.iter().flat_map(|found| &found.checks) {
            line(&mut text, check);
        }
        if let Some(problem) = &report.problem {
            let _ = writeln!(text, "missing  {problem}");
        }
    }
    text
}
