//! The journal on a real file system: append, read back, epochs, fencing, following.

use std::fs;
use std::sync::Arc;

use crate::common::write_log;
use crate::common::{ALL_DEAD, draft, open, open_with};
use hpcbench_core::{Epoch, Seq};
use hpcbench_journal::{
    DirStorage, Followed, Follower, JournalError, LeftoverKind, OnSync, SyncOutcome, epoch_file, read, verify,
};
use serde_json::json;

#[test]
fn what_is_appended_is_read_back_over_all_epochs() {
    let dir = tempfile::tempdir().unwrap();
    let mut written = Vec::new();
    for epoch in 1..=3 {
        let (mut opened, outcomes) = open(dir.path());
        assert_eq!(opened.journal.epoch(), Epoch(epoch));
        written.push(opened.started);
        for number in 0..5 {
            let drafts = vec![
                draft("a.happened", &json!({"n": number})),
                draft("b.happened", &json!({})),
            ];
            written.extend(opened.journal.append(drafts).unwrap());
        }
        let head = opened.journal.close().unwrap();
        let synced: Vec<_> = outcomes.iter().collect();
        assert!(matches!(synced.last(), Some(SyncOutcome::Synced { through, .. }) if *through == head.seq));
    }
    let entries: Vec<_> = read(dir.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(entries.len(), 33);
    for (read, written) in entries.iter().zip(&written) {
        assert_eq!(read.line, written.line);
        assert_eq!(read.hash, written.hash);
        assert_eq!(read.position, written.position);
        assert_eq!(read.event.seq, written.event.seq);
        assert_eq!(read.event.data.get(), written.event.data.get());
    }
    let report = verify(dir.path()).unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!((report.events, report.epochs, report.head.seq), (33, 3, Seq(33)));
    assert_eq!(report.head.hash, written[32].hash);
    assert_eq!(report.notes, Vec::<String>::new());
}

#[test]
fn lines_have_the_documented_form() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, _outcomes) = open(dir.path());
    let data = json!({"a": 1, "sum": "tricky"});
    opened.journal.append(vec![draft("x.happened", &data)]).unwrap();
    opened.journal.close().unwrap();
    let text = fs::read_to_string(dir.path().join("events/000001.jsonl")).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with(concat!(
        r#"{"seq":1,"prev":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","#,
        r#""at":"2025-11-24T20:34:56.000000Z","type":"epoch.started","v":1,"actor":"orchestrator","node":"node-1","#,
        r#""correlation":"run","causation":null,"durable":0,"data":{"epoch":1,"base":{"epoch":0,"seq":0,"hash":"e3b0"#
    )));
    // Whoever cuts at the first `,"sum":` cuts at the last.
    assert_eq!(lines[1].matches(",\"sum\":").count(), 1);
    let value: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(value["data"], data);
    assert_eq!(value["durable"], 1);
}

#[test]
fn a_fenced_writer_acknowledges_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut old, old_outcomes) = open(dir.path());
    old.journal.append(vec![draft("a.happened", &json!({}))]).unwrap();
    assert!(matches!(old_outcomes.recv().unwrap(), SyncOutcome::Synced { .. }));

    let storage = Arc::new(DirStorage::new(dir.path()));
    let on_sync: OnSync = Box::new(drop);
    let (new, history) = open_with(storage, Epoch(0), on_sync).unwrap();
    assert_eq!(history.len(), 2);

    old.journal.append(vec![draft("b.happened", &json!({}))]).unwrap();
    assert!(matches!(
        old_outcomes.recv().unwrap(),
        SyncOutcome::Fenced { by: Epoch(2) }
    ));
    let refused = old
        .journal
        .append(vec![draft("c.happened", &json!({}))])
        .unwrap_err();
    assert!(matches!(refused, JournalError::Fenced { by: Epoch(2) }));
    assert!(matches!(
        old.journal.close().unwrap_err(),
        JournalError::Fenced { .. }
    ));
    new.journal.close().unwrap();

    let report = verify(dir.path()).unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!(report.events, 3);
    assert!(report.notes[0].contains("fenced tail"), "{:?}", report.notes);
}

