//! Requests that carry what was said before.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::time::Duration;

use hpcbench_load::{ClientShare, Dialect, Length, LoadSpec, Shape};
use hpcbench_records::{Record, Status};
use serde_json::{Value, json};

use crate::server::{After, DONE, Request, STREAM_HEAD, Server, content, event, finish, role, say, usage};
use crate::{run, spec};

fn talking(spec: &mut LoadSpec, users: u32, turns: u16, requests: u64) {
    spec.shape = Shape::Closed {
        concurrency: users,
        think_time: Duration::ZERO,
        turns: NonZeroU16::new(turns).unwrap(),
    };
    spec.length = Length::Requests(requests);
}

fn messages(request: &Request) -> Vec<Value> {
    request.body["messages"].as_array().unwrap().clone()
}

/// Answers with a quotation mark, a character in two halves, and the number of messages.
fn answer(request: &Request, socket: &mut std::net::TcpStream) -> After {
    let number = messages(request).len();
    say(socket, STREAM_HEAD);
    let first = event(r#"{"choices":[{"delta":{"content":"\"\ud83d"}}]}"#);
    let second = event(r#"{"choices":[{"delta":{"content":"\ude00"}}]}"#);
    say(
        socket,
        &[
            role(),
            first,
            second,
            content(&number.to_string()),
            finish(),
            usage(3),
        ]
        .concat(),
    );
    say(socket, DONE);
    After::Keep
}

fn by_conversation(records: Vec<Record>) -> BTreeMap<u64, Vec<Record>> {
    let mut all: BTreeMap<u64, Vec<Record>> = BTreeMap::new();
    for record in records {
        all.entry(record.conversation.unwrap()).or_default().push(record);
    }
    all
}

#[test]
fn each_turn_carries_the_real_answers() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(answer);
    let mut spec = spec(server.address, &scratch);
    talking(&mut spec, 1, 3, 4);
    let (records, _) = run(spec);
    let turns: Vec<(Option<u64>, u16)> = records
        .iter()
        .map(|record| (record.conversation, record.turn))
        .collect();
    assert_eq!(turns, [(Some(0), 0), (Some(0), 1), (Some(0), 2), (Some(1), 0)]);
    let sent: Vec<Vec<Value>> = server.requests().iter().map(messages).collect();
    assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, 5, 1]);
    assert_eq!(sent[1][1], json!({"role": "assistant", "content": "\"😀1"}));
    assert_eq!(sent[2][..2], sent[1][..2]);
    assert_eq!(sent[2][3], json!({"role": "assistant", "content": "\"😀3"}));
    // Each turn asks something new.
    assert_ne!(sent[0][0], sent[1][2]);
    // Twelve tokens a prompt, three an answer.
    let planned: Vec<Option<u32>> = records.iter().map(|record| record.tokens.input_planned).collect();
    assert_eq!(planned, [Some(12), Some(27), Some(42), Some(12)]);
    for pair in records.windows(2) {
        assert!(pair[1].times.sent >= pair[0].times.end);
    }
}

#[test]
fn a_failed_turn_ends_its_conversation() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|request, socket| {
        if messages(request).len() == 3 {
            say(socket, "HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n");
            return After::Keep;
        }
        answer(request, socket)
    });
    let mut spec = spec(server.address, &scratch);
    talking(&mut spec, 1, 3, 4);
    let (records, _) = run(spec);
    let turns: Vec<(Option<u64>, u16, Status)> = records
        .iter()
        .map(|record| (record.conversation, record.turn, record.status))
        .collect();
    let (ok, error) = (Status::Ok, Status::Error);
    assert_eq!(
        turns,
        [
            (Some(0), 0, ok),
            (Some(0), 1, error),
            (Some(1), 0, ok),
            (Some(1), 1, error)
        ]
    );
}

#[test]
fn clients_and_threads_hold_different_conversations() {
    let mut all = Vec::new();
    let server = Server::start(answer);
    for index in 0..2 {
        let scratch = tempfile::tempdir().unwrap();
        let mut spec = spec(server.address, &scratch);
        talking(&mut spec, 6, 2, 24);
        spec.client = ClientShare { index, count: 2 };
        spec.threads = NonZeroU16::new(2);
        all.extend(run(spec).0);
    }
    assert_eq!(all.len(), 24);
    let conversations = by_conversation(all);
    assert!(conversations.values().all(|turns| turns.len() <= 2));
    for turns in conversations.values().filter(|turns| turns.len() == 2) {
        assert_eq!((turns[0].turn, turns[1].turn), (0, 1));
        assert_eq!(turns[0].node, turns[1].node);
    }
}

#[test]
fn whole_documents_and_ollama_are_answers_too() {
    for (dialect, document) in [
        (
            Dialect::Chat,
            r#"{"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],"usage":{"completion_tokens":1}}"#,
        ),
        (
            Dialect::OllamaChat,
            r#"{"message":{"role":"assistant","content":"yes"},"done":true,"eval_count":1}"#,
        ),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let server = Server::start(move |_, socket| {
            let length = document.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            );
            say(socket, &format!("{head}{document}"));
            After::Keep
        });
        let mut spec = spec(server.address, &scratch);
        talking(&mut spec, 1, 2, 2);
        spec.stream = false;
        spec.dialect = dialect;
        let (records, _) = run(spec);
        assert!(
            records.iter().all(|record| record.status == Status::Ok),
            "{records:?}"
        );
        let second = messages(&server.requests()[1]);
        assert_eq!(second[1], json!({"role": "assistant", "content": "yes"}));
    }
}
