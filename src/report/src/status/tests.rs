use std::path::Path;

use hpcbench_core::event::Body;

use super::*;
use crate::run::ReportError;
use crate::testing::{Story, interrupted_and_cancelled, quickstart, troubled};

/// The story up to and including the first event of this type.
fn up_to(kind: &str) -> Story {
    let mut story = quickstart();
    let last = story
        .events
        .iter()
        .position(|event| event.body.kind() == kind)
        .unwrap();
    story.events.truncate(last + 1);
    story
}

#[test]
fn the_document_has_the_layout_that_scripts_rely_on() {
    let status = Status::of(&up_to("load.started").view(), WriterLife::Alive, None);
    insta::assert_snapshot!(serde_json::to_string_pretty(&status).unwrap());
    insta::assert_snapshot!(status.to_text(80));
}

#[test]
fn a_state_follows_from_events_and_from_whether_the_writer_lives() {
    use RunState::{Cancelled, Completed, Interrupted, Running, Starting, Submitted};
    use WriterLife::{Alive, Gone, Unknown};
    let mut empty = quickstart();
    empty.events.clear();
    let cases = [
        (empty, [Submitted, Submitted, Submitted]),
        (up_to("epoch.started"), [Starting, Interrupted, Starting]),
        (up_to("service.ready"), [Starting, Interrupted, Starting]),
        (up_to("trial.started"), [Running, Interrupted, Running]),
        (up_to("node.left"), [Running, Interrupted, Running]),
        (quickstart(), [Completed; 3]),
        (troubled(), [Completed; 3]),
        (interrupted_and_cancelled(), [Cancelled; 3]),
    ];
    for (story, expected) in cases {
        let view = story.view();
        let states = [Alive, Gone, Unknown].map(|writer| RunState::of(&view, writer));
        assert_eq!(states, expected, "after {} events", story.events.len());
    }
}

#[test]
fn every_trial_is_counted_once() {
    let mut story = troubled();
    while !story.events.is_empty() {
        let view = story.view();
        for writer in [WriterLife::Alive, WriterLife::Gone] {
            let trials = Status::of(&view, writer, None).trials;
            assert_eq!(trials.total, 3);
            assert_eq!(
                trials.settled() + trials.running + trials.pending,
                3,
                "{trials:?}"
            );
            assert!(writer == WriterLife::Alive || trials.running == 0);
        }
        story.events.pop();
    }
    let trials = Status::of(&troubled().view(), WriterLife::Gone, None).trials;
    assert_eq!((trials.completed, trials.failed), (2, 1));
}

#[test]
fn a_list_shows_runs_of_all_kinds() {
    let (done, active) = (quickstart(), up_to("load.started"));
    let last = active.events.last().map(|event| event.at).unwrap();
    let now = Timestamp::from_micros(last.as_micros() + 200_000_000);
    let entry = |story: &Story, writer| ListEntry::of(Path::new("runs/a"), &story.view(), writer, None, now);
    let mut empty = quickstart();
    empty
        .events
        .retain(|event| matches!(event.body, Body::Unreadable(_)));
    let entries = [
        entry(&done, WriterLife::Gone),
        entry(&active, WriterLife::Alive),
        entry(&active, WriterLife::Gone),
        entry(&empty, WriterLife::Unknown),
        ListEntry::unreadable(Path::new("runs/b"), &ReportError::NotARun("runs/b".into())),
    ];
    insta::assert_snapshot!(list_table(&entries));
}
