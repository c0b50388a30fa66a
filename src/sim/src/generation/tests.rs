use proptest::prelude::*;

use super::*;
use crate::api::Endpoint;
use crate::config::{RoleChunk, SimulatorConfig};
use crate::render::Header;

const MS: i64 = 1_000_000;

/// One write with the tokens that were sent after it.
#[derive(Debug)]
struct Write {
    due: Monotonic,
    bytes: Vec<u8>,
    tokens: u32,
}

/// Everything that a response wrote, and how it ended.
#[derive(Debug)]
struct Course {
    writes: Vec<Write>,
    end: Progress,
}

impl Course {
    fn text(&self) -> String {
        let bytes: Vec<u8> = self.writes.iter().flat_map(|write| write.bytes.clone()).collect();
        String::from_utf8(bytes).unwrap()
    }

    fn tokens(&self) -> u32 {
        self.writes.last().unwrap().tokens
    }

    /// When each token was due.
    fn token_dues(&self) -> Vec<i64> {
        let mut before = 0;
        let mut dues = Vec::new();
        for write in &self.writes {
            dues.extend((before..write.tokens).map(|_| write.due.0));
            before = write.tokens;
        }
        dues
    }
}

fn plan(endpoint: Endpoint, delivery: Delivery, tokens: u32, faults: &str) -> Plan {
    Plan {
        ordinal: 1,
        request: GenerationRequest {
            endpoint,
            model: None,
            prompt_tokens: 7,
            max_tokens: Some(tokens),
            ignore_eos: true,
            delivery,
        },
        faults: if faults.is_empty() {
            Faults::NONE
        } else {
            faults.parse().unwrap()
        },
        tokens,
        finish: FinishReason::Length,
        extra_headers: String::new(),
        keep_alive: true,
    }
}

/// Plays a response whose every write happens `late` after it is due.
fn play(plan: Plan, config: &SimulatorConfig, late: i64) -> Course {
    let model = TimingModel::new(config, Monotonic(0));
    let renderer = Renderer::new(&Header {
        endpoint: plan.request.endpoint,
        model: "m",
        ordinal: plan.ordinal,
        created: Realtime(0),
        role_chunk: RoleChunk::Empty,
    });
    let mut generation = Generation::new(plan, renderer, Monotonic(0));
    let mut due = generation.admit(Monotonic(0), 0, 1, &model);
    let mut writes = Vec::new();
    loop {
        let now = due.plus_nanos(late);
        let moment = Moment {
            now,
            wall: Realtime(now.0),
            running: 1,
            model: &model,
        };
        let mut bytes = Vec::new();
        let progress = generation.advance(&moment, &mut bytes);
        writes.push(Write {
            due,
            bytes,
            tokens: generation.tokens_sent(),
        });
        match progress {
            Progress::Next { due: next } => due = next,
            end => return Course { writes, end },
        }
    }
}

fn stream(tokens: u32, faults: &str) -> Course {
    let plan = plan(Endpoint::Chat, Delivery::Stream { usage: true }, tokens, faults);
    play(plan, &SimulatorConfig::default(), 0)
}

fn whole(tokens: u32, faults: &str) -> Course {
    play(
        plan(Endpoint::Chat, Delivery::Whole, tokens, faults),
        &SimulatorConfig::default(),
        0,
    )
}

