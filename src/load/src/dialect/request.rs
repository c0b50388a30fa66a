//! Request bodies.

use serde_json::{Map, Value, json};

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

    /// Appends the body of one request to `out`: `prompt` is the JSON value of its prompt or messages, `history` what
    /// goes before the first of the messages, each followed by a comma.
    pub(crate) fn render(&self, history: &[u8], prompt: &[u8], output_tokens: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.before);
        match prompt.split_first() {
            Some((bracket, messages)) if !history.is_empty() => {
                out.push(*bracket);
                out.extend_from_slice(history);
                out.extend_from_slice(messages);
            }
            _ => out.extend_from_slice(prompt),
        }
        out.extend_from_slice(&self.between);
        push_number(out, output_tokens);
        out.extend_from_slice(&self.after);
    }
}

/// What stands around a prompt's text to make it the JSON value that the dialect wants.
pub(crate) const fn prompt_frame(dialect: Dialect) -> (&'static str, &'static str) {
    if dialect.takes_messages() {
        (r#"[{"role":"user","content":""#, r#""}]"#)
    } else {
        ("\"", "\"")
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
        let (open, close) = prompt_frame(dialect);
        let text = if dialect.takes_messages() { "x" } else { "xyz" };
        let mut out = Vec::new();
        let prompt = format!("{open}{text}{close}");
        BodyTemplate::new(dialect, "m\"1", stream, sampling).render(b"", prompt.as_bytes(), 128, &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn what_was_said_before_comes_first() {
        let mut out = Vec::new();
        let template = BodyTemplate::new(Dialect::Chat, "m", true, Sampling::default());
        template.render(b"{\"a\":1},{\"b\":2},", b"[{\"c\":3}]", 1, &mut out);
        let body: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(body.get("messages"), Some(&json!([{"a": 1}, {"b": 2}, {"c": 3}])));
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
