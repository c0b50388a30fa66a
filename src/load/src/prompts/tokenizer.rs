//! The tokenizer of a model, from its `tokenizer.json`. The only module that knows the library behind it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::PromptError;

/// Largest tokenizer file; those of the largest vocabularies take 35 MB.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// What raw vocabulary entries begin with where a space belongs before them.
const SPACE_MARKS: [char; 2] = ['Ġ', '▁'];

/// Counts the tokens of texts. Special tokens that a server adds around a text are not counted.
pub(crate) struct Tokenizer {
    path: PathBuf,
    inner: tokenizers::Tokenizer,
    sha256: String,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    pub(crate) fn open(path: &Path) -> Result<Self, PromptError> {
        let bytes = read(path)?;
        let understood = tokenizers::Tokenizer::from_bytes(&bytes).and_then(|mut inner| {
            // Limits of the model's training set-up, not of its vocabulary: they would falsify counts.
            inner.with_truncation(None)?.with_padding(None);
            Ok(inner)
        });
        let inner = understood.map_err(|source| PromptError::Tokenizer {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            inner,
            sha256: hexadecimal(&Sha256::digest(&bytes)),
        })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// SHA-256 of the file in hexadecimal digits.
    pub(crate) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Number of the text's tokens.
    pub(crate) fn count(&self, text: &str) -> Result<usize, PromptError> {
        Ok(self.encode(text)?.len())
    }

    /// Whether the text comes back from its tokens, but for white space around it.
    pub(crate) fn round_trips(&self, text: &str) -> Result<bool, PromptError> {
        let tokens = self.encode(text)?;
        let decoded = self.inner.decode(tokens.get_ids(), false);
        Ok(decoded.map_err(|source| self.failed(text, source))?.trim() == text)
    }

    /// Entries of the vocabulary that stand for a space and lower-case ASCII letters, the letters only, by number.
    pub(crate) fn words(&self) -> Vec<String> {
        self.entries(|entry| {
            let word = entry.strip_prefix(SPACE_MARKS)?;
            let is_word = word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_lowercase());
            is_word.then(|| word.to_owned())
        })
    }

    /// Entries of the vocabulary that are ASCII letters or digits and nothing else, by number.
    pub(crate) fn pieces(&self) -> Vec<String> {
        self.entries(|entry| {
            let is_piece = !entry.is_empty() && entry.bytes().all(|byte| byte.is_ascii_alphanumeric());
            is_piece.then(|| entry.to_owned())
        })
    }

    fn entries(&self, choose: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let vocabulary = self.inner.get_vocab(false);
        let mut chosen: Vec<(u32, String)> = vocabulary
            .iter()
            .filter_map(|(entry, number)| Some((*number, choose(entry)?)))
            .collect();
        // A map has no order of its own, and prompts must not depend on chance.
        chosen.sort_unstable();
        chosen.into_iter().map(|(_, entry)| entry).collect()
    }

    fn encode(&self, text: &str) -> Result<tokenizers::Encoding, PromptError> {
        let encoded = self.inner.encode_fast(text, false);
        encoded.map_err(|source| self.failed(text, source))
    }

    fn failed(&self, text: &str, source: tokenizers::Error) -> PromptError {
        PromptError::Encode {
            path: self.path.clone(),
            bytes: text.len(),
            source,
        }
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Tokenizer")
            .field("path", &self.path)
            .field("sha256", &self.sha256)
            .finish_non_exhaustive()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PromptError> {
    let failed = |source| PromptError::Read {
        what: "tokenizer",
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(PromptError::TooLarge {
            what: "tokenizer",
            path: path.to_owned(),
            limit: MAX_FILE_BYTES,
        });
    }
    Ok(bytes)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
