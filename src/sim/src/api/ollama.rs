//! Request bodies of Ollama's API, as far as they matter here.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use super::error::ApiError;
use super::generation::{Delivery, Endpoint, GenerationRequest, Wanted};
use super::prompt::{Message, words};
use crate::config::{MAX_MODEL_NAME_BYTES, MAX_OUTPUT_TOKENS};

#[derive(Debug, Deserialize)]
struct OllamaBody<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow)]
    prompt: Option<Cow<'a, str>>,
    #[serde(borrow)]
    messages: Option<Vec<Message<'a>>>,
    stream: Option<bool>,
    options: Option<Options>,
    keep_alive: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Options {
    num_predict: Option<i64>,
}

/// What a request to `/api/pull` means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PullRequest {
    pub(crate) model: String,
    pub(crate) stream: bool,
}

/// Reads the body of a request to `endpoint`.
pub(crate) fn read_generation(endpoint: Endpoint, body: &[u8]) -> Result<Wanted, ApiError> {
    let body: OllamaBody<'_> = serde_json::from_slice(body)?;
    let model = model_name(body.model)?;
    let (empty, prompt_tokens) = if endpoint == Endpoint::OllamaChat {
        let messages = body.messages.unwrap_or_default();
        (messages.is_empty(), messages.iter().map(Message::tokens).sum())
    } else {
        let prompt = body.prompt.unwrap_or_default();
        (prompt.is_empty(), words(&prompt))
    };
    if empty {
        let unload = body.keep_alive.as_ref().is_some_and(is_zero);
        return Ok(if unload {
            Wanted::Unload { model }
        } else {
            Wanted::Load { model }
        });
    }
    let max_tokens = match body.options.and_then(|options| options.num_predict) {
        // -1 means without limit, -2 until the context is full.
        None | Some(-2 | -1) => None,
        Some(tokens) => Some(
            u32::try_from(tokens)
                .ok()
                .filter(|tokens| *tokens <= MAX_OUTPUT_TOKENS)
                .ok_or_else(|| {
                    ApiError::bad_request(format!(
                        "num_predict is {tokens}: it must be at most {MAX_OUTPUT_TOKENS}"
                    ))
                })?,
        ),
    };
    Ok(Wanted::Tokens(GenerationRequest {
        endpoint,
        model: Some(model),
        prompt_tokens,
        max_tokens,
        ignore_eos: false,
        // Ollama always tells the counts at the end.
        delivery: if body.stream.unwrap_or(true) {
            Delivery::Stream { usage: true }
        } else {
            Delivery::Whole
        },
    }))
}

/// Reads the body of a request to `/api/pull`; older clients name the model `name`.
pub(crate) fn read_pull(body: &[u8]) -> Result<PullRequest, ApiError> {
    #[derive(Deserialize)]
    struct PullBody<'a> {
        #[serde(borrow)]
        model: Option<Cow<'a, str>>,
        #[serde(borrow)]
        name: Option<Cow<'a, str>>,
        stream: Option<bool>,
    }
    let body: PullBody<'_> = serde_json::from_slice(body)?;
    Ok(PullRequest {
        model: model_name(body.model.or(body.name))?,
        stream: body.stream.unwrap_or(true),
    })
}

fn model_name(name: Option<Cow<'_, str>>) -> Result<String, ApiError> {
    match name {
        Some(name) if name.len() > MAX_MODEL_NAME_BYTES => {
            Err(ApiError::bad_request("the model's name is too long"))
        }
        Some(name) if !name.is_empty() => Ok(name.into_owned()),
        _ => Err(ApiError::bad_request("model is required")),
    }
}

/// Whether a `keep_alive` (seconds, or text with a unit) is zero.
fn is_zero(keep_alive: &Value) -> bool {
    match keep_alive {
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse() == Ok(0.0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generate(json: &str) -> Result<Wanted, ApiError> {
        read_generation(Endpoint::OllamaGenerate, json.as_bytes())
    }

    #[test]
    fn streams_unless_told_otherwise() {
        let Wanted::Tokens(request) =
            generate(r#"{"model": "m", "prompt": "a b", "options": {"num_predict": 9, "seed": 1}}"#).unwrap()
        else {
            panic!("no generation");
        };
        assert_eq!((request.prompt_tokens, request.max_tokens), (2, Some(9)));
        assert_eq!(request.delivery, Delivery::Stream { usage: true });
        let Wanted::Tokens(request) =
            generate(r#"{"model": "m", "prompt": "a", "stream": false, "options": {"num_predict": -1}}"#)
                .unwrap()
        else {
            panic!("no generation");
        };
        assert_eq!((request.max_tokens, request.delivery), (None, Delivery::Whole));
    }

    #[test]
    fn an_empty_prompt_loads_or_unloads() {
        let model = || "m".to_owned();
        assert_eq!(generate(r#"{"model": "m"}"#), Ok(Wanted::Load { model: model() }));
        for zero in ["0", r#""0""#, r#""0s""#] {
            let json = format!(r#"{{"model": "m", "prompt": "", "keep_alive": {zero}}}"#);
            assert_eq!(generate(&json), Ok(Wanted::Unload { model: model() }), "{zero}");
        }
        for other in ["-1", r#""5m""#, "null"] {
            let json = format!(r#"{{"model": "m", "keep_alive": {other}}}"#);
            assert_eq!(generate(&json), Ok(Wanted::Load { model: model() }), "{other}");
        }
        let chat = read_generation(Endpoint::OllamaChat, br#"{"model": "m", "messages": []}"#);
        assert_eq!(chat, Ok(Wanted::Load { model: model() }));
    }

    #[test]
    fn refuses_nonsense() {
        let bad = [
            "",
            "{}",
            r#"{"model": ""}"#,
            r#"{"model": "m", "prompt": "a", "options": {"num_predict": -3}}"#,
        ];
        for json in bad {
            assert_eq!(generate(json).unwrap_err().status, 400, "{json}");
        }
        assert_eq!(read_pull(b"{}").unwrap_err().status, 400);
    }

    #[test]
    fn pull_knows_the_old_name() {
        let pull = read_pull(br#"{"name": "m", "stream": false}"#).unwrap();
        assert_eq!(
            pull,
            PullRequest {
                model: "m".to_owned(),
                stream: false
            }
        );
    }
}
