//! Questions on a terminal.

use std::io::{self, IsTerminal};

use anyhow::Context;
use dialoguer::console::Term;
use dialoguer::{Confirm, Input, Select};

use crate::exit::Failure;

/// Whether an answer will do, and if not, why not.
pub(crate) type Check<'c> = &'c dyn Fn(&str) -> Result<(), String>;

/// The terminal that questions are asked on: standard input and standard error.
pub(crate) struct Prompt {
    terminal: Term,
}

impl Prompt {
    /// The terminal.
    ///
    /// # Errors
    /// There is none; `instead` says what to do without one.
    pub(crate) fn open(instead: &str) -> Result<Self, Failure> {
        if io::stdin().is_terminal() && io::stderr().is_terminal() {
            return Ok(Self {
                terminal: Term::stderr(),
            });
        }
        Err(Failure::Usage(format!(
            "questions need a terminal, and there is none: {instead}"
        )))
    }

    /// Says something.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn say(&self, text: &str) -> io::Result<()> {
        self.terminal.write_line(text)
    }

    /// A text that passes the check; it is asked for until there is one.
    ///
    /// # Errors
    /// The terminal is gone, or nobody wants to answer.
    pub(crate) fn text(&self, question: &str, default: &str, check: Check<'_>) -> anyhow::Result<String> {
        let mut input = Input::<String>::new()
            .with_prompt(question)
            .allow_empty(true)
            .validate_with(|answer: &String| check(answer.trim()));
        if !default.is_empty() {
            input = input.default(default.to_owned());
        }
        let answer = input.interact_text_on(&self.terminal).with_context(unanswered)?;
        Ok(answer.trim().to_owned())
    }

    /// The index of one of several choices.
    ///
    /// # Errors
    /// The terminal is gone, or nobody wants to answer.
    pub(crate) fn choose(&self, question: &str, choices: &[String]) -> anyhow::Result<usize> {
        let select = Select::new().with_prompt(question).items(choices).default(0);
        select.interact_on(&self.terminal).with_context(unanswered)
    }

    /// Yes or no.
    ///
    /// # Errors
    /// The terminal is gone, or nobody wants to answer.
    pub(crate) fn confirm(&self, question: &str, default: bool) -> anyhow::Result<bool> {
        let confirm = Confirm::new().with_prompt(question).default(default);
        confirm.interact_on(&self.terminal).with_context(unanswered)
    }
}

fn unanswered() -> Failure {
    Failure::Usage("nothing was written: a question has no answer".to_owned())
}
