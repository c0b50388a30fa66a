//! Rules about the load.

use super::{Subject, in_workload};
use crate::code::Code;
use crate::problem::Problem;
use crate::recipe::{ChoiceCount, Cooldown, Goodput, Load, Metric, NormalCount, Prompts, TokenCount};
use crate::units::Duration;

/// Exactly one of `duration` and `requests` ends the window.
pub(super) fn window(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(workload) = subject.workload else {
        return Vec::new();
    };
    match (workload.duration, workload.requests) {
        (None, None) => {
            let message = "the workload has neither `duration` nor `requests`";
            let help = "add `duration: 5m`, or `requests: 10000`: what ends the measured window".to_owned();
            vec![Problem::value(Code::Window, in_workload([]), message).with_help(help)]
        }
        (Some(_), Some(_)) => {
            let message = "the workload has both `duration` and `requests`";
            let help = "remove one of the two: the other one ends the measured window".to_owned();
            vec![Problem::key(Code::Window, in_workload(["requests"]), message).with_help(help)]
        }
        _ => Vec::new(),
    }
}

/// A warm-up longer than the window is probably a mistake.
pub(super) fn warmup_length(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(workload) = subject.workload else {
        return Vec::new();
    };
    match workload.duration {
        Some(duration) if workload.warmup > duration => {
            let message = format!(
                "the warm-up of {} is longer than the measured window of {duration}",
                workload.warmup
            );
            let help = "shorten `warmup` or lengthen `duration`".to_owned();
            vec![Problem::value(Code::WarmupLength, in_workload(["warmup"]), message).with_help(help)]
        }
        _ => Vec::new(),
    }
}

/// With a number of requests the load cannot stay up after the window.
pub(super) fn cooldown_kind(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(workload) = subject.workload else {
        return Vec::new();
    };
    if workload.requests.is_none() || workload.cooldown != Some(Cooldown::Load) {
        return Vec::new();
    }
    let message = "`cooldown: load` does not go with `requests`: none is sent after the last one";
    let help = "write `cooldown: drain`, or measure for a `duration`".to_owned();
    vec![Problem::value(Code::CooldownKind, in_workload(["cooldown"]), message).with_help(help)]
}

/// Windows, timeouts and ramps take time.
pub(super) fn empty_window(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(workload) = subject.workload else {
        return Vec::new();
    };
    let over = match &workload.load {
        Load::Ramp { over, .. } => Some(*over),
        _ => None,
    };
    let lengths: [(Option<Duration>, &[&str]); 3] = [
        (workload.duration, &["duration"]),
        (Some(workload.timeout), &["timeout"]),
        (over, &["load", "over"]),
    ];
    lengths
        .into_iter()
        .filter(|(length, _)| length.is_some_and(Duration::is_zero))
        .map(|(_, path)| {
            Problem::value(
                Code::EmptyWindow,
                in_workload(path.iter().copied()),
                "this must be longer than 0s",
            )
        })
        .collect()
}

/// Bounds, values and weights of drawn token counts fit together.
pub(super) fn token_ranges(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(workload) = subject.workload else {
        return Vec::new();
    };
    let counts: Vec<(&str, &TokenCount)> = match &workload.prompts {
        Prompts::Synthetic {
            input_tokens,
            output_tokens,
            ..
        } => {
            vec![("input_tokens", input_tokens), ("output_tokens", output_tokens)]
        }
        Prompts::File { output_tokens, .. } => vec![("output_tokens", output_tokens)],
    };
    counts
        .into_iter()
        .filter_map(|(name, count)| token_range(name, count))
        .collect()
}

fn token_range(name: &str, count: &TokenCount) -> Option<Problem> {
    let (keys, message) = match count {
        TokenCount::Fixed(0) if name == "input_tokens" => {
            (vec![], "a prompt has at least one token".to_owned())
        }
        TokenCount::Fixed(_) => return None,
        TokenCount::Normal(normal) => wrong_normal(normal)?,
        TokenCount::Choice(choice) => wrong_choice(choice)?,
    };
    let place = in_workload(["prompts", name].into_iter().chain(keys));
    Some(Problem::value(Code::TokenRange, place, message))
}

