use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::testing::{Story, interrupted_and_cancelled, quickstart, resumed_twice, troubled};

fn document(story: &Story) -> String {
    let mut trace = Trace::new(&story.plan);
    for event in &story.events {
        trace.take(event).unwrap();
    }
    let text = trace.to_json();
    text.replace(&story.plan.hash, "HASH-OF-THE-PLAN")
        .replace(&story.plan.recipe_sha256, "HASH-OF-THE-RECIPE")
}

fn events(story: &Story) -> Vec<Value> {
    let mut document: Value = serde_json::from_str(&document(story)).unwrap();
    let Value::Array(events) = document["traceEvents"].take() else {
        panic!("no array of events")
    };
    events
}

/// The spans of each track, in the order of the document: begin, end and name.
fn spans(events: &[Value]) -> BTreeMap<u64, Vec<(u64, u64, String)>> {
    let mut tracks: BTreeMap<u64, Vec<_>> = BTreeMap::new();
    for event in events.iter().filter(|event| event["ph"] == "X") {
        let number = |name: &str| event[name].as_u64().unwrap();
        let span = (
            number("ts"),
            number("ts") + number("dur"),
            event["name"].as_str().unwrap().to_owned(),
        );
        tracks.entry(number("tid")).or_default().push(span);
    }
    tracks
}

/// What every reader of the format relies on.
fn assert_sound(events: &[Value]) {
    let mut names = BTreeMap::new();
    for event in events {
        assert!(event["pid"].as_u64().unwrap() > 0, "{event}");
        assert!(!event["name"].as_str().unwrap().is_empty(), "{event}");
        match event["ph"].as_str().unwrap() {
            "M" => {
                let key = (
                    event["name"].to_string(),
                    event["pid"].clone().to_string(),
                    event["tid"].to_string(),
                );
                assert!(names.insert(key, event["args"].clone()).is_none(), "{event}");
            }
            "X" => assert!(
                event["tid"].is_u64() && event["ts"].is_u64() && event["dur"].is_u64(),
                "{event}"
            ),
            "i" => assert!(
                event["tid"].is_u64() && event["ts"].is_u64() && event["s"] == "p",
                "{event}"
            ),
            other => panic!("{other} is not written"),
        }
    }
    for event in events.iter().filter(|event| event["ph"] != "M") {
        let thread = (
            "\"thread_name\"".to_owned(),
            event["pid"].to_string(),
            event["tid"].to_string(),
        );
        assert!(names.contains_key(&thread), "{event}");
    }
    for (tid, spans) in spans(events) {
        let mut around: Vec<u64> = Vec::new();
        let mut last = 0;
        for (from, to, name) in spans {
            assert!(last <= from, "{name} on track {tid} is out of order");
            last = from;
            while around
                .last()
                .is_some_and(|end| *end <= from && *end < to.max(from + 1))
            {
                around.pop();
            }
            assert!(
                around.last().is_none_or(|end| to <= *end),
                "{name} on track {tid} is not within"
            );
            around.push(to);
        }
    }
}

#[test]
fn a_run_in_which_all_is_well() {
    insta::assert_snapshot!(document(&quickstart()));
}

#[test]
fn a_run_of_two_epochs_that_is_cancelled() {
    insta::assert_snapshot!(document(&interrupted_and_cancelled()));
}

#[test]
fn every_beginning_of_a_run_is_a_sound_trace() {
    for mut story in [
        quickstart(),
        troubled(),
        interrupted_and_cancelled(),
        resumed_twice(),
    ] {
        while !story.events.is_empty() {
            assert_sound(&events(&story));
            story.events.pop();
        }
        assert_eq!(events(&story), Vec::<Value>::new());
    }
}

#[test]
fn a_clock_that_is_set_back_does_not_turn_spans_around() {
    let mut story = troubled();
    for (index, event) in story.events.iter_mut().enumerate() {
        let micros = event.at.as_micros() - if index % 7 < 3 { 40_000_000 } else { 0 };
        event.at = Timestamp::from_micros(micros);
    }
    assert_sound(&events(&story));
}

#[test]
fn what_was_cut_off_with_its_epoch_ends_where_the_next_one_begins() {
    let story = interrupted_and_cancelled();
    let events = events(&story);
    let second = events
        .iter()
        .find(|event| event["name"] == "epoch 2")
        .and_then(|event| event["ts"].as_u64())
        .unwrap();
    let cut = events.iter().filter(|event| event["args"]["end"].is_string());
    let cut: Vec<(&str, u64)> = cut
        .map(|event| {
            let end = event["ts"].as_u64().unwrap() + event["dur"].as_u64().unwrap();
            (event["name"].as_str().unwrap(), end)
        })
        .collect();
    let names: Vec<&str> = cut.iter().map(|(name, _)| *name).collect();
    for name in [
        "epoch 1",
        "execute",
        "attempt 1",
        "server-0",
        "nats-server",
        "agent",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    assert!(cut.iter().all(|(_, end)| *end == second), "{cut:?}");
}

#[test]
fn a_log_that_is_too_long_for_a_trace_is_told() {
    let story = quickstart();
    let mut trace = Trace::new(&story.plan);
    trace.limit = 10;
    let taken = story.events.iter().map_while(|event| trace.take(event).ok());
    assert_eq!(taken.count(), 10);
    let error = trace.take(&story.events[10]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("--until"), "{error}");
}
