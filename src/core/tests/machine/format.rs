//! What the log's lines look like to readers that are not hpcbench.

use hpcbench_core::event::{Body, RawEvent};
use hpcbench_core::upcast;

use crate::world::World;
use crate::world::given::{outline, wide_outline};

#[test]
fn lines_of_a_run() {
    let world = World::new(outline(&[1])).run();
    insta::assert_snapshot!(world.log.join("\n"));
}

#[test]
fn every_event_follows_from_an_earlier_one_or_from_outside() {
    let world = World::new(wide_outline(&[2, 1])).run();
    let mut outside = Vec::new();
    for event in &world.events {
        match event.causation {
            Some(cause) => {
                assert!(cause < event.seq, "{event:?}");
                let cause = &world.events[cause.0 as usize - 1];
                // What happens to each node is not caused by what happens to the one before.
                let is_alike = cause.body.kind() == event.body.kind();
                assert!(!is_alike || event.body.kind() == "phase.entered", "{event:?}");
            }
            None => outside.push(event.body.kind()),
        }
    }
    // Epoch and run begin by themselves; bus and agents speak up first.
    outside.dedup();
    assert_eq!(
        outside,
        [
            "epoch.started",
            "run.created",
            "bus.started",
            "node.joined",
            "node.left"
        ]
    );
}

fn read(kind: &str, version: u16, data: &str) -> Body {
    let line = format!(
        r#"{{"seq":1,"at":"2026-01-01T00:00:00.000000Z","type":"{kind}","v":{version},"actor":"orchestrator",
        "node":"n","correlation":"run","causation":null,"data":{data}}}"#
    );
    let raw: RawEvent = serde_json::from_str(&line).unwrap();
    upcast(raw).body
}

#[test]
fn what_cannot_be_read_is_kept_as_it_is() {
    let cases = [
        ("comet.sighted", 1, r#"{"tail": 3}"#, ""),
        ("node.left", 9, r#"{"node":"n"}"#, "version 9"),
        ("node.left", 1, r#"{"node":"No Token"}"#, "not a token"),
        ("node.left", 1, "[]", "invalid length"),
        ("node.left", 1, r#"{"node":"n","report":7}"#, ""),
    ];
    for (kind, version, data, problem) in cases {
        match read(kind, version, data) {
            Body::Unreadable(kept) => {
                assert_eq!(
                    (kept.kind.as_str(), kept.version, kept.data.as_str()),
                    (kind, version, data)
                );
                assert!(kept.problem.contains(problem), "{kept:?}");
                assert_eq!(Body::Unreadable(kept).to_data(None).unwrap().get(), data);
            }
            body => assert_eq!((body.kind(), data.contains("report")), ("node.left", true)),
        }
    }
}

#[test]
fn names_of_types_are_unique_nouns_with_participles() {
    let mut names: Vec<&str> = Body::KINDS.iter().map(|(kind, _)| *kind).collect();
    for name in &names {
        assert_eq!(name.split('.').count(), 2, "{name}");
    }
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
