//! What may be secret, told by the words of its name.

use crate::tree::{self, Content, Node, Source};

/// Words for a value that is secret. Whole words: the number of output tokens is no secret.
const SECRETS: [&str; 8] = [
    "secret",
    "password",
    "passwd",
    "passphrase",
    "token",
    "key",
    "apikey",
    "credential",
];
/// Words that others are joined to without a mark between them, as in `authtoken`.
const ENDINGS: [&str; 4] = ["secret", "password", "token", "apikey"];
/// Words for what secrets are kept in.
const HOLDERS: [&str; 3] = ["secrets", "credentials", "environment"];

/// Stands in the place of what may be secret.
const MASK: &str = "***";

/// Whether a variable's name says that its value is secret. The last word counts: `HF_TOKEN_PATH` is a path.
pub(crate) fn is_secret_name(name: &str) -> bool {
    words(name).next_back().is_some_and(|word| is_secret(&word))
}

/// An override, `PATH=VALUE`, as it may be kept and shown: without its value, if that or a part of it may be secret.
pub fn without_secrets(text: &str) -> String {
    match text.split_once('=') {
        Some((path, value)) if tells_of_secrets(path) || has_secrets(value) => format!("{path}={MASK}"),
        _ => text.to_owned(),
    }
}

fn words(text: &str) -> impl DoubleEndedIterator<Item = String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
}

fn is_secret(word: &str) -> bool {
    SECRETS.contains(&word) || ENDINGS.iter().any(|ending| word.ends_with(ending))
}

/// Whether a key or a path leads to a secret.
fn tells_of_secrets(path: &str) -> bool {
    words(path).any(|word| is_secret(&word) || HOLDERS.contains(&word.as_str()))
}

/// Whether a value in YAML has secrets inside. One that cannot be read may.
fn has_secrets(value: &str) -> bool {
    let (node, problems) = tree::parse(value.as_bytes(), Source::Override(0));
    !problems.is_empty() || node.is_some_and(|node| holds_secrets(&node))
}

fn holds_secrets(node: &Node) -> bool {
    match &node.content {
        Content::Null | Content::Bool(_) | Content::Number(_) => false,
        // An argument, such as `--api-key=…`.
        Content::String(text) => words(text).any(|word| is_secret(&word)),
        Content::Sequence(items) => items.iter().any(holds_secrets),
        Content::Mapping(entries) => entries
            .iter()
            .any(|entry| tells_of_secrets(&entry.key) || holds_secrets(&entry.value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_is_masked() {
        for (text, kept) in [
            (
                "service.environment.HF_TOKEN=hf_x",
                "service.environment.HF_TOKEN=***",
            ),
            (
                "service.environment.HF_TOKEN.x=a=b",
                "service.environment.HF_TOKEN.x=***",
            ),
            ("service.environment={HF_TOKEN: hf_x}", "service.environment=***"),
            ("service.environment={LANG: hf_x}", "service.environment=***"),
            ("service={kind: vllm, environment: {A: hf_x}}", "service=***"),
            ("service={\"environ\\x6dent\": {A: hf_x}}", "service=***"),
            (
                "sweep.matrix.service.environment.A=[hf_x]",
                "sweep.matrix.service.environment.A=***",
            ),
            ("sweep.matrix={service.environment.A: [hf_x]}", "sweep.matrix=***"),
            ("service.options.api_key=hf_x", "service.options.api_key=***"),
            ("service.options={apiKey: hf_x}", "service.options=***"),
            (
                "service.options={auth: [{authtoken: hf_x}]}",
                "service.options=***",
            ),
            (
                "service.options.extra_args=[--api-key, hf_x]",
                "service.options.extra_args=***",
            ),
            (
                "service.options.extra_args=[--password=hf_x]",
                "service.options.extra_args=***",
            ),
            ("service.options={hf_x: [}", "service.options=***"),
        ] {
            assert_eq!(without_secrets(text), kept);
        }
    }

    #[test]
    fn what_is_none_is_kept() {
        for text in [
            "workload.prompts.output_tokens=8",
            "workload.prompts={source: synthetic, input_tokens: 64, output_tokens: 16}",
            "sweep.matrix={workload.load.concurrency: [1, 2]}",
            "service.options={tokenizer: there, monkey: 7}",
            "description=in the usual environment",
            "workload.duration",
        ] {
            assert_eq!(without_secrets(text), text);
        }
    }

    #[test]
    fn the_last_word_of_a_variable_counts() {
        for name in [
            "HF_TOKEN",
            "OPENAI_API_KEY",
            "DB_PASSWORD",
            "myToken",
            "SECRET",
            "X_APIKEY_",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "HF_TOKEN_PATH",
            "TOKENIZERS_PARALLELISM",
            "MAX_TOKENS",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "KEYS",
            "_",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
