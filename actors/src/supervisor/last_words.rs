//! What a service said last: by that its end is explained.

use std::path::PathBuf;

use hpcbench_services::{DIAGNOSIS_LINES, Diagnosis, Service, diagnose};

use crate::log_collector::log_tail;

/// How far from the end of each log a cause is looked for: room for so many lines as are looked at.
const DIAGNOSIS_BYTES: u64 = 1024 * 1024;
/// Lines that the event of a service's end shows.
const SHOWN_LINES: usize = 20;

/// What a service said last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LastWords {
    /// The cause of its end, if it is a known one.
    pub(super) diagnosis: Option<Diagnosis>,
    /// The lines that an event shows.
    pub(super) shown: Vec<String>,
}

impl LastWords {
    /// Reads the ends of logs: of those of standard output, and of those of standard error. What ends last comes last.
    pub(super) fn read(service: &dyn Service, output: &[PathBuf], errors: &[PathBuf]) -> Self {
        let lines = |logs: &[PathBuf]| -> Vec<String> {
            let logs = logs.iter();
            logs.flat_map(|log| log_tail(log, DIAGNOSIS_LINES, DIAGNOSIS_BYTES))
                .collect()
        };
        let (output, errors) = (lines(output), lines(errors));
        // Most servers put the reason for their end into standard error, and vLLM into standard output.
        let diagnosis = diagnose(service, &[output.as_slice(), &errors].concat());
        let evidence = diagnosis.as_ref().map(|found| found.evidence.clone());
        Self {
            shown: shown(evidence, &output, &errors),
            diagnosis,
        }
    }
}

/// The line that tells the cause, which may be far from the end, then the last lines of both: half of them from each, or more of one
/// if the other has less.
fn shown(evidence: Option<String>, output: &[String], errors: &[String]) -> Vec<String> {
    let room = SHOWN_LINES - usize::from(evidence.is_some());
    let of_errors = errors
        .len()
        .min((room / 2).max(room.saturating_sub(output.len())));
    let of_output = output.len().min(room - of_errors);
    let last = |lines: &[String], most: usize| -> Vec<String> {
        let skipped = lines.len().saturating_sub(most);
        lines.iter().skip(skipped).cloned().collect()
    };
    let last = [last(output, of_output), last(errors, of_errors)].concat();
    // Evidence is shortened.
    let is_among = |evidence: &String| last.iter().any(|line| line.trim().starts_with(evidence));
    let first = evidence.filter(|evidence| !is_among(evidence));
    first.into_iter().chain(last).collect()
}

#[cfg(test)]
mod tests {
    use hpcbench_recipes::recipe::ServiceKind;
    use hpcbench_services::find;

    use super::*;

    fn lines(name: &str, count: usize) -> Vec<String> {
        (1..=count).map(|number| format!("{name} {number}")).collect()
    }

    #[test]
    fn a_cause_far_from_the_end_is_found_and_shown_first() {
        let dir = tempfile::tempdir().unwrap();
        let (output, errors) = (dir.path().join("stdout"), dir.path().join("stderr"));
        let cause =
            "(EngineCore pid=7) torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 224.00 MiB.";
        let padding = "x".repeat(250);
        let after: String = lines(&padding, 500).join("\n");
        assert!(after.len() > 100 * 1024, "it is not far from the end");
        std::fs::write(&output, format!("before\n{cause}\n{after}\n")).unwrap();
        std::fs::write(&errors, lines("warning", 40).join("\n")).unwrap();
        let service = find(&ServiceKind::named("vllm")).unwrap();
        let words = LastWords::read(service, &[dir.path().join("none"), output], &[errors]);
        assert_eq!(words.diagnosis.unwrap().evidence, cause);
        assert_eq!(words.shown.len(), SHOWN_LINES);
        assert_eq!(words.shown[0], cause);
        assert_eq!(words.shown[10], format!("{padding} 500"));
        assert_eq!(words.shown[19], "warning 40");
    }

    #[test]
    fn what_one_stream_does_not_use_is_the_others() {
        let shown_of = |output, errors| shown(None, &lines("out", output), &lines("err", errors));
        let both = shown_of(30, 30);
        assert_eq!(
            (both.len(), both[9].as_str(), both[19].as_str()),
            (20, "out 30", "err 30")
        );
        assert_eq!(shown_of(0, 30)[0], "err 11");
        assert_eq!(shown_of(30, 0)[0], "out 11");
        assert_eq!(shown_of(30, 3)[16..], ["out 30", "err 1", "err 2", "err 3"]);
        assert_eq!(shown_of(2, 3).len(), 5);
        assert!(shown_of(0, 0).is_empty());
    }

    #[test]
    fn a_cause_among_the_last_lines_is_not_told_twice() {
        let told = shown(Some("err 2".to_owned()), &[], &lines("err", 3));
        assert_eq!(told, lines("err", 3));
    }
}
