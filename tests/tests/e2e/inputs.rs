//! Prompts and arrivals out of files, as the service sees them.

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Recipe, Simulator, Workdir};
use serde_json::{Value, json};

/// A complete request of the load, as the service says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Served {
    arrival_ns: i64,
    input_tokens: i64,
    tokens: i64,
}

/// Runs this recipe against a service that already runs; what it says of the load's requests, in the order of their
/// arrival.
fn served(workdir: &Workdir, change: impl FnOnce(Recipe) -> Recipe) -> Result<Vec<Served>> {
    let simulator = Simulator::start(workdir, &["--ttft", "5ms", "--itl", "1ms"])?;
    let url = format!("http://{}/v1", simulator.address());
    let finished = workdir
        .bench(&change(Recipe::external(&url, "simulated")))?
        .run()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let truth = simulator.truth()?;
    let requests = truth["requests"].as_object().context("no requests")?;
    // What clients ask before the load has no number of a trial; what is under way at its end is cancelled.
    let of_the_load = requests
        .iter()
        .filter(|(id, entry)| id.contains("-client-") && entry["outcome"] == "completed");
    let number = |entry: &Value, name: &str| {
        entry[name]
            .as_i64()
            .with_context(|| format!("no {name}: {entry}"))
    };
    let served = of_the_load.map(|(_, entry)| {
        Ok(Served {
            arrival_ns: number(entry, "arrival_ns")?,
            input_tokens: number(entry, "input_tokens")?,
            tokens: number(entry, "tokens")?,
        })
    });
    let mut served: Vec<Served> = served.collect::<Result<_>>()?;
    served.sort_by_key(|request| request.arrival_ns);
    Ok(served)
}

/// The numbers of tokens of prompts and answers, in order.
fn sizes(served: &[Served]) -> Vec<(i64, i64)> {
    let mut sizes: Vec<(i64, i64)> = served
        .iter()
        .map(|request| (request.input_tokens, request.tokens))
        .collect();
    sizes.sort_unstable();
    sizes
}

#[test]
fn a_mooncake_trace_is_replayed_at_the_speed_that_is_asked_for() -> Result<()> {
    const REQUESTS: i64 = 40;
    // Every 100 ms as recorded, so every 50 ms at twice the speed.
    const GAP_NS: i64 = 50_000_000;
    let lengths = |place: i64| (20 + place, 1 + place % 4);
    let line = |place: i64| {
        let (input, output) = lengths(place);
        let blocks = (input + 7) / 8;
        let ids: Vec<i64> = (0..blocks)
            .map(|block| if block == 0 { 7 } else { 100 * place + block })
            .collect();
        json!({"timestamp": 27_482 + 100 * place, "input_length": input, "output_length": output, "hash_ids": ids}).to_string()
    };
    let workdir = Workdir::new()?;
    let text: Vec<String> = (0..REQUESTS).map(line).collect();
    let file = workdir.write("trace.jsonl", &text.join("\n"))?;
    let load = format!(
        "{{shape: trace, path: {}, speed: 2, block_tokens: 8}}",
        file.display()
    );
    let served = served(&workdir, |recipe| {
        recipe
            .workload("load", &load)
            .workload("duration", "2s")
            .workload("cooldown", "drain")
    })?;
    let expected: Vec<(i64, i64)> = (0..REQUESTS).map(lengths).collect();
    let seen = sizes(&served);
    ensure!(seen == expected, "{seen:?}");
    // Half of the recording's 3.9 s; a request may be late on a busy machine, but not by seconds.
    let ends = served.first().zip(served.last()).context("no requests")?;
    let span = ends.1.arrival_ns - ends.0.arrival_ns;
    let planned = (REQUESTS - 1) * GAP_NS;
    ensure!(
        (planned - planned / 2..planned + planned / 2).contains(&span),
        "{span} ns instead of {planned}"
    );
    Ok(())
}

/// The lengths of the prompts and answers that are made of a file, each once.
fn lengths(name: &str, text: &str, more: &str) -> Result<Vec<(i64, i64)>> {
    let workdir = Workdir::new()?;
    let file = workdir.write(name, text)?;
    let prompts = format!(
        "{{source: file, path: {}, output_tokens: 5, {more}}}",
        file.display()
    );
    let served = served(&workdir, |recipe| recipe.workload("prompts", &prompts))?;
    let mut seen = sizes(&served);
    seen.dedup();
    Ok(seen)
}

#[test]
fn prompts_of_json_lines_are_sent_as_they_are_if_that_is_wanted() -> Result<()> {
    let text = [
        json!({"prompt": "one two three", "output_tokens": 2}),
        json!({"messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "why is that so"}]}),
        json!({"prompt": "alone", "other": true}),
    ];
    let text: Vec<String> = text.iter().map(Value::to_string).collect();
    let seen = lengths("prompts.jsonl", &text.join("\n"), "salt: false")?;
    ensure!(seen == [(1, 5), (3, 2), (6, 5)], "{seen:?}");
    Ok(())
}

#[test]
fn first_questions_of_sharegpt_are_sent_after_the_trials_salt() -> Result<()> {
    let talk = |human: &str| {
        let answer = json!({"from": "gpt", "value": "because it is"});
        json!({"id": human, "conversations": [{"from": "human", "value": human}, answer, {"from": "human", "value": "and now"}]})
    };
    let text = json!([talk("what is that"), talk("tell me more of these things"), {"id": "x", "conversations": [{"from": "gpt", "value": "no"}]}]);
    let seen = lengths("talks.json", &text.to_string(), "format: sharegpt")?;
    // Five words of the trial's, then the questions.
    ensure!(seen == [(8, 5), (11, 5)], "{seen:?}");
    Ok(())
}

#[test]
fn each_turn_of_a_conversation_carries_what_was_said_before() -> Result<()> {
    for stream in ["true", "false"] {
        let workdir = Workdir::new()?;
        let served = served(&workdir, |recipe| {
            recipe
                .workload("load", "{shape: closed, concurrency: 2, turns: 3}")
                .workload("stream", stream)
        })?;
        let mut seen = sizes(&served);
        seen.dedup();
        // 16 words are asked and 8 answered in each turn.
        ensure!(seen == [(16, 8), (40, 8), (64, 8)], "{seen:?}");
    }
    Ok(())
}
