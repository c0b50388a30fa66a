//! What there is to say about results, below the table.

use hpcbench_stats::{SloSummary, TrialSummary, VerdictStatus};

use super::row::{Row, Standing};
use super::{client, endpoints, service};
use crate::words::{Style, milliseconds, one_line, push_wrapped};

/// Most lines of a service's log that are shown for a trial; the log itself has all.
const MAX_LOG_LINES: usize = 10;

/// One remark on a trial.
enum Remark {
    /// A sentence.
    Text(String),
    /// A line of a service's log.
    LogLine(String),
}

/// Adds the remarks on the trials that need any.
pub(super) fn push(text: &mut String, rows: &[Row<'_>], style: Style) {
    for row in rows {
        let remarks = remarks(&row.standing);
        if remarks.is_empty() {
            continue;
        }
        text.push('\n');
        let word = style.paint(row.standing.colour(), row.standing.word());
        push_wrapped(text, "", &format!("{}: {word}", row.title), style.width);
        for remark in remarks {
            match remark {
                Remark::Text(remark) => push_wrapped(text, "  - ", &remark, style.width),
                Remark::LogLine(line) => push_wrapped(text, "    | ", &line, usize::MAX),
            }
        }
    }
}

fn remarks(standing: &Standing<'_>) -> Vec<Remark> {
    let settled = match standing {
        Standing::Settled(settled) => settled,
        Standing::Interrupted(reason) => return vec![Remark::Text(one_line(reason))],
        Standing::Unfinished | Standing::NotRun => return Vec::new(),
    };
    let mut remarks: Vec<Remark> = sentences(&settled.summary)
        .into_iter()
        .map(Remark::Text)
        .collect();
    let skipped = settled.log_tail.len().saturating_sub(MAX_LOG_LINES);
    if !settled.log_tail.is_empty() {
        remarks.push(Remark::Text("the service's last log lines:".to_owned()));
    }
    remarks.extend(
        settled
            .log_tail
            .iter()
            .skip(skipped)
            .map(|line| Remark::LogLine(one_line(line))),
    );
    remarks
}

fn sentences(summary: &TrialSummary) -> Vec<String> {
    let mut sentences = Vec::new();
    if summary.verdict.status != VerdictStatus::Valid {
        sentences.extend(summary.verdict.reasons.iter().map(|reason| one_line(reason)));
    }
    if !summary.errors.is_empty() {
        let kinds: Vec<String> = summary
            .errors
            .iter()
            .map(|(kind, n)| format!("{n} × {kind}"))
            .collect();
        sentences.push(format!("failed requests: {}", one_line(&kinds.join(", "))));
    }
    sentences.extend(summary.slo.iter().flat_map(missed));
    sentences.extend(client::from_the_schedule(summary));
    sentences.extend(client::sentence(summary));
    sentences.extend(summary.service.as_ref().and_then(service::sentence));
    sentences.extend(endpoints::sentence(&summary.endpoints));
    sentences.extend(summary.notes.iter().map(|note| one_line(&note.text)));
    sentences
}

/// The limits that were not kept.
fn missed(slo: &SloSummary) -> impl Iterator<Item = String> {
    slo.limits
        .iter()
        .filter(|(_, result)| !result.met)
        .map(|(name, result)| {
            let limit = milliseconds(result.limit);
            match result.value {
                Some(value) => format!(
                    "objective missed: {name} is {} ms, the limit {limit} ms",
                    milliseconds(value)
                ),
                None => format!("objective missed: {name} cannot be known, the limit is {limit} ms"),
            }
        })
}
