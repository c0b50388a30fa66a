//! Who started, resumed and cancelled the run, and with what.

use std::collections::BTreeMap;

use hpcbench_core::event::{Body, CancelRequested, Event, Program, RunCreated, RunResumed};
use hpcbench_core::{Epoch, Timestamp};

use crate::live::{asker, trials_of};
use crate::words::{Style, date, node_name, one_line, push_wrapped, shell_words};

/// Columns of the names in the heading.
const NAME: usize = 11;
/// Most acts in the heading; every one has its row below.
const MAX_ACTS: usize = 10;

/// What is known of the people behind a run and of their programs.
#[derive(Debug, Clone, Default)]
pub(super) struct Audit {
    created: Option<(Timestamp, RunCreated)>,
    /// The writer's epoch and program.
    writer: Option<(Epoch, Program)>,
    acts: Vec<Act>,
    /// Acts that are not in `acts`.
    more: u64,
}

/// What somebody did to a run after it had begun.
#[derive(Debug, Clone)]
struct Act {
    at: Timestamp,
    name: &'static str,
    words: String,
}

impl Audit {
    pub(super) fn take(&mut self, event: &Event) {
        match &event.body {
            Body::EpochStarted(e) => self.writer = Some((e.epoch, e.writer.program.clone())),
            Body::RunCreated(e) => self.created = Some((event.at, e.clone())),
            Body::RunResumed(e) => {
                let mut words = resumed_by(e);
                let mut programs = tool_words(&e.tools);
                if let Some((epoch, program)) = &self.writer {
                    words = format!("epoch {epoch}, {words}");
                    programs.insert(0, program_words(program));
                }
                self.act("resumed", event, with(words, &programs));
            }
            Body::CancelRequested(e) => self.act("cancelled", event, cancel_words(e)),
            _ => {}
        }
    }

    fn act(&mut self, name: &'static str, event: &Event, words: String) {
        if self.acts.len() < MAX_ACTS {
            let at = event.at;
            self.acts.push(Act { at, name, words });
        } else {
            self.more += 1;
        }
    }

    /// Adds the heading, if there is anything to say.
    pub(super) fn push(&self, text: &mut String, style: Style) {
        let mut lines = self.created.as_ref().map_or_else(Vec::new, heading);
        for Act { at, name, words } in &self.acts {
            lines.push((name, format!("{} {words}", date(*at))));
        }
        if self.more > 0 {
            lines.push(("", format!("and {} more, below", self.more)));
        }
        for (name, value) in &lines {
            push_wrapped(text, &format!("{name:NAME$}"), &one_line(value), style.width);
        }
        if !lines.is_empty() {
            text.push('\n');
        }
    }
}

/// Who started the run and with what.
fn heading((at, created): &(Timestamp, RunCreated)) -> Vec<(&'static str, String)> {
    let nodes = created.nodes.iter().map(|(node, role)| node_name(node, *role));
    let mut programs = vec![program_words(&created.program)];
    programs.extend(tool_words(&created.tools));
    let trials = trials_of(created);
    vec![
        ("run", format!("{} ({})", created.run, created.name)),
        (
            "started",
            format!("{} by {} on {}", date(*at), created.user, created.host),
        ),
        ("command", shell_words(&created.command_line)),
        ("program", programs.join(", ")),
        ("recipe", format!("SHA-256 {}", created.recipe)),
        ("plan", format!("{trials}, SHA-256 {}", created.plan)),
        ("nodes", nodes.collect::<Vec<_>>().join(", ")),
    ]
}

fn program_words(program: &Program) -> String {
    format!("hpcbench {} ({})", program.version, program.revision)
}

fn tool_words(tools: &BTreeMap<String, String>) -> Vec<String> {
    let words = tools.iter().map(|(tool, version)| format!("{tool} {version}"));
    words.collect()
}

/// Who resumed the run, how, and with which tools.
pub(super) fn resumed_words(e: &RunResumed) -> String {
    with(resumed_by(e), &tool_words(&e.tools))
}

fn resumed_by(e: &RunResumed) -> String {
    let anew = if e.retry_failed {
        ", to repeat what failed"
    } else {
        ""
    };
    format!(
        "by {} on {}: {}{anew}",
        e.user,
        e.host,
        shell_words(&e.command_line)
    )
}

fn with(words: String, programs: &[String]) -> String {
    if programs.is_empty() {
        words
    } else {
        format!("{words}; with {}", programs.join(", "))
    }
}

/// What asked to cancel the run, and how.
pub(super) fn cancel_words(e: &CancelRequested) -> String {
    let how = if e.at_once { "at once, " } else { "" };
    let command = match e.command_line.as_slice() {
        [] => String::new(),
        words => format!("; the command was {}", shell_words(words)),
    };
    format!("{how}by {}: {}{command}", asker(e), e.reason)
}
