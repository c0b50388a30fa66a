//! A run's state for people.

use std::fmt::Write;

use super::{SearchProgress, Status};
use crate::words::{node_name, push_wrapped};

/// Columns of a line's name.
const NAME: usize = 8;

impl Status {
    /// The state in some lines.
    pub fn to_text(&self, width: usize) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            push_wrapped(&mut text, &format!("{name:NAME$}"), value, width);
        };
        line(
            "run",
            self.run.as_ref().map_or("not created yet", |run| run.as_str()),
        );
        let mut state = self.state.as_str().to_owned();
        if let Some(phase) = self.phase {
            let _ = write!(state, ", phase {phase}");
        }
        if self.epoch.0 > 0 {
            let _ = write!(state, ", epoch {}", self.epoch);
        }
        line("state", &state);
        if let Some(job) = &self.job {
            line("job", self.job_state.as_ref().unwrap_or(job));
        }
        line("trials", &self.trials_in_words());
        for (index, node) in self.nodes.iter().enumerate() {
            let name = if index == 0 { "nodes" } else { "" };
            line(
                name,
                &format!("{}: {}", node_name(&node.node, node.role), node.state),
            );
        }
        text
    }

    fn trials_in_words(&self) -> String {
        let trials = &self.trials;
        let mut words = match self.search {
            Some(SearchProgress {
                max_trials,
                outcome: None,
            }) => {
                format!(
                    "{} completed, of a search with at most {max_trials}",
                    trials.completed
                )
            }
            _ => format!("{} of {} completed", trials.completed, trials.total),
        };
        let others = [
            (trials.failed, "failed"),
            (trials.running, "running"),
            (trials.pending, "pending"),
        ];
        for (number, what) in others.into_iter().filter(|(number, _)| *number > 0) {
            let _ = write!(words, ", {number} {what}");
        }
        if let Some(outcome) = self.search.and_then(|search| search.outcome) {
            let _ = write!(words, "; the search ended: {}", outcome.as_str());
        }
        words
    }
}
