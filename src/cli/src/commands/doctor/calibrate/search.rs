//! The search for the highest level that holds: doubling or halving until it is between two levels, then bisection.

use serde::Serialize;

/// The answer is narrowed until the level that fails is at most so much above the one that holds.
const PRECISION: f64 = 0.10;
/// A level fails if it fails so often in a row: another program may have disturbed it once.
const TRIES: u32 = 2;

/// Levels that may be tried, and the first one. `least` ≤ `start` ≤ `most`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) least: u32,
    pub(super) start: u32,
    pub(super) most: u32,
}

/// What keeps a level from holding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Limit {
    pub(super) by: LimitedBy,
    pub(super) reason: String,
}

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum LimitedBy {
    /// A check of the verdict on the client.
    Client,
    /// The null server fell behind; the client could do more.
    NullServer,
    /// The system refuses: open files, ports.
    System,
}

/// What trying a level gave.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tried<M> {
    Held(M),
    Failed(Limit),
}

/// Why the search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stop {
    /// The answer is as precise as it was to be.
    Narrowed,
    /// The highest level that is ever tried holds.
    HighestTried,
    /// Not even the lowest level holds.
    NoneHeld,
    /// The answer is less precise than it was to be.
    OutOfTime,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found<M> {
    /// The highest level that held.
    pub(super) held: Option<(u32, M)>,
    /// The lowest level that failed.
    pub(super) failed: Option<(u32, Limit)>,
    pub(super) stop: Stop,
}

/// Searches. At least one level is tried, however little time there is.
///
/// # Errors
/// The first error of `measure`.
pub(super) fn search<M, E>(
    bounds: Bounds,
    mut measure: impl FnMut(u32) -> Result<Tried<M>, E>,
    mut is_out_of_time: impl FnMut() -> bool,
) -> Result<Found<M>, E> {
    let mut found = Found {
        held: None,
        failed: None,
        stop: Stop::OutOfTime,
    };
    loop {
        let held = found.held.as_ref().map(|(level, _)| *level);
        let failed = found.failed.as_ref().map(|(level, _)| *level);
        let level = match next(bounds, held, failed) {
            Ok(level) => level,
            Err(stop) => return Ok(Found { stop, ..found }),
        };
        if (held.is_some() || failed.is_some()) && is_out_of_time() {
            return Ok(found);
        }
        match insist(level, &mut measure, &mut is_out_of_time)? {
            Tried::Held(measured) => found.held = Some((level, measured)),
            Tried::Failed(limit) => found.failed = Some((level, limit)),
        }
    }
}

/// The level to try next, given the highest that held and the lowest that failed.
fn next(bounds: Bounds, held: Option<u32>, failed: Option<u32>) -> Result<u32, Stop> {
    match (held, failed) {
        (None, None) => Ok(bounds.start),
        (Some(held), None) if held >= bounds.most => Err(Stop::HighestTried),
        (Some(held), None) => Ok(held.saturating_mul(2).min(bounds.most)),
        (None, Some(failed)) if failed <= bounds.least => Err(Stop::NoneHeld),
        (None, Some(failed)) => Ok((failed / 2).max(bounds.least)),
        (Some(held), Some(failed)) => {
            let (low, high) = (f64::from(held), f64::from(failed));
            if high <= low * (1.0 + PRECISION) || failed - held <= 1 {
                return Err(Stop::Narrowed);
            }
            Ok(((low * high).sqrt().round() as u32).clamp(held + 1, failed - 1))
        }
    }
}

