//! Answers that are right, in all their variety.

use std::thread::sleep;
use std::time::Duration;

use hpcbench_load::{Dialect, Length, Secret, Start, prepare};
use hpcbench_records::{ErrorKind, EventKind, Phase, Status, TokensSource};
use hpcbench_stats::StampSource;

use crate::server::{After, DONE, STREAM_HEAD, Server, content, event, finish, role, say, stream, usage};
use crate::{run, single, spec};

const GAP: Duration = Duration::from_millis(20);

#[test]
fn a_stream_becomes_a_record() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| stream(socket, 3, GAP));
    let (records, outcome) = run(spec(server.address, &scratch));
    let record = &records[0];
    assert_eq!(
        (record.status, record.error_kind, record.http_status),
        (Status::Ok, None, Some(200))
    );
    assert_eq!(
        (record.phase, record.cohort, record.stream),
        (Phase::Window, true, true)
    );
    assert_eq!(
        (record.node.as_str(), record.request_id.as_str(), record.seq),
        ("n1", "t-0", 0)
    );
    assert_eq!(record.finish_reason.as_deref(), Some("length"));
    let tokens = record.tokens;
    assert_eq!((tokens.input_planned, tokens.input_usage), (Some(12), Some(7)));
    assert_eq!(
        (tokens.output_planned, tokens.output_usage, tokens.chunks),
        (Some(3), Some(3), Some(3))
    );
    assert_eq!(tokens.source, TokensSource::Usage);
    let kinds: Vec<u16> = record.events.kind.iter().map(|kind| kind.0).collect();
    assert_eq!(kinds, [1, 3, 3, 3, 1 | 32, 64, 128]);
    assert_eq!(outcome.engine.stamps, StampSource::Kernel);
    assert!(!outcome.cancelled && outcome.window.drained);
    assert_eq!(outcome.window.t2, record.times.sent.unwrap() + 1);
}

#[test]
fn times_are_in_order_and_close_to_the_truth() {
    let record = single(|_, socket| stream(socket, 3, GAP));
    let times = record.times;
    let order = [
        Some(times.intended),
        times.dispatch,
        times.connect_start,
        times.connect_end,
        times.send_start,
        times.sent,
        times.headers,
        times.first,
        times.last,
        times.end,
    ];
    let order: Vec<i64> = order.into_iter().map(Option::unwrap).collect();
    assert!(order.is_sorted(), "{order:?}");
    assert!(times.send_done >= times.sent && times.tls_end.is_none());
    assert_eq!(times.first, times.first_nonreasoning);
    let ttft = times.first.unwrap() - times.sent.unwrap();
    assert!((20_000_000..2_000_000_000).contains(&ttft), "{ttft}");
    let events = &record.events;
    // Tokens that came alone are exact; twenty milliseconds are enough for at least one of them.
    assert!(events.uncertainty[1..3].contains(&0), "{:?}", events.uncertainty);
    assert!(events.t.is_sorted() && events.t.len() == events.read_lag.len());
}

