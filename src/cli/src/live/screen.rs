//! Standard error, shared by progress bars and everything else that has something to say.

use std::io::{self, IsTerminal};

use indicatif::MultiProgress;

use crate::terminal;

/// Where progress is shown.
#[derive(Debug, Clone)]
pub(crate) enum Screen {
    /// A terminal with bars at its end.
    Terminal(MultiProgress),
    /// Anything else: lines, one after the other.
    Lines,
}

impl Screen {
    /// What standard error is.
    pub(crate) fn of_stderr() -> Self {
        let can_draw = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        if io::stderr().is_terminal() && can_draw {
            Self::Terminal(MultiProgress::new())
        } else {
            Self::Lines
        }
    }

    /// Says something, above the bars if there are any.
    pub(crate) fn say(&self, text: &str) {
        match self {
            Self::Terminal(bars) => bars.suspend(|| terminal::say(text)),
            Self::Lines => terminal::say(text),
        }
    }
}