/// Tries a level again if it fails, unless the system refuses: it would do so again.
fn insist<M, E>(
    level: u32,
    measure: &mut impl FnMut(u32) -> Result<Tried<M>, E>,
    is_out_of_time: &mut impl FnMut() -> bool,
) -> Result<Tried<M>, E> {
    let mut tried = measure(level)?;
    for _ in 1..TRIES {
        match &tried {
            Tried::Failed(limit) if limit.by != LimitedBy::System && !is_out_of_time() => {
                tried = measure(level)?;
            }
            _ => break,
        }
    }
    Ok(tried)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        least: 10,
        start: 1_000,
        most: 100_000,
    };

    fn limit(by: LimitedBy) -> Limit {
        Limit {
            by,
            reason: "too much".to_owned(),
        }
    }

    /// A node that can do so much, and the levels that were tried on it.
    fn on(ceiling: u32, steps: usize) -> (Found<u32>, Vec<u32>) {
        let levels = Cell::new(Vec::new());
        let count = Cell::new(0);
        let measure = |level| {
            let mut all = levels.take();
            all.push(level);
            levels.set(all);
            count.set(count.get() + 1);
            Ok::<_, Infallible>(if level <= ceiling {
                Tried::Held(level)
            } else {
                Tried::Failed(limit(LimitedBy::Client))
            })
        };
        let Ok(found) = search(BOUNDS, measure, || count.get() >= steps);
        (found, levels.take())
    }

    #[test]
    fn doubles_then_bisects_and_tries_failures_again() {
        let (found, levels) = on(3_000, usize::MAX);
        assert_eq!(
            levels,
            [1_000, 2_000, 4_000, 4_000, 2_828, 3_363, 3_363, 3_084, 3_084]
        );
        assert_eq!(found.held, Some((2_828, 2_828)));
        assert_eq!(found.failed, Some((3_084, limit(LimitedBy::Client))));
        assert_eq!(found.stop, Stop::Narrowed);
    }

    #[test]
    fn ends_at_the_bounds() {
        assert_eq!(on(u32::MAX, usize::MAX).0.stop, Stop::HighestTried);
        let (found, levels) = on(9, usize::MAX);
        assert_eq!((found.held, found.stop), (None, Stop::NoneHeld));
        assert_eq!(levels.last(), Some(&10));
    }

    #[test]
    fn without_time_one_level_is_tried_all_the_same() {
        let (found, levels) = on(u32::MAX, 0);
        assert_eq!(
            (levels.as_slice(), found.stop),
            ([1_000].as_slice(), Stop::OutOfTime)
        );
        let (found, levels) = on(3_000, 3);
        assert_eq!(levels, [1_000, 2_000, 4_000]);
        assert_eq!(found.held, Some((2_000, 2_000)));
        assert_eq!(found.failed.map(|(level, _)| level), Some(4_000));
    }

    #[test]
    fn one_disturbance_is_forgiven_and_a_refusal_is_final() {
        let calls = Cell::new(0);
        let disturbed_once = |level| {
            calls.set(calls.get() + 1);
            Ok::<_, Infallible>(if calls.get() == 1 {
                Tried::Failed(limit(LimitedBy::Client))
            } else {
                Tried::Held(level)
            })
        };
        let Ok(found) = search(BOUNDS, disturbed_once, || false);
        assert_eq!(found.stop, Stop::HighestTried);

        let calls = Cell::new(0);
        let refused = |_| {
            calls.set(calls.get() + 1);
            Ok::<Tried<()>, Infallible>(Tried::Failed(limit(LimitedBy::System)))
        };
        let Ok(_) = search(BOUNDS, refused, || calls.get() > 0);
        assert_eq!(calls.get(), 1);
    }

    #[test]
    fn errors_end_the_search() {
        let error = search(BOUNDS, |_| Err::<Tried<()>, _>("broken"), || false);
        assert_eq!(error, Err("broken"));
    }

    proptest! {
        #[test]
        fn the_answer_is_below_the_ceiling_by_the_precision_at_most(ceiling in 10_u32..100_000) {
            let (found, levels) = on(ceiling, usize::MAX);
            let (held, _) = found.held.unwrap();
            prop_assert!(held <= ceiling);
            prop_assert!(f64::from(ceiling) < f64::from(held) * (1.0 + PRECISION) + 1.0);
            prop_assert!(levels.len() <= 30, "{levels:?}");
        }
    }
}
