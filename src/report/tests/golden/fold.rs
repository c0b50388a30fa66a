//! Every golden log is intact and folds to the state that it always folded to.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use hpcbench_core::event::Body;
use hpcbench_core::{State, upcast};
use hpcbench_journal::{DirStorage, verify_log};
use hpcbench_report::{RunView, Until, history};

use crate::runs;

/// Set to rewrite the states instead of comparing them.
const UPDATE: &str = "HPCBENCH_UPDATE";

/// Who every golden log was recorded as.
const USER: &str = "bench";
/// Where.
const HOST: &str = "bench1";

fn as_text(state: &State) -> String {
    serde_json::to_string_pretty(state).unwrap() + "\n"
}

#[test]
fn every_log_is_intact() {
    for run in runs() {
        let report = verify_log(Arc::new(DirStorage::new(&run))).unwrap();
        assert!(report.ok, "{}: {report:?}", run.display());
    }
}

#[test]
fn every_log_folds_to_the_state_beside_it() {
    for run in runs() {
        let state = RunView::load(&run).unwrap().state;
        assert_eq!(state.anomaly_count, 0, "{}: {:?}", run.display(), state.anomalies);
        assert!(state.outcome.is_some(), "{} did not end", run.display());
        let (path, text) = (run.join("state.json"), as_text(&state));
        if std::env::var_os(UPDATE).is_some() {
            fs::write(&path, text).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            text == expected,
            "{} is another state now. If the state has got a new shape, not a new meaning, run this with {UPDATE}=1 and \
             look at the difference.\n{text}",
            path.display()
        );
    }
}

#[test]
fn every_event_is_understood() {
    for run in runs() {
        for entry in history(&run, Until::End).unwrap() {
            let event = upcast(entry.unwrap().event);
            assert!(
                !matches!(event.body, Body::Unreadable(_)),
                "{}: {event:?}",
                run.display()
            );
        }
    }
}

#[test]
fn no_log_tells_where_it_was_recorded() {
    for run in runs() {
        let view = RunView::load(&run).unwrap();
        let created = view.created.unwrap();
        assert_eq!((created.user.as_str(), created.host.as_str()), (USER, HOST));
        for epoch in &view.epochs {
            assert_eq!(
                (epoch.writer.user.as_str(), epoch.writer.host.as_str()),
                (USER, HOST)
            );
        }
        for word in paths(&run) {
            assert!(
                word.starts_with("/run/") || word.starts_with("/usr/"),
                "{}: {word}",
                run.display()
            );
        }
    }
}

/// Every JSON text of a run's files that is an absolute path.
fn paths(run: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in history(run, Until::End).unwrap() {
        let line = String::from_utf8(entry.unwrap().line.to_vec()).unwrap();
        let texts = line.split('"').filter(|text| text.starts_with('/'));
        found.extend(texts.map(str::to_owned));
    }
    found
}
