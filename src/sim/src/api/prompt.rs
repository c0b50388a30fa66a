//! Prompts and their length. The service has no tokenizer: a word is a token.

use std::borrow::Cow;

use serde::Deserialize;

/// The prompt of a completion.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Prompt<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    TokenIds(Vec<u32>),
    /// A batch; allowed with a single entry.
    Texts(#[serde(borrow)] Vec<Cow<'a, str>>),
    Batches(Vec<Vec<u32>>),
}

/// One message of a chat.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    content: Option<Content<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Parts(#[serde(borrow)] Vec<Part<'a>>),
}

#[derive(Debug, Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

impl Prompt<'_> {
    /// How many prompts this is.
    pub(super) const fn count(&self) -> usize {
        match self {
            Self::Text(_) | Self::TokenIds(_) => 1,
            Self::Texts(all) => all.len(),
            Self::Batches(all) => all.len(),
        }
    }

    pub(super) fn tokens(&self) -> u32 {
        match self {
            Self::Text(text) => words(text),
            Self::TokenIds(ids) => ids.len() as u32,
            Self::Texts(all) => all.iter().map(|text| words(text)).sum(),
            Self::Batches(all) => all.iter().map(|ids| ids.len() as u32).sum(),
        }
    }
}

impl Message<'_> {
    pub(super) fn tokens(&self) -> u32 {
        match &self.content {
            None => 0,
            Some(Content::Text(text)) => words(text),
            Some(Content::Parts(parts)) => parts
                .iter()
                .filter_map(|part| part.text.as_deref())
                .map(words)
                .sum(),
        }
    }
}

/// Words separated by white space. The limit on bodies keeps the count far below the type's.
pub(super) fn words(text: &str) -> u32 {
    text.split_ascii_whitespace().count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(json: &str) -> (usize, u32) {
        let prompt: Prompt<'_> = serde_json::from_str(json).unwrap();
        (prompt.count(), prompt.tokens())
    }

    #[test]
    fn every_shape_of_a_prompt_is_counted() {
        assert_eq!(prompt(r#""one two\n three""#), (1, 3));
        assert_eq!(prompt("[1, 2, 3, 4]"), (1, 4));
        assert_eq!(prompt(r#"["one", "two three"]"#), (2, 3));
        assert_eq!(prompt("[[1, 2], [3]]"), (2, 3));
        assert_eq!(prompt(r#""""#), (1, 0));
    }

    #[test]
    fn every_shape_of_a_message_is_counted() {
        let tokens = |json: &str| serde_json::from_str::<Message<'_>>(json).unwrap().tokens();
        assert_eq!(tokens(r#"{"role": "user", "content": "a b"}"#), 2);
        assert_eq!(
            tokens(r#"{"content": [{"type": "text", "text": "a \u00e9 c"}, {"type": "image_url"}]}"#),
            3
        );
        assert_eq!(tokens(r#"{"content": null}"#), 0);
    }
}
