//! Rules about where and how a run happens.

use super::{Subject, place};
use crate::code::Code;
use crate::problem::Problem;
use crate::recipe::{Launch, LaunchMode};
use crate::units::Duration;

/// A local run has no use for what only Slurm understands.
pub(super) fn without_effect(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(launch) = subject.launch.filter(|launch| launch.mode == LaunchMode::Local) else {
        return Vec::new();
    };
    let Launch {
        site,
        account,
        partition,
        qos,
        time_limit,
        reservation,
        modules,
        directives,
        ..
    } = launch;
    let texts = [
        ("site", site),
        ("account", account),
        ("partition", partition),
        ("qos", qos),
        ("time_limit", time_limit),
        ("reservation", reservation),
    ];
    let lists = [("modules", modules), ("directives", directives)];
    let set_texts = texts
        .into_iter()
        .filter(|(_, value)| value.is_some())
        .map(|(key, _)| key);
    let set_lists = lists
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, _)| key);
    set_texts
        .chain(set_lists)
        .map(|key| {
            let message = format!("`{key}` has no effect with `mode: local`");
            Problem::key(Code::NoEffect, place(["launch", key]), message)
        })
        .collect()
}

/// Intervals take time.
pub(super) fn empty_intervals(subject: &Subject<'_>) -> Vec<Problem> {
    let monitoring = subject.monitoring.map(|section| {
        [
            ("scrape_interval", section.scrape_interval),
            ("system_interval", section.system_interval),
        ]
        .map(|(key, length)| (["monitoring", key], length))
    });
    monitoring
        .into_iter()
        .flatten()
        .filter(|(_, length): &([&str; 2], Duration)| length.is_zero())
        .map(|(path, _)| Problem::value(Code::EmptyWindow, place(path), "this must be longer than 0s"))
        .collect()
}
