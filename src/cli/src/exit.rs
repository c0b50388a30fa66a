//! From errors to exit codes and to words.

use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use hpcbench_actors::orchestrator::OrchestratorError;
use hpcbench_journal::JournalError;
use hpcbench_report::ReportError;
use hpcbench_sim::SimError;

use crate::terminal;

/// Bad usage or an invalid recipe.
const USAGE: u8 = 2;
/// Exit code of a run that was interrupted, or that ends otherwise than it was asked to.
pub(crate) const INTERRUPTED: u8 = 1;
/// The environment lacks something.
pub(crate) const ENVIRONMENT: u8 = 3;
/// The event log is damaged or does not verify.
pub(crate) const DAMAGED: u8 = 4;

/// An error of which the command knows whose fault it is. An error without it counts as the environment's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What the user asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// Recipes are invalid; their problems have been shown.
    #[error("{0}")]
    InvalidRecipe(String),
    /// Something is missing that the user can provide.
    #[error("{0}")]
    Environment(String),
}

/// Prints an error with its causes, once, and returns the exit code that it means.
///
/// A reader of our output that wanted no more of it is no error.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    terminal::say(&format!("{} {}", terminal::error_label(), in_words(error)));
    ExitCode::from(code(error))
}

/// An error's text and those of its causes; a cause that its parent has quoted already is left out.
pub(crate) fn in_words(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            let _ = write!(text, ": {cause}");
        }
    }
    text
}

fn code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<Failure>() {
        Some(Failure::Usage(_) | Failure::InvalidRecipe(_)) => return USAGE,
        Some(Failure::Environment(_)) => return ENVIRONMENT,
        None => {}
    }
    let code = error.chain().find_map(|cause| {
        if let Some(JournalError::Damaged(_)) = cause.downcast_ref() {
            return Some(DAMAGED);
        }
        if let Some(
            OrchestratorError::Sync(_)
            | OrchestratorError::Fenced { .. }
            | OrchestratorError::Interrupted { .. }
            | OrchestratorError::Panics { .. },
        ) = cause.downcast_ref()
        {
            return Some(INTERRUPTED);
        }
        if let Some(error) = cause.downcast_ref::<ReportError>() {
            return Some(error.exit_code());
        }
        matches!(cause.downcast_ref(), Some(SimError::Config(_))).then_some(USAGE)
    });
    code.unwrap_or(ENVIRONMENT)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .root_cause()
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_failure_keeps_its_code_below_and_above_other_words() {
        let refused = || io::Error::from(ErrorKind::PermissionDenied);
        let above = anyhow!(refused()).context(Failure::Usage("failed to read the recipe".to_owned()));
        assert_eq!(code(&above), USAGE);
        let below = anyhow!(Failure::Usage("no such run".to_owned())).context("failed to look");
        assert_eq!(code(&below), USAGE);
        assert_eq!(code(&anyhow!(refused())), ENVIRONMENT);
    }

    #[test]
    fn causes_are_told_once() {
        let error = anyhow!("disk full")
            .context("failed to write: disk full")
            .context("no run");
        assert_eq!(in_words(&error), "no run: failed to write: disk full");
    }

    #[test]
    fn only_a_broken_pipe_at_the_root_is_success() {
        let broken = anyhow!(io::Error::from(ErrorKind::BrokenPipe)).context("failed to print");
        assert!(is_broken_pipe(&broken));
        assert!(!is_broken_pipe(&anyhow!(io::Error::other("broken pipe"))));
    }
}