fn wrong_normal(normal: &NormalCount) -> Option<(Vec<&'static str>, String)> {
    let NormalCount { mean, min, max, .. } = *normal;
    if min > max {
        return Some((vec!["min"], format!("`min` {min} is above `max` {max}")));
    }
    let inside = f64::from(min.get()) <= mean && mean <= f64::from(max.get());
    (!inside).then(|| {
        (
            vec!["mean"],
            format!("`mean` {mean} is not between `min` {min} and `max` {max}"),
        )
    })
}

fn wrong_choice(choice: &ChoiceCount) -> Option<(Vec<&'static str>, String)> {
    let ChoiceCount { values, weights } = choice;
    if weights.is_empty() {
        return None;
    }
    let message = if weights.len() != values.len() {
        format!("there are {} weights for {} values", weights.len(), values.len())
    } else if weights.iter().any(|weight| *weight < 0.0) {
        "a weight is negative".to_owned()
    } else if weights.iter().sum::<f64>() <= 0.0 {
        "all weights are 0".to_owned()
    } else {
        return None;
    };
    Some((vec!["weights"], message))
}

/// The common beginning is part of each prompt.
pub(super) fn shared_prefix(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(Prompts::Synthetic {
        input_tokens,
        shared_prefix_tokens,
        ..
    }) = subject.workload.map(|w| &w.prompts)
    else {
        return Vec::new();
    };
    let smallest = input_tokens.smallest();
    if *shared_prefix_tokens <= smallest {
        return Vec::new();
    }
    let message = format!(
        "the shared beginning of {shared_prefix_tokens} tokens is longer than a prompt of {smallest}"
    );
    vec![Problem::value(
        Code::SharedPrefix,
        in_workload(["prompts", "shared_prefix_tokens"]),
        message,
    )]
}

/// Only an answer that comes as it is made has a first token, and others after it.
pub(super) fn whole_answers(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(workload) = subject.workload.filter(|workload| !workload.stream) else {
        return Vec::new();
    };
    let Goodput { ttft, tpot, e2e: _ } = workload.goodput;
    let goodput = [("ttft", ttft), ("tpot", tpot)];
    let goodput = goodput.iter().filter(|(_, limit)| limit.is_some());
    let goodput = goodput.map(|(name, _)| in_workload(["goodput", *name]));
    let targets = workload
        .slo
        .0
        .keys()
        .filter(|target| target.metric != Metric::E2e);
    let slo = targets.map(|target| in_workload(["slo", target.to_string().as_str()]));
    let problem = |place| {
        let message =
            "with `stream: false` an answer comes as a whole: there is nothing to hold this limit against";
        let help = "limit `e2e`, or let answers be streamed".to_owned();
        Problem::value(Code::WholeAnswers, place, message).with_help(help)
    };
    goodput.chain(slo).map(problem).collect()
}

/// A prompt file and a tokenizer are there.
pub(super) fn prompt_files(subject: &Subject<'_>) -> Vec<Problem> {
    let Some(prompts) = subject.workload.map(|workload| &workload.prompts) else {
        return Vec::new();
    };
    let file = match prompts {
        Prompts::File { path, .. } => Some(path.as_str()),
        Prompts::Synthetic { .. } => None,
    };
    let named = [("path", file), ("tokenizer", prompts.tokenizer())];
    let missing = |(key, path): (&str, Option<&str>)| {
        let absolute = subject.paths.absolute(path?);
        if subject.files.is_file(&absolute) {
            return None;
        }
        let message = format!("there is no file {}", absolute.display());
        let help = "relative paths are relative to the recipe's directory".to_owned();
        let place = in_workload(["prompts", key]);
        Some(Problem::value(Code::MissingFile, place, message).with_help(help))
    };
    named.into_iter().filter_map(missing).collect()
}
