//! What a recipe may say, but this build cannot run. Each rule goes when its feature comes.

use super::{Subject, place};
use crate::code::Code;
use crate::problem::Problem;
use crate::recipe::{ClientPlacement, CpuBind, LaunchMode, ReportFormat};
use crate::tree::Pointer;

fn unsupported(pointer: Pointer, message: impl Into<String>) -> Problem {
    Problem::value(Code::Unsupported, pointer, message)
}

/// What nodes can be asked for, but not given yet.
pub(super) fn nodes(subject: &Subject<'_>) -> Vec<Problem> {
    let (Some(nodes), Some(launch)) = (subject.nodes, subject.launch) else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    if launch.mode == LaunchMode::Local && nodes.clients.placement == ClientPlacement::WithServers {
        let message = "in local mode clients and servers always share the machine";
        problems.push(unsupported(place(["nodes", "clients", "placement"]), message));
    }
    if launch.mode == LaunchMode::Local && nodes.clients.image.is_some() {
        let message = "in local mode client agents are processes of this machine, in no container";
        problems.push(unsupported(place(["nodes", "clients", "image"]), message));
    }
    if nodes.clients.cpu_bind == CpuBind::Numa {
        let message = "this build cannot bind agents to NUMA nodes yet";
        problems.push(unsupported(place(["nodes", "clients", "cpu_bind"]), message));
    }
    problems
}

/// Report formats that are not written yet.
pub(super) fn report(subject: &Subject<'_>) -> Vec<Problem> {
    let formats = subject
        .report
        .map(|report| report.formats.as_slice())
        .unwrap_or_default();
    let html = formats
        .iter()
        .enumerate()
        .filter(|(_, format)| **format == ReportFormat::Html);
    html.map(|(index, _)| {
        let place = place(["report", "formats"]).child(index.to_string());
        unsupported(place, "this build cannot write HTML reports yet")
            .with_help("write [csv, json]".to_owned())
    })
    .collect()
}
