//! Why prompts cannot be made.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// Why prompts cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// A number of tokens that cannot be drawn.
    #[error("{what}: {problem}")]
    TokenCount {
        /// Which of the workload's numbers.
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read the {what} {path}")]
    Read {
        /// Which sort of file.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A file is too large to be held in memory.
    #[error("the {what} {path} has more than {limit} bytes")]
    TooLarge {
        /// Which sort of file.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// A line is no prompt.
    #[error("{path}:{line}: {problem}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A conversation cannot be made a prompt.
    #[error("conversation {number} of {path}: {problem}")]
    Conversation {
        /// The file.
        path: PathBuf,
        /// Which conversation, from 1.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// There is nothing in the file.
    #[error("the prompt file {path} has no prompt")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The tokenizer's file cannot be understood.
    #[error("{path} is no tokenizer.json that this build understands")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// The reader's reason.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A text cannot be tokenized.
    #[error("the tokenizer {path} failed on a prompt of {bytes} bytes")]
    Encode {
        /// The tokenizer's file.
        path: PathBuf,
        /// Size of the text.
        bytes: usize,
        /// The tokenizer's reason.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The vocabulary has too little that keeps its number of tokens wherever it stands.
    #[error(
        "the tokenizer {path} has no {needed} words that are one token each wherever they stand; leave the tokenizer out: lengths are then estimates"
    )]
    Vocabulary {
        /// The tokenizer's file.
        path: PathBuf,
        /// How many are needed.
        needed: usize,
    },
    /// No text of the right length was found.
    #[error(
        "the tokenizer {path} makes {found} tokens of a text that should have {wanted}; leave the tokenizer out: lengths are then estimates"
    )]
    Inexact {
        /// The tokenizer's file.
        path: PathBuf,
        /// Tokens that the prompt should have.
        wanted: usize,
        /// Tokens that the last try had.
        found: usize,
    },
}
