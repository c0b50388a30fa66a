use hpcbench_core::event::{Afterwards, Body, Event, JobEnding, JobRequested, JobStarted};
use hpcbench_core::upcast;

use super::*;
use crate::live::EventLines;
use crate::testing::{Story, quickstart, troubled};
use crate::words::Style;

/// The story with every event caused by the one before it, but the first two.
fn chained(mut story: Story) -> Story {
    for event in story.events.iter_mut().skip(2) {
        event.causation = Some(Seq(event.seq.0 - 1));
    }
    story
}

fn chain(story: &Story, seq: u64) -> Vec<Event> {
    let dir = tempfile::tempdir().unwrap();
    story.write(dir.path());
    let entries = why(dir.path(), Seq(seq)).unwrap();
    entries.map(|entry| upcast(entry.unwrap().event)).collect()
}

fn shown(story: &Story, chain: &[Event]) -> String {
    let lines = EventLines::of(&story.plan);
    why_text(chain, story.events[0].at, &lines, Style::PLAIN)
}

#[test]
fn an_event_with_all_that_led_to_it() {
    let story = chained(quickstart());
    let last = story.events.len() as u64;
    insta::assert_snapshot!(shown(&story, &chain(&story, last)));
}

#[test]
fn damage_after_an_event_does_not_hide_why_it_happened() {
    let story = chained(quickstart());
    let dir = tempfile::tempdir().unwrap();
    story.write(dir.path());
    let log = dir.path().join("events/000001.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replace("\"seq\":7,", "\"seq\":8,")).unwrap();
    let found: Vec<u64> = why(dir.path(), Seq(6))
        .unwrap()
        .map(|entry| entry.unwrap().event.seq.0)
        .collect();
    assert_eq!(found, [2, 3, 4, 5, 6]);
    assert!(why(dir.path(), Seq(7)).is_err());
}

#[test]
fn a_job_leads_back_to_who_asked_for_it() {
    let mut story = Story::new(quickstart().plan);
    story.epoch().created();
    story.tell(JobRequested {
        key: "hpcbench-quick-1".to_owned(),
        command: vec!["sbatch".to_owned()],
        script: "4".repeat(64),
    });
    story.wait(60.0).tell(JobStarted {
        job: "17".to_owned(),
        restarts: 0,
        hosts: std::collections::BTreeMap::new(),
        cluster: None,
        partitions: vec!["gpu".to_owned()],
        submitted_at: None,
        started_at: None,
        ends_at: None,
        stop_before: 60.0,
        topology: None,
        version: "slurm 24.05".to_owned(),
        tools: [("nats-server".to_owned(), "2.12.0".to_owned())].into(),
        by_hand: false,
    });
    let ending = JobEnding {
        reason: "its time limit is near".to_owned(),
        at_once: false,
        afterwards: Afterwards::Wait,
    };
    story.tell(ending);
    let found = first::first_cause(&story.events[4]);
    assert_eq!(found, "the end of its job: its time limit is near");
    let found = first::first_cause(&story.events[3]);
    assert_eq!(found, "the run found itself in job 17 of the batch system");
    let story = chained(story);
    let chain = chain(&story, 4);
    let seqs: Vec<u64> = chain.iter().map(|event| event.seq.0).collect();
    assert_eq!(seqs, [2, 3, 4]);
    let text = shown(&story, &chain);
    assert!(
        text.starts_with("first cause: a command of ada on mel2041: "),
        "{text}"
    );
    assert!(text.contains("slurm 24.05, nats-server 2.12.0"), "{text}");
}

#[test]
fn every_event_has_words() {
    let story = troubled();
    let lines = EventLines::of(&story.plan);
    for event in &story.events {
        let told = lines.tell(event);
        assert!(!told.is_empty() && told != event.body.kind(), "{event:?}: {told}");
    }
}

#[test]
fn a_first_cause_stands_alone() {
    let story = chained(quickstart());
    for seq in [1, 2] {
        let chain = chain(&story, seq);
        assert_eq!(chain.len(), 1);
        let text = shown(&story, &chain);
        assert!(text.starts_with("first cause: "), "{text}");
    }
}

#[test]
fn a_number_that_no_event_has_is_told_with_those_that_there_are() {
    let story = quickstart();
    let dir = tempfile::tempdir().unwrap();
    story.write(dir.path());
    let last = story.events.len() as u64;
    for seq in [0, last + 1, u64::MAX] {
        let Err(error) = why(dir.path(), Seq(seq)) else {
            panic!("there is no event {seq}")
        };
        assert_eq!(error.exit_code(), 2);
        let text = error.to_string();
        assert!(text.ends_with(&format!("its events are 1 to {last}")), "{text}");
    }
}

#[test]
fn a_cause_that_is_no_earlier_event_ends_the_chain() {
    let causes = Causes(vec![0, 1, 7, 3, 5]);
    assert_eq!(causes.chain(Seq(2)), [Seq(1), Seq(2)]);
    assert_eq!(causes.chain(Seq(4)), [Seq(3), Seq(4)]);
    assert_eq!(causes.chain(Seq(5)), [Seq(5)]);
}

#[test]
fn what_no_event_led_to_is_explained() {
    let story = troubled();
    for event in &story.events {
        let words = first::first_cause(event);
        assert!(!words.is_empty(), "{event:?}");
    }
    let resumed = crate::testing::interrupted_and_cancelled();
    let words = |wanted: fn(&Body) -> bool| {
        let event = resumed.events.iter().find(|event| wanted(&event.body)).unwrap();
        first::first_cause(event)
    };
    assert_eq!(
        words(|body| matches!(body, Body::RunResumed(_))),
        "a command of bob on mel2042: hpcbench resume quick"
    );
    assert_eq!(
        words(|body| matches!(body, Body::CancelRequested(_))),
        "a request from outside, by bob on mel2042, by signal: hpcbench cancel quick"
    );
}
