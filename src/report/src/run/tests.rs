use std::fs;
use std::path::Path;

use hpcbench_core::{Seq, Timestamp};
use hpcbench_journal::JournalError;
use tempfile::TempDir;

use super::*;
use crate::testing::{Story, quickstart};

fn written() -> (Story, TempDir) {
    let (story, dir) = (quickstart(), tempfile::tempdir().unwrap());
    story.write(dir.path());
    (story, dir)
}

#[test]
fn a_run_directory_is_what_its_events_add_up_to() {
    let (story, dir) = written();
    let (view, told) = (RunView::load(dir.path()).unwrap(), story.view());
    assert_eq!(view.state, told.state);
    assert_eq!(view.created, told.created);
    assert_eq!(view.epochs.len(), 1);
    assert_eq!(view.trials().filter(|trial| trial.settled.is_some()).count(), 3);
    let last = hpcbench_journal::read(dir.path())
        .unwrap()
        .last()
        .unwrap()
        .unwrap();
    assert_eq!(view.chain_head, Some(last.hash));
    assert!(view.seconds().unwrap() > 27.0);
}

#[test]
fn a_run_without_events_is_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut story = quickstart();
    story.events.clear();
    story.write(dir.path());
    let view = RunView::load(dir.path()).unwrap();
    assert_eq!(
        (view.state.seq, view.started, view.seconds()),
        (Seq(0), None, None)
    );
}

#[test]
fn a_history_can_be_looked_at_up_to_an_event_or_a_time() {
    let (story, dir) = written();
    let middle = &story.events[30];
    let at_seq = RunView::load_until(dir.path(), Until::Seq(Seq(5))).unwrap();
    assert_eq!(at_seq.state.seq, Seq(5));
    let at_time = RunView::load_until(dir.path(), Until::Time(middle.at)).unwrap();
    let last = story.events.iter().filter(|event| event.at <= middle.at).count();
    assert_eq!(at_time.state.seq, Seq(last as u64));
    let before = RunView::load_until(dir.path(), Until::Time(Timestamp::from_micros(0))).unwrap();
    assert_eq!(before.state.seq, Seq(0));
}

#[test]
fn damage_is_told_with_its_place_and_what_comes_before_it_can_be_seen() {
    let (story, dir) = written();
    let log = dir.path().join("events/000001.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    let damaged: Vec<&str> = text
        .lines()
        .enumerate()
        .filter(|(i, _)| *i != 6)
        .map(|(_, line)| line)
        .collect();
    fs::write(&log, damaged.join("\n") + "\n").unwrap();
    let error = RunView::load(dir.path()).unwrap_err();
    assert_eq!(error.exit_code(), 4);
    match error {
        ReportError::Log {
            source: JournalError::Damaged(damage),
            ..
        } => {
            assert_eq!((damage.line, damage.seq), (7, Seq(7)));
        }
        other => panic!("{other}"),
    }
    for seq in 1..=6 {
        let view = RunView::load_until(dir.path(), Until::Seq(Seq(seq))).unwrap();
        assert_eq!(view.state.seq, Seq(seq));
    }
    let error = RunView::load_until(dir.path(), Until::Seq(Seq(7))).unwrap_err();
    assert_eq!(error.exit_code(), 4);
    // What cannot be read may have happened by then.
    let error = RunView::load_until(dir.path(), Until::Time(story.events[5].at)).unwrap_err();
    assert_eq!(error.exit_code(), 4);
    let earlier = Timestamp::from_micros(story.events[0].at.as_micros() - 1);
    RunView::load_until(dir.path(), Until::Time(earlier)).unwrap();
}

#[test]
fn a_plan_that_is_not_the_runs_own_is_refused() {
    let (_, dir) = written();
    let path = dir.path().join("plan.json");
    let original = fs::read_to_string(&path).unwrap();

    fs::write(&path, original.replace("quickstart", "quickstuff")).unwrap();
    let error = RunView::load(dir.path()).unwrap_err();
    assert!(matches!(error, ReportError::BadPlan { .. }), "{error}");
    assert_eq!(error.exit_code(), 4);

    let other = crate::testing::plan("{}");
    fs::write(&path, serde_json::to_vec(&other).unwrap()).unwrap();
    let error = RunView::load(dir.path()).unwrap_err();
    assert!(matches!(error, ReportError::OtherPlan { .. }), "{error}");
    assert_eq!(error.exit_code(), 4);

    fs::write(&path, &original[..original.len() / 2]).unwrap();
    assert!(matches!(
        RunView::load(dir.path()),
        Err(ReportError::BadPlan { .. })
    ));
    fs::remove_file(&path).unwrap();
    assert!(matches!(RunView::load(dir.path()), Err(ReportError::NotARun(_))));
}

fn found(runs: &Path, run: &str) -> Result<String, String> {
    match find_run(runs, run) {
        Ok(dir) => Ok(dir.strip_prefix(runs).unwrap_or(&dir).display().to_string()),
        Err(error) => Err(format!("{error:?}")
            .split([' ', '('])
            .next()
            .unwrap_or_default()
            .to_owned()),
    }
}

#[test]
fn runs_are_found_by_directory_by_id_and_by_its_beginning() {
    let runs = tempfile::tempdir().unwrap();
    let runs = runs.path();
    let mut story = quickstart();
    story.write(&runs.join("mine"));
    story.events.clear();
    for name in ["other-1", "other-12", "quicksand"] {
        story.write(&runs.join(name));
    }
    fs::create_dir(runs.join("empty")).unwrap();
    fs::write(runs.join("file"), "").unwrap();

    let directory = runs.join("mine").display().to_string();
    assert_eq!(found(runs, &directory), Ok("mine".to_owned()));
    for name in ["mine", "quickstart-2023", "quickstart-20231114-221320-7f"] {
        assert_eq!(found(runs, name), Ok("mine".to_owned()), "{name}");
    }
    assert_eq!(found(runs, "other-1"), Ok("other-1".to_owned()));
    for name in ["other", "quick", "o"] {
        assert_eq!(found(runs, name), Err("Ambiguous".to_owned()), "{name}");
    }
    for name in ["empty", "nobody", "", "file"] {
        assert_eq!(found(runs, name), Err("NoSuchRun".to_owned()), "{name}");
    }
    // A copy has the id of the original, but a name of its own.
    quickstart().write(&runs.join("copy"));
    assert_eq!(
        found(runs, "quickstart-20231114-221320-7f"),
        Err("Ambiguous".to_owned())
    );
    assert_eq!(found(runs, "copy"), Ok("copy".to_owned()));
    let empty = runs.join("empty").display().to_string();
    assert_eq!(found(runs, &empty), Err("NotARun".to_owned()));
    assert_eq!(found(&runs.join("nowhere"), "mine"), Err("NoSuchRun".to_owned()));
}

#[test]
fn a_run_that_goes_on_has_no_result_of_what_is_to_be_repeated() {
    let mut story = crate::testing::troubled();
    let before = story.view();
    assert!(before.chain_head.is_some());
    let settled = |view: &RunView| view.trials().filter(|trial| trial.settled.is_some()).count();
    assert_eq!(settled(&before), 3);
    story.epoch().tell(hpcbench_core::event::RunResumed {
        user: "ada".to_owned(),
        host: "mel2041".to_owned(),
        command_line: Vec::new(),
        tools: [].into(),
        retry_failed: true,
    });
    let after = story.view();
    assert_eq!((after.chain_head, after.state.outcome.as_ref()), (None, None));
    assert_eq!(settled(&after), 2, "the failed one is to be repeated");
}
