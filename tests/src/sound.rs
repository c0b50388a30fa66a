//! What holds of every run that has ended, whatever happened to it before.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::events::{Line, events, history, of_type, terminal};
use crate::{GuideVerifier, Workdir, summary};

/// How long its last processes may take to go.
const SETTLE: Duration = Duration::from_secs(15);

/// Expects that the run has ended, that each of its trials was completed exactly once, that all events which were heard
/// are history as they were heard, that two looks at the log find nothing wrong, and that nothing is left behind.
///
/// # Errors
///
/// Something of it does not hold.
pub fn expect_sound(workdir: &Workdir, trials: usize, heard: &[Line]) -> Result<()> {
    let run = workdir.run();
    let events = events(&run)?;
    expect_completed_once(&events, trials)?;
    expect_one_end(&events)?;
    ensure!(!heard.is_empty(), "nothing was heard of it");
    expect_kept(&history(&run)?, heard)?;
    expect_verified(workdir)?;
    let replay = workdir.hpcbench()?.arg("replay").arg(&run);
    let state = replay.args(["--format", "state"]).run()?.expect_code(0)?.json()?;
    ensure!(state["anomaly_count"] == 0, "anomalies: {:#}", state["anomalies"]);
    let measured = summary::trials(&run)?;
    ensure!(
        measured.len() == trials,
        "{} trials in the summary",
        measured.len()
    );
    for trial in measured {
        ensure!(
            summary::count(&trial, "/requests/ok")? > 0,
            "nothing measured: {trial}"
        );
    }
    workdir.expect_no_process(SETTLE)?;
    let scratch = workdir.scratch()?;
    ensure!(scratch.is_empty(), "left on the local disk: {scratch:?}");
    ensure!(!run.join("bus.json").exists(), "bus.json outlives its bus");
    Ok(())
}

fn expect_completed_once(events: &[Value], trials: usize) -> Result<()> {
    let named = |kind: &str| -> Vec<String> {
        let name =
            |event: &&Value| format!("{} attempt {}", event["data"]["trial"], event["data"]["attempt"]);
        of_type(events, kind).iter().map(name).collect()
    };
    let completed: Vec<&Value> = of_type(events, "trial.completed")
        .iter()
        .map(|event| &event["data"]["trial"])
        .collect();
    let different: BTreeSet<String> = completed.iter().map(ToString::to_string).collect();
    ensure!(
        completed.len() == trials && different.len() == trials,
        "not every one of {trials} trials was completed exactly once: {completed:?}"
    );
    let attempts = named("trial.started");
    let different: BTreeSet<&String> = attempts.iter().collect();
    ensure!(different.len() == attempts.len(), "started twice: {attempts:?}");
    Ok(())
}

/// The last event ends the run, and none before it does unless the run was told to go on.
fn expect_one_end(events: &[Value]) -> Result<()> {
    terminal(events)?;
    let last = events.iter().rposition(|event| event["type"] == "run.resumed");
    let since = events.get(last.unwrap_or(0)..).unwrap_or_default();
    let ends = since.iter().filter(|event| {
        matches!(
            event["type"].as_str(),
            Some("run.completed" | "run.failed" | "run.cancelled")
        )
    });
    ensure!(ends.count() == 1, "it ended more than once");
    let state = of_type(since, "state.verified");
    ensure!(
        state.iter().all(|event| event["data"]["equal"] == true),
        "what it did is not what its log says: {state:?}"
    );
    Ok(())
}

/// What was heard is history, byte for byte.
fn expect_kept(history: &[Line], heard: &[Line]) -> Result<()> {
    for (line, seq) in history.iter().zip(1..) {
        ensure!(line.seq == seq, "seq {} in the place of {seq}", line.seq);
    }
    for line in heard {
        let kept = usize::try_from(line.seq - 1)
            .ok()
            .and_then(|index| history.get(index))
            .with_context(|| format!("an acknowledged event was lost: {}", line.text))?;
        ensure!(
            kept == line,
            "an acknowledged event was changed\nfrom {}\nto   {}",
            line.text,
            kept.text
        );
    }
    Ok(())
}

/// Expects that `hpcbench verify` finds nothing wrong and that the guide's verifier agrees; returns the verdict.
///
/// # Errors
///
/// One of them finds something, or they have not seen the same.
pub fn expect_verified(workdir: &Workdir) -> Result<Value> {
    let verify = workdir.hpcbench()?.arg("verify").arg(workdir.run());
    let verdict = verify.args(["--format", "json"]).run()?.expect_code(0)?.json()?;
    let clean = verdict["problems"].as_array().is_some_and(Vec::is_empty);
    ensure!(verdict["ok"] == true && clean, "{verdict:#}");
    let (count, head) = GuideVerifier::of_run()?.verify(&workdir.run())?;
    ensure!(
        verdict["events"] == count && verdict["head"]["hash"] == head.as_str(),
        "the guide's verifier has seen {count} events up to {head}: {verdict:#}"
    );
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(seq: u64, text: &str) -> Line {
        Line {
            seq,
            text: text.to_owned(),
        }
    }

    #[test]
    fn what_was_heard_must_be_history_byte_for_byte() {
        let history = [line(1, "a"), line(2, "b")];
        expect_kept(&history, &[line(2, "b")]).unwrap();
        assert!(expect_kept(&history, &[line(2, "c")]).is_err());
        assert!(expect_kept(&history, &[line(3, "c")]).is_err());
        assert!(expect_kept(&[line(2, "b")], &[]).is_err());
    }

    #[test]
    fn a_trial_that_is_completed_twice_or_not_at_all_is_seen() {
        let completed =
            |trial: &str| json!({"type": "trial.completed", "data": {"trial": trial, "attempt": 1}});
        expect_completed_once(&[completed("a"), completed("b")], 2).unwrap();
        assert!(expect_completed_once(&[completed("a"), completed("a")], 2).is_err());
        assert!(expect_completed_once(&[completed("a")], 2).is_err());
    }
}
