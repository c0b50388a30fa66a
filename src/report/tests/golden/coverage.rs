//! Every version of every type of event that was ever written is in a golden file, so a new version needs a new one, and the
//! old ones stay.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use hpcbench_core::event::{Body, RawEvent};
use hpcbench_core::upcast;
use hpcbench_report::{Until, history};

use crate::{folders, golden, runs};

/// The types that no golden run happens to have, a line each, beside the runs of a version.
const SAMPLES: &str = "events.jsonl";

fn samples(version: &Path) -> Vec<RawEvent> {
    let text = fs::read_to_string(version.join(SAMPLES)).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[test]
fn every_sample_is_understood() {
    for sample in folders(&golden()).iter().flat_map(|version| samples(version)) {
        let shown = format!("{sample:?}");
        let event = upcast(sample);
        assert!(!matches!(event.body, Body::Unreadable(_)), "{shown}: {event:?}");
    }
}

#[test]
fn every_version_of_every_type_has_a_golden_event() {
    let mut there: BTreeSet<(String, u16)> = folders(&golden())
        .iter()
        .flat_map(|version| samples(version))
        .map(|sample| (sample.kind, sample.version))
        .collect();
    for run in runs() {
        let events = history(&run, Until::End)
            .unwrap()
            .map(|entry| entry.unwrap().event);
        there.extend(events.map(|event| (event.kind, event.version)));
    }
    let mut missing = Vec::new();
    for (kind, current) in Body::KINDS {
        let versions = (1..=*current).map(|version| ((*kind).to_owned(), version));
        missing.extend(versions.filter(|version| !there.contains(version)));
    }
    assert!(
        missing.is_empty(),
        "no golden log and no line of {SAMPLES} has these types in these versions: {missing:?}"
    );
}
