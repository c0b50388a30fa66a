use hpcbench_timing::Realtime;
use serde_json::Value;

use super::*;
use crate::generation::Progress;
use crate::http::{Parsed, parse};
use crate::truth::Outcome;

const MS: i64 = 1_000_000;

/// An engine with a clock that the test sets.
struct Bench {
    engine: Engine<u32>,
    now: i64,
}

fn bench(change: impl FnOnce(&mut SimulatorConfig)) -> Bench {
    let mut config = SimulatorConfig::default();
    change(&mut config);
    Bench {
        engine: Engine::new(config, at(0)),
        now: 0,
    }
}

/// Both clocks of the test; they are an hour apart.
fn at(now: i64) -> Now {
    Now {
        mono: Monotonic(now),
        wall: Realtime(now + 3_600_000 * MS),
    }
}

impl Bench {
    fn send(&mut self, key: u32, head: &str, body: &str) -> (Reply, String) {
        let text = format!(
            "{head} HTTP/1.1\r\nX-Request-Id: r{key}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send_raw(key, &text)
    }

    fn send_raw(&mut self, key: u32, text: &str) -> (Reply, String) {
        let Ok(Parsed::Complete { request, .. }) = parse(text.as_bytes()) else {
            panic!("{text}")
        };
        let now = at(self.now);
        let arrived = Arrived {
            mono: now.mono,
            wall: now.wall,
            source: StampSource::Kernel,
        };
        let mut out = Vec::new();
        let reply = self.engine.respond(
            &Incoming {
                request,
                arrived,
                now,
            },
            key,
            &mut out,
        );
        (reply, String::from_utf8(out).unwrap())
    }

    fn complete(&mut self, key: u32) -> Reply {
        self.send(
            key,
            "POST /v1/completions",
            r#"{"prompt": "a b", "stream": true, "max_tokens": 2}"#,
        )
        .0
    }

    fn get(&mut self, path: &str) -> String {
        let (reply, text) = self.send(0, &format!("GET {path}"), "");
        assert!(matches!(reply, Reply::Written { keep_alive: true }));
        text
    }

    fn json(&mut self, path: &str) -> Value {
        serde_json::from_str(self.get(path).split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// Writes a job's response to its end; returns the key that may run next.
    fn play(&mut self, job: &mut Job, mut due: Monotonic) -> (String, Option<u32>) {
        let mut out = Vec::new();
        loop {
            self.now = due.0;
            let written = self.engine.advance(job, at(due.0), &mut out);
            if written.tokens > 0 {
                self.engine.sent(job, written.tokens, due, at(due.0));
            }
            match written.progress {
                Progress::Next { due: next } => due = next,
                Progress::Finished => {
                    let next = self.engine.leave(job, Outcome::Completed, due);
                    return (String::from_utf8(out).unwrap(), next);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn metric(&mut self, name: &str) -> String {
        let text = self.get("/metrics");
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("vllm:{name}{{")))
            .unwrap();
        line.rsplit_once(' ').unwrap().1.to_owned()
    }
}

fn running(reply: Reply) -> (Box<Job>, Monotonic) {
    match reply {
        Reply::Run { job, due } => (job, due),
        other => panic!("{other:?}"),
    }
}

fn status(text: &str) -> u16 {
    text.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_request_from_arrival_to_truth() {
    let mut bench = bench(|_| {});
    bench.now = 5 * MS;
    let (mut job, due) = running(bench.complete(1));
    assert_eq!(due, Monotonic(5 * MS));
    let (text, next) = bench.play(&mut job, due);
    assert!(
        text.contains("x-request-id: r1\r\n") && text.ends_with("0\r\n\r\n"),
        "{text}"
    );
    assert_eq!(next, None);
    let truth = bench.json("/truth?sends=1");
    let entry = &truth["requests"]["r1"];
    let hour = 3_600_000 * MS;
    assert_eq!(entry["arrival_ns"], hour + 5 * MS);
    assert_eq!(
        entry["sends"],
        serde_json::json!([hour + 55 * MS, hour + 65 * MS])
    );
    assert_eq!(
        (&entry["status"], &entry["outcome"]),
        (&200.into(), &"completed".into())
    );
    assert_eq!(truth["totals"]["tokens"], 2);
}

#[test]
fn who_finds_no_place_waits_and_then_is_refused() {
    let mut bench = bench(|config| (config.max_num_seqs, config.max_queue) = (1, 1));
    let (mut first, due) = running(bench.complete(1));
    let Reply::Wait { job: mut second } = bench.complete(2) else {
        panic!("it did not wait")
    };
    let (third, text) = bench.send(
        3,
        "POST /api/generate",
        r#"{"model": "simulated", "prompt": "a"}"#,
    );
    assert!(matches!(third, Reply::Written { .. }));
    assert_eq!(status(&text), 503);
    assert!(text.contains("{\"error\":\"server busy"), "{text}");
    assert_eq!(
        (
            bench.metric("num_requests_running"),
            bench.metric("num_requests_waiting")
        ),
        ("1".to_owned(), "1".to_owned())
    );
    let (_, next) = bench.play(&mut first, due);
    assert_eq!(next, Some(2));
    let admitted = Monotonic(bench.now);
    let due = bench.engine.admit(&mut second, admitted);
    bench.play(&mut second, due);
    let truth = bench.json("/truth");
    assert_eq!(truth["requests"]["r2"]["queued_ns"], admitted.0);
    assert_eq!(truth["requests"]["r3"]["status"], 503);
    assert_eq!(
        (&truth["max_concurrency"], &truth["max_running"]),
        (&2.into(), &1.into())
    );
    assert_eq!(bench.metric("kv_cache_usage_perc"), "0");
}

#[test]
fn an_abandoned_one_gives_up_its_place_in_the_queue() {
    let mut bench = bench(|config| config.max_num_seqs = 1);
    let (mut first, due) = running(bench.complete(1));
    let Reply::Wait { job: second } = bench.complete(2) else {
        panic!("it did not wait")
    };
    let Reply::Wait { .. } = bench.complete(3) else {
        panic!("it did not wait")
    };
    bench.engine.abandon(2, &second, Monotonic(1));
    assert_eq!(bench.play(&mut first, due).1, Some(3));
    assert_eq!(bench.json("/truth")["requests"]["r2"]["outcome"], "aborted");
}

#[test]
fn refusals_are_in_the_truth_too() {
    let mut bench = bench(|_| {});
    let chat = "POST /v1/chat/completions";
    let cases = [
        (chat, "{", 400),
        (chat, r#"{"model": "other", "messages": [{"content": "a"}]}"#, 404),
        ("POST /api/chat", "{}", 400),
        ("POST /api/generate", r#"{"model": "other"}"#, 404),
    ];
    for (index, (head, body, expected)) in cases.into_iter().enumerate() {
        let (_, text) = bench.send(index as u32, head, body);
        assert_eq!(status(&text), expected, "{head} {body}");
        assert_eq!(
            bench.json("/truth")["requests"][format!("r{index}")]["status"],
            expected
        );
    }
    assert_eq!(bench.json("/truth")["totals"]["errors"], 4);
}

#[test]
fn faults_come_from_the_header_or_by_share() {
    let mut bench = bench(|config| config.faults = vec!["1:status=502".parse().unwrap()]);
    let body = r#"{"prompt": "a", "stream": true}"#;
    let post = |fault: &str| {
        format!(
            "POST /v1/completions HTTP/1.1\r\n{fault}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    assert_eq!(status(&bench.send_raw(1, &post("")).1), 502);
    assert_eq!(
        status(&bench.send_raw(1, &post("X-Sim-Fault: status=429\r\n")).1),
        429
    );
    assert_eq!(
        status(&bench.send_raw(1, &post("X-Sim-Fault: nonsense\r\n")).1),
        400
    );
    let (reply, text) = bench.send_raw(1, &post("X-Sim-Fault: close-before-headers\r\n"));
    assert!(matches!(reply, Reply::Close) && text.is_empty());
    assert!(matches!(
        bench.send_raw(1, &post("X-Sim-Fault: empty\r\n")).0,
        Reply::Run { .. }
    ));
    assert_eq!(bench.json("/truth")["requests"]["sim-4"]["status"], Value::Null);
}

#[test]
fn about_the_wanted_share_of_requests_is_hit_and_the_same_ones_each_time() {
    let hits = |seed| {
        let mut bench = bench(|config| {
            config.faults = vec!["0.1:status=500".parse().unwrap()];
            config.seed = seed;
        });
        (0..1_000)
            .map(|key| matches!(bench.complete(key), Reply::Written { .. }))
            .collect::<Vec<_>>()
    };
    let count = hits(3).iter().filter(|hit| **hit).count();
    assert!((70..130).contains(&count), "{count}");
    assert_eq!(hits(3), hits(3));
    assert_ne!(hits(3), hits(4));
}

#[test]
fn ignoring_the_end_of_sequence_gives_every_token() {
    let mut bench = bench(|config| config.early_stop = 1.0);
    let body = r#"{"prompt": "a", "max_tokens": 10, "ignore_eos": true}"#;
    let (mut job, due) = running(bench.send(1, "POST /v1/completions", body).0);
    let (text, _) = bench.play(&mut job, due);
    assert!(
        text.contains("\"completion_tokens\":10") && text.contains("\"finish_reason\":\"length\""),
        "{text}"
    );
    for key in 2..50 {
        let (mut job, due) = running(
            bench
                .send(
                    key,
                    "POST /v1/completions",
                    r#"{"prompt": "a", "max_tokens": 10}"#,
                )
                .0,
        );
        let (text, _) = bench.play(&mut job, due);
        assert!(
            text.contains("\"finish_reason\":\"stop\"") && !text.contains("\"completion_tokens\":10"),
            "{text}"
        );
    }
}

#[test]
fn not_ready_means_503_until_it_is() {
    let mut starting = bench(|config| config.start_delay = "10s".parse().unwrap());
    assert_eq!(status(&starting.get("/health")), 503);
    assert_eq!(
        status(&starting.send(1, "POST /v1/completions", r#"{"prompt": "a"}"#).1),
        503
    );
    starting.now = 10_000 * MS;
    assert_eq!(status(&starting.get("/health")), 200);
    running(starting.complete(2));
    let mut never = bench(|config| config.never_ready = true);
    never.now = i64::MAX / 2;
    assert_eq!(status(&never.get("/health")), 503);
}

#[test]
fn answers_may_be_longer_than_was_asked_for() {
    let mut bench = bench(|config| config.faults = vec!["1:tokens=5".parse().unwrap()]);
    let (mut job, due) = running(bench.complete(1));
    let (text, _) = bench.play(&mut job, due);
    assert!(text.contains("\"finish_reason\":\"stop\""), "{text}");
    assert_eq!(bench.metric("generation_tokens_total"), "5");
}

#[test]
fn only_received_inference_requests_bring_the_end() {
    let mut dying = bench(|config| (config.die_after, config.die_exit_code) = (Some(2), 9));
    dying.get("/health");
    dying.complete(1);
    assert_eq!(dying.engine.collapse(), None);
    dying.complete(2);
    assert_eq!(dying.engine.collapse(), Some(Collapse::Die { exit_code: 9 }));
    let mut hanging = bench(|config| config.hang_after = Some(1));
    hanging.complete(1);
    assert_eq!(hanging.engine.collapse(), Some(Collapse::Hang));
}

#[test]
fn ollama_loads_pulls_and_lists() {
    let mut bench = bench(|config| config.load_time = "1s".parse().unwrap());
    assert_eq!(bench.json("/api/ps")["models"], serde_json::json!([]));
    let generate = r#"{"model": "simulated", "prompt": "a b", "options": {"num_predict": 1}}"#;
    let (mut job, due) = running(bench.send(1, "POST /api/generate", generate).0);
    let (text, _) = bench.play(&mut job, due);
    assert!(text.contains("\"load_duration\":1000000000"), "{text}");
    assert_eq!(bench.now, 1_050 * MS + 100_000);
    assert_eq!(bench.json("/api/ps")["models"][0]["name"], "simulated");
    let (_, text) = bench.send(
        2,
        "POST /api/generate",
        r#"{"model": "simulated", "keep_alive": 0}"#,
    );
    assert!(text.contains("\"done_reason\":\"unload\""), "{text}");
    assert_eq!(bench.json("/api/ps")["models"], serde_json::json!([]));
    let (_, text) = bench.send(3, "POST /api/pull", r#"{"model": "other:7b"}"#);
    assert!(text.contains("{\"status\":\"success\"}\n"), "{text}");
    let (_, text) = bench.send(4, "POST /api/pull", r#"{"model": "other:8b", "stream": false}"#);
    assert!(text.ends_with("\r\n\r\n{\"status\":\"success\"}"), "{text}");
    assert_eq!(bench.json("/api/tags")["models"].as_array().unwrap().len(), 3);
    assert_eq!(bench.json("/v1/models")["data"][1]["id"], "other:7b");
}

#[test]
fn pages_and_their_errors() {
    let mut bench = bench(|_| {});
    assert!(bench.get("/").ends_with("Ollama is running"));
    assert!(bench.json("/api/version")["version"].is_string());
    assert_eq!(status(&bench.get("/nothing")), 404);
    let (_, text) = bench.send(1, "PUT /metrics", "");
    assert!(status(&text) == 405 && text.contains("allow: GET\r\n"), "{text}");
    let (_, text) = bench.send(1, "HEAD /health", "");
    assert!(
        text.ends_with("\r\n\r\n") && text.contains("content-length: 15\r\n"),
        "{text}"
    );
    bench.complete(1);
    assert_eq!(bench.json("/truth")["totals"]["requests"], 1);
    assert_eq!(status(&bench.send(1, "DELETE /truth", "").1), 200);
    let truth = bench.json("/truth");
    assert_eq!(
        (&truth["totals"]["requests"], &truth["running"]),
        (&0.into(), &1.into())
    );
    assert_eq!(truth["max_concurrency"], 1);
}
