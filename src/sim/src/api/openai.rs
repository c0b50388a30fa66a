//! Request bodies of OpenAI's chat and completions, as far as they matter here. Unknown fields are ignored, as the real
//! servers do.

use std::borrow::Cow;

use serde::Deserialize;

use super::error::ApiError;
use super::generation::{Delivery, Endpoint, GenerationRequest};
use super::prompt::{Message, Prompt};
use crate::config::MAX_OUTPUT_TOKENS;

#[derive(Debug, Deserialize)]
struct OpenAiBody<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow)]
    messages: Option<Vec<Message<'a>>>,
    #[serde(borrow)]
    prompt: Option<Prompt<'a>>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    ignore_eos: Option<bool>,
    n: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

/// Reads the body of a request to `endpoint`.
pub(crate) fn read_generation(endpoint: Endpoint, body: &[u8]) -> Result<GenerationRequest, ApiError> {
    let body: OpenAiBody<'_> = serde_json::from_slice(body)?;
    if body.n.is_some_and(|n| n != 1) {
        return Err(ApiError::bad_request("only n = 1 is supported"));
    }
    let delivery = if body.stream.unwrap_or(false) {
        Delivery::Stream {
            usage: body
                .stream_options
                .as_ref()
                .and_then(|all| all.include_usage)
                .unwrap_or(false),
        }
    } else {
        Delivery::Whole
    };
    Ok(GenerationRequest {
        endpoint,
        prompt_tokens: prompt_tokens(endpoint, &body)?,
        max_tokens: body
            .max_completion_tokens
            .or(body.max_tokens)
            .map(limit)
            .transpose()?,
        ignore_eos: body.ignore_eos.unwrap_or(false),
        delivery,
        model: body.model.map(Cow::into_owned),
    })
}

fn prompt_tokens(endpoint: Endpoint, body: &OpenAiBody<'_>) -> Result<u32, ApiError> {
    if endpoint == Endpoint::Chat {
        return match &body.messages {
            Some(messages) if !messages.is_empty() => Ok(messages.iter().map(Message::tokens).sum()),
            _ => Err(ApiError::bad_request("`messages` is missing or empty")),
        };
    }
    let prompt = body
        .prompt
        .as_ref()
        .ok_or_else(|| ApiError::bad_request("`prompt` is missing"))?;
    if prompt.count() != 1 {
        return Err(ApiError::bad_request("only one prompt per request is supported"));
    }
    Ok(prompt.tokens())
}

fn limit(tokens: i64) -> Result<u32, ApiError> {
    u32::try_from(tokens)
        .ok()
        .filter(|tokens| *tokens <= MAX_OUTPUT_TOKENS)
        .ok_or_else(|| {
            ApiError::bad_request(format!(
                "max_tokens is {tokens}: it must lie between 0 and {MAX_OUTPUT_TOKENS}"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(json: &str) -> Result<GenerationRequest, ApiError> {
        read_generation(Endpoint::Chat, json.as_bytes())
    }

    const MESSAGES: &str = r#""messages": [{"role": "user", "content": "a b c"}]"#;

    #[test]
    fn reads_a_streamed_chat() {
        let json = format!(
            r#"{{"model": "m", {MESSAGES}, "stream": true, "stream_options": {{"include_usage": true}},
                "max_tokens": 5, "max_completion_tokens": 7, "ignore_eos": true, "temperature": 0}}"#
        );
        let expected = GenerationRequest {
            endpoint: Endpoint::Chat,
            model: Some("m".to_owned()),
            prompt_tokens: 3,
            max_tokens: Some(7),
            ignore_eos: true,
            delivery: Delivery::Stream { usage: true },
        };
        assert_eq!(chat(&json), Ok(expected));
    }

    #[test]
    fn reads_a_whole_completion() {
        let request = read_generation(Endpoint::Completions, br#"{"prompt": [1, 2]}"#).unwrap();
        assert_eq!(request.delivery, Delivery::Whole);
        assert_eq!(
            (request.prompt_tokens, request.max_tokens, request.model),
            (2, None, None)
        );
    }

    #[test]
    fn refuses_what_servers_refuse() {
        let long = format!(r#"{{{MESSAGES}, "max_tokens": 1000001}}"#);
        let negative = format!(r#"{{{MESSAGES}, "max_tokens": -1}}"#);
        let several = format!(r#"{{{MESSAGES}, "n": 2}}"#);
        let bad = [
            "",
            "{",
            "[]",
            "{}",
            r#"{"messages": []}"#,
            r#"{"messages": 5}"#,
            &long,
            &negative,
            &several,
        ];
        for json in bad {
            assert_eq!(chat(json).unwrap_err().status, 400, "{json}");
        }
        for json in [&b"{}"[..], br#"{"prompt": ["a", "b"]}"#, b"\xff"] {
            assert_eq!(
                read_generation(Endpoint::Completions, json).unwrap_err().status,
                400
            );
        }
    }
}
