//! Searches against services that are made up.

mod judged;
mod measured;
mod properties;
mod recomputed;
mod scenarios;

use std::collections::BTreeMap;

use super::{Ending, Level, Levels, Next, Purpose, QueueTrend, Search, SloEvidence, Tried, Violations};

/// Requests of a batch.
const REQUESTS: u64 = 100;

/// A trial in which every batch has this share of requests beyond the limit of a p90.
fn evidence(share: f64) -> SloEvidence {
    let missed = (share.clamp(0.0, 1.0) * REQUESTS as f64).round() as u64;
    of_batches(vec![[REQUESTS, missed]; 20])
}

fn of_batches(batches: Vec<[u64; 2]>) -> SloEvidence {
    let violations = Violations {
        tolerated: 0.1,
        independent: true,
        batches: batches.into_iter().map(Into::into).collect(),
    };
    SloEvidence {
        unusable: None,
        queue: QueueTrend::None,
        objectives: BTreeMap::from([("ttft_p90".to_owned(), violations)]),
    }
}

fn search(from: f64, to: f64, levels: Levels) -> Search {
    Search {
        from: Level(from),
        to: Level(to),
        levels,
        max_trials: 40,
        alpha: 0.05 / 40.0,
    }
}

/// A whole search: its trials as level, purpose and evidence, and how it ended.
struct Played {
    trials: Vec<(Level, Purpose, SloEvidence)>,
    ending: Ending,
}

impl Played {
    fn tried(&self) -> Vec<Tried<'_>> {
        self.trials.iter().map(tried).collect()
    }

    fn steps(&self) -> Vec<(f64, Purpose)> {
        self.trials
            .iter()
            .map(|(level, purpose, _)| (level.0, *purpose))
            .collect()
    }
}

fn tried((level, purpose, evidence): &(Level, Purpose, SloEvidence)) -> Tried<'_> {
    Tried {
        level: *level,
        purpose: *purpose,
        evidence,
    }
}

/// Plays a search against a service, which is asked for each trial's level and its number among all trials.
fn play(search: &Search, mut service: impl FnMut(f64, usize) -> SloEvidence) -> Played {
    let mut trials: Vec<(Level, Purpose, SloEvidence)> = Vec::new();
    loop {
        let so_far: Vec<Tried<'_>> = trials.iter().map(tried).collect();
        match search.next(&so_far) {
            Next::Try { level, purpose } => {
                assert!(trials.len() < search.max_trials as usize, "it goes on for ever");
                let evidence = service(level.0, trials.len());
                trials.push((level, purpose, evidence));
            }
            Next::End(ending) => return Played { trials, ending },
        }
    }
}

/// A service that keeps its objectives up to some load and breaks them beyond.
fn capacity(limit: f64) -> impl FnMut(f64, usize) -> SloEvidence {
    move |level, _| evidence(if level <= limit { 0.0 } else { 0.5 })
}
