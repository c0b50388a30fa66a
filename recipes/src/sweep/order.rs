//! The order of trials.

use std::collections::HashMap;
use std::hash::Hash;

use crate::plan::TrialPlan;
use crate::recipe::Order;

/// Puts trials in the order in which they are measured. Unless the order is exact, those that share a service are neighbours, and
/// so are services with the same processes, whose [setups](crate::plan::setups) are equal: processes are started as rarely as
/// possible. Which service comes first is decided by the first trial that needs it.
pub(crate) fn arrange(trials: &mut [TrialPlan], setups: &[usize], order: Order, seed: u64) {
    match order {
        Order::Exact => return,
        Order::Shuffled => shuffle(trials, seed),
        Order::Declared => {}
    }
    let setup = |trial: &TrialPlan| setups.get(trial.service).copied();
    let by_setup = ranks(trials.iter().map(setup));
    let by_service = ranks(trials.iter().map(|trial| trial.service));
    // Stable: the order within a service stays.
    trials.sort_by_key(|trial| {
        (
            by_setup.get(&setup(trial)).copied(),
            by_service.get(&trial.service).copied(),
        )
    });
}

/// Numbers things in the order in which they first appear.
fn ranks<T: Eq + Hash>(things: impl Iterator<Item = T>) -> HashMap<T, usize> {
    let mut ranks = HashMap::new();
    for thing in things {
        let next = ranks.len();
        ranks.entry(thing).or_insert(next);
    }
    ranks
}

/// Fisher and Yates' shuffle.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut random = SplitMix64(seed);
    for last in (1..items.len()).rev() {
        let other = random.below(last as u64 + 1) as usize;
        items.swap(last, other);
    }
}

/// Steele, Lea and Flood's generator (OOPSLA 2014): its sequence is part of what a plan means, so it is written out.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a bound; the bias is at most bound / 2^64.
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generator_is_the_published_one() {
        let mut random = SplitMix64(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn shuffling_is_a_permutation_fixed_by_its_seed() {
        let shuffled = |seed| {
            let mut items: Vec<u32> = (0..100).collect();
            shuffle(&mut items, seed);
            items
        };
        assert_eq!(shuffled(7), shuffled(7));
        assert_ne!(shuffled(7), shuffled(8));
        let mut sorted = shuffled(7);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    }
}