#[test]
fn the_request_is_what_the_service_expects() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| stream(socket, 1, Duration::ZERO));
    let mut spec = spec(server.address, &scratch);
    spec.endpoints[0].key = Some(1);
    spec.endpoints[0].base_path = "/openai/v1".into();
    let secrets = [Secret::new("wrong"), Secret::new("s3cret")];
    prepare(spec, &secrets)
        .unwrap()
        .start(Start::Now)
        .unwrap()
        .join()
        .unwrap();
    let request = &server.requests()[0];
    assert!(
        request
            .head
            .starts_with("POST /openai/v1/chat/completions HTTP/1.1\r\n"),
        "{}",
        request.head
    );
    assert_eq!(request.header("host"), Some("server"));
    assert_eq!(request.header("x-request-id"), Some("t-0"));
    assert_eq!(request.header("authorization"), Some("Bearer s3cret"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(
        (&request.body["model"], &request.body["max_tokens"]),
        (&"m".into(), &3.into())
    );
    assert_eq!(request.body["stream_options"]["include_usage"], true);
    let prompt = request.body["messages"][0]["content"].as_str().unwrap();
    assert_eq!(prompt.split_whitespace().count(), 12);
}

#[test]
fn connections_are_used_again() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| stream(socket, 1, 2 * GAP));
    let mut spec = spec(server.address, &scratch);
    spec.length = Length::Requests(5);
    let (records, outcome) = run(spec);
    assert!(records.iter().all(|record| record.status == Status::Ok));
    // The second request cannot know yet whether the first one's connection lasts.
    let reused: Vec<bool> = records.iter().map(|record| record.conn_reused).collect();
    assert_eq!(reused, [false, false, true, true, true]);
    assert!(
        records[2..]
            .iter()
            .all(|record| record.times.connect_start.is_none() && record.conn_id == records[1].conn_id)
    );
    // A user's next request is meant to begin when its last one ended.
    assert!(
        records
            .windows(2)
            .all(|pair| pair[1].times.intended == pair[0].times.end.unwrap())
    );
    // All but the first, with which the load began.
    assert_eq!(outcome.engine.lateness.count(), 4);
    let prompts: std::collections::HashSet<String> = server
        .requests()
        .iter()
        .map(|request| request.body["messages"].to_string())
        .collect();
    assert_eq!(prompts.len(), 5);
}

#[test]
fn a_server_that_closes_after_each_answer() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| {
        say(
            socket,
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n",
        );
        say(socket, "data: [DONE]\n\n");
        After::Close
    });
    let mut spec = spec(server.address, &scratch);
    spec.length = Length::Requests(3);
    let (records, _) = run(spec);
    assert!(
        records
            .iter()
            .all(|record| record.status == Status::Ok && !record.conn_reused)
    );
}

#[test]
fn several_chunks_in_one_read_are_uncertain_but_for_the_last() {
    let record = single(|_, socket| {
        say(socket, STREAM_HEAD);
        sleep(GAP);
        say(socket, &[content("a"), content("b"), content("c")].concat());
        sleep(GAP);
        say(socket, &format!("{}{DONE}", finish()));
        After::Close
    });
    let events = &record.events;
    assert_eq!(record.tokens.chunks, Some(3));
    // The socket was seen empty when the head had been read, some twenty milliseconds before.
    assert!(
        events.uncertainty[0] > 0 && events.uncertainty[1] > 0,
        "{:?}",
        events.uncertainty
    );
    assert_eq!(events.uncertainty[2], 0);
    assert_eq!(events.t[0], events.t[2]);
}

#[test]
fn several_tokens_in_a_chunk_are_counted_by_usage() {
    let record = single(|_, socket| {
        say(
            socket,
            &[
                STREAM_HEAD,
                &role(),
                &content("one two three"),
                &content("four"),
                &finish(),
                &usage(9),
                DONE,
            ]
            .concat(),
        );
        After::Close
    });
    assert_eq!(
        (record.tokens.chunks, record.tokens.output_usage),
        (Some(2), Some(9))
    );
    assert_eq!(record.events.text_bytes[1], 13);
}

