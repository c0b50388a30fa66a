use proptest::prelude::*;

use super::*;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const EVENTS: [&str; 6] = [
    r#"data: {"choices":[{"delta":{"role":"assistant","content":""}}]}"#,
    r#"data: {"choices":[{"delta":{"content":"Hel"}}]}"#,
    ": ping",
    r#"data: {"choices":[{"delta":{"content":"lo"},"finish_reason":"stop"}]}"#,
    r#"data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
    "data: [DONE]",
];

fn chunked(head: &str, events: &[&str]) -> String {
    let chunks: Vec<String> = events
        .iter()
        .map(|event| format!("{:x}\r\n{event}\n\n\r\n", event.len() + 2))
        .collect();
    let chunks = chunks.concat();
    format!("{head}{chunks}0\r\n\r\n")
}

fn with_length(status: &str, content_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Feeds the parts, then the end of the connection if `close`.
fn read(
    dialect: Dialect,
    stream: bool,
    parts: &[&[u8]],
    close: bool,
) -> (ResponseReader, Vec<StreamEvent>, Option<Fault>) {
    let mut reader = ResponseReader::new(dialect, stream);
    let mut events = Vec::new();
    for part in parts {
        if let Err(fault) = reader.feed(part, &mut events) {
            return (reader, events, Some(fault));
        }
    }
    let fault = if close {
        reader.end_of_input(&mut events).err()
    } else {
        None
    };
    (reader, events, fault)
}

fn verdict(dialect: Dialect, stream: bool, text: &str, close: bool) -> Result<(), ErrorKind> {
    let (reader, _, fault) = read(dialect, stream, &[text.as_bytes()], close);
    if let Some(fault) = fault {
        return Err(fault.kind);
    }
    assert!(reader.is_complete());
    reader.summary().verdict(5).map_err(|fault| fault.kind)
}

#[test]
fn a_stream_split_at_every_byte() {
    let text = chunked(HEAD, &EVENTS);
    for at in 0..=text.len() {
        let (a, b) = text.as_bytes().split_at(at);
        let (reader, events, fault) = read(Dialect::Chat, true, &[a, b], false);
        assert_eq!(fault, None);
        assert!(reader.is_complete() && reader.keeps_connection(), "split at {at}");
        let kinds: Vec<u16> = events.iter().map(|event| event.kind.0).collect();
        assert_eq!(kinds, [1, 3, 512, 1 | 2 | 32, 64, 128], "split at {at}");
        assert_eq!(events[1].text_bytes + events[3].text_bytes, 5);
        let summary = reader.into_summary();
        assert_eq!(
            (summary.token_chunks, summary.usage.output, summary.events),
            (2, Some(2), 6)
        );
        assert_eq!(summary.verdict(5), Ok(()));
    }
}

#[test]
fn untouched_until_the_first_byte() {
    let (reader, ..) = read(Dialect::Chat, true, &[], false);
    assert!(reader.is_untouched());
    let (reader, ..) = read(Dialect::Chat, true, &[b"H"], false);
    assert!(!reader.is_untouched());
}

#[test]
fn the_end_of_a_read_within_an_event_is_known() {
    let text = format!("{HEAD}{:x}\r\n{}\n\ndata: {{\r\n", EVENTS[1].len() + 9, EVENTS[1]);
    let (reader, events, _) = read(Dialect::Chat, true, &[text.as_bytes()], false);
    assert!(events.len() == 1 && reader.ends_within_event());
}

#[test]
fn continuous_usage_becomes_tokens_per_event() {
    let event = |total| {
        format!(
            r#"data: {{"choices":[{{"delta":{{"content":"x"}}}}],"usage":{{"completion_tokens":{total}}}}}"#
        )
    };
    let text = chunked(HEAD, &[&event(1), &event(4), EVENTS[4], EVENTS[5]]);
    let (_, events, _) = read(Dialect::Chat, true, &[text.as_bytes()], false);
    let tokens: Vec<_> = events.iter().map(|event| event.tokens).collect();
    assert_eq!(tokens, [Some(1), Some(3), None, None]);
}

#[test]
fn cut_streams() {
    let whole = chunked(HEAD, &EVENTS);
    let cut = |text: &str| verdict(Dialect::Chat, true, text, true);
    assert_eq!(cut(&whole[..HEAD.len() + 100]), Err(ErrorKind::CutStream));
    assert_eq!(cut(&whole[..20]), Err(ErrorKind::CutStream));
    // Done, but for the end of the chunks.
    assert_eq!(cut(whole.strip_suffix("0\r\n\r\n").unwrap()), Ok(()));
    // In order, but never said to be done.
    assert_eq!(cut(&chunked(HEAD, &EVENTS[..2])), Err(ErrorKind::CutStream));
    // Without an end mark, but with a finish reason.
    assert_eq!(cut(&chunked(HEAD, &EVENTS[..5])), Ok(()));
    assert_eq!(
        cut(&chunked(HEAD, &[EVENTS[0], EVENTS[5]])),
        Err(ErrorKind::Empty)
    );
}

#[test]
fn a_body_that_ends_with_the_connection() {
    let text = format!("HTTP/1.1 200 OK\r\n\r\n{}\n\n{}\n\n", EVENTS[3], EVENTS[5]);
    let (reader, events, fault) = read(Dialect::Chat, true, &[text.as_bytes()], true);
    assert!(fault.is_none() && reader.is_complete() && !reader.keeps_connection());
    assert_eq!(events.len(), 2);
}

#[test]
fn error_statuses_carry_the_servers_words() {
    let text = with_length(
        "429 Too Many",
        "application/json",
        r#"{"error":{"message":"slow down"}}"#,
    );
    let (reader, events, fault) = read(Dialect::Chat, true, &[text.as_bytes()], false);
    assert!(fault.is_none() && events.is_empty() && reader.keeps_connection());
    let fault = reader.summary().verdict(5).unwrap_err();
    assert_eq!(
        (fault.kind, &*fault.text),
        (ErrorKind::HttpStatus, "status 429: slow down")
    );
    let long = with_length("500 Oops", "text/html", &"x".repeat(100_000));
    assert_eq!(
        verdict(Dialect::Chat, true, &long, false),
        Err(ErrorKind::HttpStatus)
    );
    assert_eq!(
        verdict(
            Dialect::Chat,
            true,
            "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n",
            false
        ),
        Err(ErrorKind::HttpStatus)
    );
}

#[test]
fn what_a_server_told_of_is_known_without_the_responses_end() {
    let told = |text: &str| {
        let (reader, _, fault) = read(Dialect::Chat, true, &[text.as_bytes()], true);
        let told = reader
            .failure()
            .map(|fault| (fault.kind, fault.text.into_owned()));
        (fault.map(|fault| fault.kind), told)
    };
    let status = |text: &str| Some((ErrorKind::HttpStatus, text.to_owned()));
    let cut = Some(ErrorKind::CutStream);
    let head = "HTTP/1.1 500 Oops\r\ncontent-length: 99\r\n";
    assert_eq!(
        told(&format!("{head}\r\nno GPU")),
        (cut, status("status 500: no GPU"))
    );
    let encoded = format!("{head}content-encoding: gzip\r\n\r\n\x1f");
    let (ended_by, said) = told(&encoded);
    assert_eq!((ended_by, said), (cut, status(&format!("status 500: {ENCODED}"))));
    let whole = "HTTP/1.1 502 Oops\r\ncontent-length: 1\r\ncontent-encoding: gzip\r\n\r\n\x1f";
    assert_eq!(told(whole), (None, status(&format!("status 502: {ENCODED}"))));
    let error = chunked(HEAD, &[EVENTS[1], r#"data: {"error":{"message":"CUDA"}}"#]);
    let unfinished = error.strip_suffix("0\r\n\r\n").unwrap();
    assert_eq!(told(unfinished), (cut, Some((ErrorKind::Server, "CUDA".into()))));
    // Nothing was told of.
    assert_eq!(told(&chunked(HEAD, &EVENTS)[..HEAD.len() + 100]), (cut, None));
    let encoded = "HTTP/1.1 200 OK\r\ncontent-encoding: br\r\n\r\nx";
    assert_eq!(told(encoded), (Some(ErrorKind::Malformed), None));
}

#[test]
fn errors_inside_a_200() {
    let error = r#"data: {"error":{"message":"CUDA"}}"#;
    assert_eq!(
        verdict(Dialect::Chat, true, &chunked(HEAD, &[EVENTS[1], error]), false),
        Err(ErrorKind::Server)
    );
    let document = with_length(
        "200 OK",
        "application/json",
        r#"{"object":"error","message":"x"}"#,
    );
    assert_eq!(
        verdict(Dialect::Chat, true, &document, false),
        Err(ErrorKind::Server)
    );
    let document = with_length("200 OK", "application/json", r#"{"choices":[{"text":"x"}]}"#);
    assert_eq!(
        verdict(Dialect::Completions, true, &document, false),
        Err(ErrorKind::Malformed)
    );
}

#[test]
fn documents() {
    let body = r#"{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"completion_tokens":2}}"#;
    let text = with_length("200 OK", "application/json", body);
    let (reader, events, fault) = read(Dialect::Chat, false, &[text.as_bytes()], false);
    assert!(fault.is_none() && events.is_empty());
    assert_eq!(
        (reader.summary().usage.output, reader.summary().verdict(1)),
        (Some(2), Ok(()))
    );
    let empty = with_length(
        "200 OK",
        "application/json",
        r#"{"choices":[{"message":{"content":""}}]}"#,
    );
    assert_eq!(
        verdict(Dialect::Chat, false, &empty, false),
        Err(ErrorKind::Empty)
    );
    assert_eq!(
        verdict(
            Dialect::Chat,
            false,
            &with_length("200 OK", "text/html", "<html>"),
            false
        ),
        Err(ErrorKind::Malformed)
    );
}

#[test]
fn ollama_lines() {
    let body = "{\"response\":\"a\",\"done\":false}\n{\"response\":\"\",\"done\":true,\"eval_count\":1}\n";
    let text = with_length("200 OK", "application/x-ndjson", body);
    let (reader, events, fault) = read(Dialect::Generate, true, &[text.as_bytes()], false);
    assert!(fault.is_none() && events.len() == 2);
    assert_eq!(
        (reader.summary().usage.output, reader.summary().verdict(1)),
        (Some(1), Ok(()))
    );
    let cut = with_length(
        "200 OK",
        "application/x-ndjson",
        "{\"response\":\"a\",\"done\":false}\n",
    );
    assert_eq!(
        verdict(Dialect::Generate, true, &cut, false),
        Err(ErrorKind::CutStream)
    );
}

#[test]
fn informational_responses_are_skipped() {
    let text = format!(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n{}",
        chunked(HEAD, &EVENTS)
    );
    assert_eq!(verdict(Dialect::Chat, true, &text, false), Ok(()));
    assert_eq!(
        verdict(Dialect::Chat, true, "HTTP/1.1 101 Switch\r\n\r\n", false),
        Err(ErrorKind::Malformed)
    );
    let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
    assert_eq!(
        verdict(Dialect::Chat, true, &endless, false),
        Err(ErrorKind::Malformed)
    );
}

#[test]
fn what_follows_a_response_spoils_the_connection() {
    let text = format!("{}HTTP/1.1", chunked(HEAD, &EVENTS));
    let (reader, _, fault) = read(Dialect::Chat, true, &[text.as_bytes()], false);
    assert!(fault.is_none() && reader.is_complete() && !reader.keeps_connection());
}

#[test]
fn a_fault_keeps_the_events_before_it() {
    let text = chunked(HEAD, &[EVENTS[1], "data: {nonsense"]);
    let (_, events, fault) = read(Dialect::Chat, true, &[text.as_bytes()], false);
    assert_eq!((events.len(), fault.unwrap().kind), (1, ErrorKind::Malformed));
}

proptest! {
    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..400), after_head: bool, stream: bool) {
        let head = if after_head { HEAD.as_bytes() } else { b"" };
        for dialect in [Dialect::Chat, Dialect::Generate] {
            read(dialect, stream, &[head, &noise], true);
        }
    }

    #[test]
    fn damage_never_panics(at in 0_usize..400, byte: u8, step in 1_usize..50) {
        let mut text = chunked(HEAD, &EVENTS).into_bytes();
        let at = at % text.len();
        text[at] = byte;
        let parts: Vec<&[u8]> = text.chunks(step).collect();
        read(Dialect::Chat, true, &parts, true);
    }
}