#[test]
fn a_healthy_stream() {
    let course = stream(3, "");
    assert_eq!(course.end, Progress::Finished);
    let dues: Vec<i64> = course.writes.iter().map(|write| write.due.0).collect();
    assert_eq!(
        dues,
        [0, 50 * MS, 60 * MS, 70 * MS, 70 * MS + CLOSING_DELAY_NANOS]
    );
    let text = course.text();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream"));
    assert!(text.contains("\"completion_tokens\":3"));
    assert!(text.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"));
}

#[test]
fn lateness_is_not_carried_over() {
    let plan = plan(Endpoint::Completions, Delivery::Stream { usage: false }, 50, "");
    let course = play(plan, &SimulatorConfig::default(), 3 * MS);
    let expected: Vec<i64> = (0..50).map(|token| (50 + 10 * token) * MS).collect();
    assert_eq!(course.token_dues(), expected);
}

#[test]
fn a_whole_result_comes_with_its_last_token() {
    let course = whole(3, "");
    assert_eq!(
        (course.writes.len(), course.writes[0].due.0, course.tokens()),
        (1, 70 * MS, 3)
    );
    assert!(course.text().contains("\"content\":\" the quick brown\""));
    assert_eq!(course.end, Progress::Finished);
}

#[test]
fn no_tokens_at_all_is_a_regular_stream() {
    let course = stream(0, "");
    assert_eq!((course.tokens(), course.end), (0, Progress::Finished));
    assert!(course.text().contains("\"completion_tokens\":0"));
}

#[test]
fn several_tokens_a_chunk_keep_the_rate() {
    let course = stream(10, "multi-token=4,no-usage");
    assert_eq!(course.writes.iter().filter(|write| write.tokens > 0).count(), 4);
    let dues = course.token_dues();
    assert_eq!(
        (dues[0], dues[3], dues[4], dues[8], dues[9]),
        (50 * MS, 50 * MS, 90 * MS, 130 * MS, 130 * MS)
    );
    assert!(!course.text().contains("usage"));
}

#[test]
fn stalls_and_cuts_come_after_their_tokens() {
    for (fault, tokens, end) in [
        ("stall-before-first", 0, Progress::Stalled),
        ("stall-after=2", 2, Progress::Stalled),
        ("stall-after=5", 5, Progress::Stalled),
        ("stall-after=6", 5, Progress::Finished),
        ("cut-after=0", 0, Progress::Cut),
        ("cut-after=5", 5, Progress::Cut),
    ] {
        let course = stream(5, fault);
        assert_eq!((course.tokens(), course.end), (tokens, end), "{fault}");
        assert_eq!(
            course.text().contains("[DONE]"),
            end == Progress::Finished,
            "{fault}"
        );
    }
}

#[test]
fn a_malformed_event_comes_once_and_the_stream_goes_on() {
    let course = stream(5, "malformed-after=2");
    assert_eq!((course.tokens(), course.end), (5, Progress::Finished));
    assert_eq!(course.text().matches("brok\n\n").count(), 1);
}

#[test]
fn an_error_event_ends_the_stream() {
    let course = stream(5, "error-event-after=2");
    assert_eq!((course.tokens(), course.end), (2, Progress::Failed));
    let text = course.text();
    assert!(
        text.contains("\"error\":{") && text.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"),
        "{text}"
    );
    assert!(!text.contains("finish_reason\":\"length"));
}

#[test]
fn streams_without_a_token() {
    let role_only = stream(5, "role-only").text();
    assert!(
        role_only.contains("\"role\":\"assistant\"") && role_only.contains("\"finish_reason\":\"length\"")
    );
    let empty = stream(5, "empty").text();
    assert_eq!(empty.matches("data: ").count(), 1, "{empty}");
    assert!(empty.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"));
    let ollama = plan(Endpoint::OllamaChat, Delivery::Stream { usage: true }, 5, "empty");
    let ollama = play(ollama, &SimulatorConfig::default(), 0).text();
    assert!(ollama.ends_with("\r\n\r\n0\r\n\r\n"), "{ollama}");
}

#[test]
fn faults_of_whole_results() {
    assert_eq!(whole(5, "stall-after=2").end, Progress::Stalled);
    assert!(whole(5, "stall-after=2").text().is_empty());
    let cut = whole(5, "cut-after=2");
    assert_eq!(cut.end, Progress::Cut);
    assert!(!cut.text().ends_with('}'));
    assert!(whole(5, "error-event-after=0").text().starts_with("HTTP/1.1 500"));
    assert!(whole(5, "empty").text().ends_with("\r\n\r\n{}"));
    assert_eq!(whole(5, "role-only").tokens(), 0);
    let malformed = whole(5, "malformed-after=0").text();
    let body = malformed.split_once("\r\n\r\n").unwrap().1;
    assert!(serde_json::from_str::<serde_json::Value>(body).is_err());
    assert!(malformed.contains(&format!("content-length: {}\r\n", body.len())));
}

#[test]
fn ollama_tells_where_the_time_went() {
    let course = play(
        plan(Endpoint::OllamaGenerate, Delivery::Stream { usage: true }, 3, ""),
        &SimulatorConfig::default(),
        0,
    );
    let text = course.text();
    assert!(
        text.contains(&format!("\"total_duration\":{}", 70 * MS + CLOSING_DELAY_NANOS)),
        "{text}"
    );
    assert!(text.contains(&format!("\"prompt_eval_duration\":{}", 50 * MS)));
    assert!(text.contains(&format!("\"eval_duration\":{}", 20 * MS)));
    assert!(!text.contains("load_duration"));
}

proptest! {
    /// Whatever the jitter, tokens come in order, each exactly once, and close to their place.
    #[test]
    fn the_schedule_holds(
        tokens in 1..200_u32,
        per_chunk in 1..9_u32,
        jitter in 0.0..=1.0_f64,
        seed in any::<u64>(),
        late in 0..20 * MS,
    ) {
        let config = SimulatorConfig { jitter, seed, ..SimulatorConfig::default() };
        let fault = format!("multi-token={per_chunk}");
        let plan = plan(Endpoint::Chat, Delivery::Stream { usage: true }, tokens, &fault);
        let course = play(plan, &config, late);
        let dues = course.token_dues();
        prop_assert_eq!(dues.len(), tokens as usize);
        prop_assert!(dues.is_sorted());
        for (token, due) in dues.iter().enumerate() {
            let chunk = token as i64 / i64::from(per_chunk) * i64::from(per_chunk);
            let bound = (jitter * 5.0 * MS as f64) as i64 + 1_000;
            prop_assert!((due - dues[0] - chunk * 10 * MS).abs() <= bound, "token {} at {}", token, due);
        }
        let id = course.text().matches("[DONE]").count();
        prop_assert_eq!(id, 1);
    }
}
