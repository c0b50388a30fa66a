//! Request bodies.

use serde_json::{Map, Value, json};

use crate::prompts::{Nonce, Prompt};
use crate::spec::{Dialect, Sampling};

/// The body of a trial's requests, rendered once but for the prompt and the number of tokens.
#[derive(Debug, Clone)]
pub(crate) struct BodyTemplate {
    /// Up to the prompt's value.
    before: Vec<u8>,
    /// From the prompt's value to the number of output tokens.
    between: Vec<u8>,
    /// After the number of output tokens.
    after: Vec<u8>,
}

/// Stand for the two values that differ from request to request while the rest is made into JSON.
const PROMPT: &str = "\u{f8ff}prompt\u{f8ff}";
const TOKENS: &str = "\u{f8ff}tokens\u{f8ff}";

impl BodyTemplate {
    pub(crate) fn new(dialect: Dialect, model: &str, stream: bool, sampling: Sampling) -> Self {
        // The name of the model comes last, so that no text of the user's can be taken for one of the marks.
        let body = match dialect {
            Dialect::Chat | Dialect::Completions => openai_body(dialect, model, stream, sampling),
            Dialect::Generate | Dialect::OllamaChat => ollama_body(dialect, model, stream, sampling),
        };
        let text = body.to_string();
        let (before, rest) = text.split_once(&format!("\"{PROMPT}\"")).unwrap_or((&text, ""));
        let (between, after) = rest.split_once(&format!("\"{TOKENS}\"")).unwrap_or((rest, ""));
        Self {
            before: before.into(),
            between: between.into(),
            after: after.into(),
        }
    }

    /// Appends the body of one request to `out`.
    pub(crate) fn render(&self, prompt: &Prompt, nonce: Nonce, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.before);
        out.extend_from_slice(&prompt.head);
        nonce.write(prompt.nonce_words, out);
        out.extend_from_slice(&prompt.tail);
        out.extend_from_slice(&self.between);
        push_number(out, prompt.output_planned);
        out.extend_from_slice(&self.after);
    }
}

fn openai_body(dialect: Dialect, model: &str, stream: bool, sampling: Sampling) -> Value {
    let mut body = Map::new();
    let prompt = if dialect.takes_messages() {
        "messages"
    } else {
        "prompt"
    };
    body.insert(prompt.into(), PROMPT.into());
    body.insert("max_tokens".into(), TOKENS.into());
    body.insert("stream".into(), stream.into());
    if stream {
        body.insert("stream_options".into(), json!({"include_usage": true}));
    }
    insert_some(&mut body, "temperature", sampling.temperature);
    insert_some(&mut body, "seed", sampling.seed);
    if sampling.ignore_eos {
        body.insert("ignore_eos".into(), true.into());
    }
    body.insert("model".into(), model.into());
    body.into()
}

fn ollama_body(dialect: Dialect, model: &str, stream: bool, sampling: Sampling) -> Value {
    let mut options = Map::new();
    options.insert("num_predict".into(), TOKENS.into());
    insert_some(&mut options, "temperature", sampling.temperature);
    insert_some(&mut options, "seed", sampling.seed);
    let mut body = Map::new();
    let prompt = if dialect.takes_messages() {
        "messages"
    } else {
        "prompt"
    };
    body.insert(prompt.into(), PROMPT.into());
    body.insert("options".into(), options.into());
    body.insert("stream".into(), stream.into());
    body.insert("model".into(), model.into());
    body.into()
}

fn insert_some(map: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        map.insert(key.into(), value.into());
    }
}

/// Appends a number in decimal digits.
pub(crate) fn push_number(out: &mut Vec<u8>, number: u32) {
    let mut digits = [0_u8; 10];
    let mut rest = number;
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(10 - used..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(dialect: Dialect, stream: bool, sampling: Sampling) -> Value {
        let value = if dialect.takes_messages() {
            r#"[{"role":"user","content":""#
        } else {
            "\""
        };
        let prompt = Prompt {
            head: value.as_bytes().into(),
            tail: if dialect.takes_messages() {
                *b"x\"}]"
            } else {
                *b"xyz\""
            }
            .into(),
            nonce_words: 0,
            input_planned: None,
            output_planned: 128,
        };
        let mut out = Vec::new();
        BodyTemplate::new(dialect, "m\"1", stream, sampling).render(
            &prompt,
            Nonce::of_request(0, 0),
            &mut out,
        );
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn openai_bodies() {
        let sampling = Sampling {
            temperature: Some(0.0),
            seed: Some(42),
            ignore_eos: true,
        };
        assert_eq!(
            render(Dialect::Chat, true, sampling),
            json!({"model": "m\"1", "messages": [{"role": "user", "content": "x"}], "max_tokens": 128, "stream": true,
                "stream_options": {"include_usage": true}, "temperature": 0.0, "seed": 42, "ignore_eos": true})
        );
        assert_eq!(
            render(Dialect::Completions, false, Sampling::default()),
            json!({"model": "m\"1", "prompt": "xyz", "max_tokens": 128, "stream": false})
        );
    }

    #[test]
    fn ollama_bodies() {
        let sampling = Sampling {
            temperature: Some(0.5),
            seed: Some(1),
            ignore_eos: true,
        };
        assert_eq!(
            render(Dialect::OllamaChat, true, sampling),
            json!({"model": "m\"1", "messages": [{"role": "user", "content": "x"}], "stream": true,
                "options": {"num_predict": 128, "temperature": 0.5, "seed": 1}})
        );
        assert_eq!(
            render(Dialect::Generate, true, Sampling::default()),
            json!({"model": "m\"1", "prompt": "xyz", "stream": true, "options": {"num_predict": 128}})
        );
    }

    #[test]
    fn numbers() {
        for number in [0, 7, 10, 4_294_967_295] {
            let mut out = Vec::new();
            push_number(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }
}
