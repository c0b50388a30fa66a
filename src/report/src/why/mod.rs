//! Why an event happened: the chain of events that led to it, back to a first cause.

mod first;
mod text;

#[cfg(test)]
mod tests;

use std::path::Path;

use hpcbench_core::Seq;
use hpcbench_core::event::RawEvent;
use hpcbench_journal::Entry;

use crate::run::{ReportError, Until, history};

pub use text::why_text;

/// The cause of each event, in the order of their numbers: 8 bytes an event. 0: it has none.
#[derive(Debug, Default)]
struct Causes(Vec<u64>);

impl Causes {
    fn take(&mut self, event: &RawEvent) {
        self.0.push(event.causation.map_or(0, |cause| cause.0));
    }

    /// The event and all that led to it, from the first cause on. An event is caused by an earlier one; where a log says
    /// otherwise the chain begins.
    fn chain(&self, seq: Seq) -> Vec<Seq> {
        let mut chain = vec![seq];
        let mut effect = seq.0;
        while let Some(cause) = self.of(effect).filter(|cause| (1..effect).contains(cause)) {
            chain.push(Seq(cause));
            effect = cause;
        }
        chain.reverse();
        chain
    }

    fn of(&self, seq: u64) -> Option<u64> {
        let index = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.0.get(index).copied()
    }
}

/// The event `seq` and all that led to it, from the first cause on, as the log has them. The log is read twice; what is
/// held of it is one number an event.
///
/// # Errors
///
/// There is no such event, or the log cannot be read or is damaged up to there.
pub fn why(
    run_dir: &Path,
    seq: Seq,
) -> Result<impl Iterator<Item = Result<Entry, ReportError>>, ReportError> {
    let mut causes = Causes::default();
    // No event has the number 0; then all are counted.
    let until = if seq == Seq(0) {
        Until::End
    } else {
        Until::Seq(seq)
    };
    for entry in history(run_dir, until)? {
        causes.take(&entry?.event);
    }
    let last = Seq(causes.0.len() as u64);
    if seq == Seq(0) || seq > last {
        return Err(ReportError::NoSuchEvent {
            run_dir: run_dir.to_owned(),
            seq,
            last,
        });
    }
    let mut chain = causes.chain(seq).into_iter().peekable();
    let entries = history(run_dir, Until::Seq(seq))?;
    Ok(entries.filter(move |entry| match entry {
        Ok(entry) => chain.next_if_eq(&entry.event.seq).is_some(),
        Err(_) => true,
    }))
}