#[test]
fn texts_are_kept_only_if_they_are_wanted() {
    let answers = |request: &crate::server::Request, socket: &mut std::net::TcpStream| {
        let thought = event(r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#);
        // A character in two halves, as some servers send it.
        let halves = [content(r"\u00fc \ud83d"), content(r"\ude00")].concat();
        let whole = [STREAM_HEAD, &thought, &halves, &finish(), DONE].concat();
        let lines = "{\"response\":\"a\",\"done\":false}\n{\"response\":\" b\",\"done\":true}\n";
        let parts = [
            event(r#"{"choices":[{"text":"x"}]}"#),
            event(r#"{"choices":[{"text":"y","finish_reason":"stop"}]}"#),
        ];
        let parts = [STREAM_HEAD, &parts.concat(), DONE].concat();
        match request.head.split(' ').nth(1) {
            Some("/api/generate") => say(
                socket,
                &format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{lines}",
                    lines.len()
                ),
            ),
            Some("/v1/completions") => say(socket, &parts),
            _ => say(socket, &whole),
        }
        After::Close
    };
    let server = Server::start(answers);
    let text = |dialect: Dialect, keep_text: bool| {
        let scratch = tempfile::tempdir().unwrap();
        let mut spec = spec(server.address, &scratch);
        (spec.dialect, spec.keep_text) = (dialect, keep_text);
        let (mut records, _) = run(spec);
        assert_eq!(records[0].status, Status::Ok, "{:?}", records[0]);
        records.remove(0).output_text
    };
    assert_eq!(text(Dialect::Chat, true).as_deref(), Some("ü \u{1f600}"));
    assert_eq!(text(Dialect::Completions, true).as_deref(), Some("xy"));
    assert_eq!(text(Dialect::Generate, true).as_deref(), Some("a b"));
    assert_eq!(text(Dialect::Chat, false), None);
}

#[test]
fn missing_usage_falls_back_to_chunks() {
    let record = single(|_, socket| {
        say(
            socket,
            &[STREAM_HEAD, &content("a"), &content("b"), &finish(), DONE].concat(),
        );
        After::Close
    });
    assert_eq!((record.status, record.tokens.output_usage), (Status::Ok, None));
    assert_eq!(
        (record.tokens.source, record.tokens.chunks),
        (TokensSource::Chunks, Some(2))
    );
}

#[test]
fn a_role_alone_is_no_first_token() {
    let record = single(|_, socket| {
        say(socket, &[STREAM_HEAD, &role()].concat());
        sleep(GAP);
        let thought = event(r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#);
        say(socket, &thought);
        sleep(GAP);
        say(socket, &[content("a"), finish(), DONE.into()].concat());
        After::Close
    });
    let times = record.times;
    assert!(times.first.unwrap() - times.headers.unwrap() > 10_000_000);
    assert!(times.first_nonreasoning.unwrap() - times.first.unwrap() > 10_000_000);
    assert!(record.events.kind[1].contains(EventKind::REASONING));
}

#[test]
fn a_stream_of_nothing_is_empty() {
    let record = single(|_, socket| {
        say(
            socket,
            &[STREAM_HEAD, &role(), &finish(), &usage(0), DONE].concat(),
        );
        After::Close
    });
    assert_eq!(
        (record.status, record.error_kind),
        (Status::Error, Some(ErrorKind::Empty))
    );
}

#[test]
fn documents_and_lines() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|request, socket| {
        let body = if request.body["stream"] == false {
            r#"{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"completion_tokens":2}}"#
        } else {
            "{\"response\":\"a\",\"done\":false}\n{\"response\":\"\",\"done\":true,\"eval_count\":1,\"eval_duration\":5}\n"
        };
        say(
            socket,
            &format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
        );
        After::Keep
    });
    let mut document = spec(server.address, &scratch);
    document.stream = false;
    let (records, _) = run(document);
    let record = &records[0];
    assert_eq!(
        (record.status, record.tokens.output_usage, record.tokens.chunks),
        (Status::Ok, Some(2), None)
    );
    assert!(record.events.is_empty() && record.times.first.is_none() && record.times.end.is_some());

    let scratch = tempfile::tempdir().unwrap();
    let mut lines = spec(server.address, &scratch);
    lines.dialect = Dialect::Generate;
    let (records, _) = run(lines);
    let record = &records[0];
    assert_eq!(
        (record.status, record.tokens.output_usage, record.tokens.chunks),
        (Status::Ok, Some(1), Some(1))
    );
    assert_eq!(record.server_ns.get("eval_duration"), Some(&5));
}