#[test]
fn a_torn_tail_is_cut_and_kept_only_if_the_writer_is_dead() {
    for dead in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        write_log(dir.path(), &[3], false);
        let file = dir.path().join(epoch_file(Epoch(1)));
        let whole = fs::read(&file).unwrap();
        fs::write(&file, [&whole, &br#"{"seq":5,"prev":"#[..]].concat()).unwrap();
        assert!(verify(dir.path()).unwrap().ok);

        let on_sync: OnSync = Box::new(drop);
        let storage = Arc::new(DirStorage::new(dir.path()));
        let dead_through = if dead { ALL_DEAD } else { Epoch(0) };
        let (opened, history) = open_with(storage, dead_through, on_sync).unwrap();
        opened.journal.close().unwrap();
        assert_eq!(history.len(), 4);
        assert_eq!(opened.cut.map(|cut| cut.kind), dead.then_some(LeftoverKind::Torn));
        let torn = fs::read(dir.path().join("events/000001.torn")).ok();
        assert_eq!(torn, dead.then(|| br#"{"seq":5,"prev":"#.to_vec()));
        let report = verify(dir.path()).unwrap();
        assert!(report.ok, "{report:?}");
        assert_eq!(report.notes.len(), usize::from(!dead));
    }
}

#[test]
fn a_follower_sees_new_lines_new_epochs_and_what_is_discarded() {
    let dir = tempfile::tempdir().unwrap();
    let mut follower = Follower::new(dir.path());
    assert!(follower.poll().unwrap().is_none());
    let mut seen = move || {
        let mut seen = Vec::new();
        while let Some(next) = follower.poll().unwrap() {
            seen.push(match next {
                Followed::Event(entry) => entry.event.seq.0 as i64,
                Followed::Discarded { from } => -(from.0 as i64),
            });
        }
        seen
    };
    let (mut old, outcomes) = open(dir.path());
    assert_eq!(seen(), [1]);
    old.journal.append(vec![draft("a.happened", &json!({}))]).unwrap();
    outcomes.recv().unwrap();
    assert_eq!(seen(), [2]);

    let on_sync: OnSync = Box::new(drop);
    let (mut new, _) = open_with(Arc::new(DirStorage::new(dir.path())), Epoch(0), on_sync).unwrap();
    old.journal.append(vec![draft("b.happened", &json!({}))]).unwrap();
    assert!(matches!(outcomes.recv().unwrap(), SyncOutcome::Fenced { .. }));
    // Read before its fence was known, then taken back.
    assert_eq!(seen(), [3, -3, 3]);
    new.journal.append(vec![draft("c.happened", &json!({}))]).unwrap();
    new.journal.close().unwrap();
    assert_eq!(seen(), [4]);
}

#[test]
fn events_that_are_none_are_refused_and_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, _outcomes) = open(dir.path());
    let good = || draft("a.happened", &json!({}));
    let bad = opened
        .journal
        .append(vec![good(), draft("b.happened", &json!([1]))])
        .unwrap_err();
    assert!(matches!(bad, JournalError::DataIsNoObject { kind } if kind == "b.happened"));
    let long = draft("c.happened", &json!({"text": "x".repeat(5 << 20)}));
    assert!(matches!(
        opened.journal.append(vec![long]),
        Err(JournalError::LineTooLong { .. })
    ));
    assert_eq!(opened.journal.append(vec![good()]).unwrap()[0].event.seq, Seq(2));
    opened.journal.close().unwrap();
    assert!(verify(dir.path()).unwrap().ok);
}

#[test]
fn a_log_that_grows_meanwhile_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, outcomes) = open(dir.path());
    let writer = std::thread::spawn(move || {
        for number in 0..300 {
            let data = json!({"text": "x".repeat(number * 40)});
            opened
                .journal
                .append(vec![draft("a.happened", &data), draft("b.happened", &data)])
                .unwrap();
            outcomes.recv().unwrap();
        }
        opened.journal.close().unwrap()
    });
    let mut follower = Follower::new(dir.path());
    let mut followed = 0;
    while !writer.is_finished() {
        let report = verify(dir.path()).unwrap();
        assert!(report.ok, "{report:#?}");
        while let Some(Followed::Event(_)) = follower.poll().unwrap() {
            followed += 1;
        }
    }
    while let Some(Followed::Event(_)) = follower.poll().unwrap() {
        followed += 1;
    }
    assert_eq!(followed, writer.join().unwrap().seq.0);
}
