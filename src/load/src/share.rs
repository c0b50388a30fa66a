//! Splitting a trial's load over its clients, exactly.

use serde::{Deserialize, Serialize};

/// One client among a trial's clients. Also used for one engine thread among a client's threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientShare {
    /// Position of this client, from 0.
    pub index: u32,
    /// Number of clients, at least 1.
    pub count: u32,
}

impl ClientShare {
    /// The only client.
    pub const SOLE: Self = Self { index: 0, count: 1 };

    /// Whether the share exists: `index < count`.
    pub const fn is_valid(self) -> bool {
        self.index < self.count
    }

    /// This client's part of `total` things. The parts of all clients add up to the total, and no two differ by
    /// more than one.
    pub const fn of(self, total: u64) -> u64 {
        let count = if self.count == 0 { 1 } else { self.count as u64 };
        total / count + if (self.index as u64) < total % count { 1 } else { 0 }
    }

    /// Whether the `position`-th thing, from 0, is this client's. It is then its own
    /// `position / count`-th.
    pub const fn owns(self, position: u64) -> bool {
        self.count <= 1 || position % self.count as u64 == self.index as u64
    }

    /// The trial's number of this client's `own`-th thing, from 0; the inverse of [`owns`](Self::owns).
    pub const fn position(self, own: u64) -> u64 {
        own.wrapping_mul(self.count as u64)
            .wrapping_add(self.index as u64)
    }

    /// Where this client begins to go through `things` in turn: the beginnings of all clients lie evenly among them, so that
    /// what each leaves over does not always fall on the first ones.
    pub const fn beginning_among(self, things: u64) -> u64 {
        let count = if self.count == 0 { 1 } else { self.count as u64 };
        self.index as u64 * things / count
    }

    /// The share of one of `count` parts of this share: thread `index` of this client.
    ///
    /// Things are dealt to clients in turn, and each client deals its own to its threads in turn.
    #[must_use]
    pub const fn part(self, index: u32, count: u32) -> Self {
        Self {
            index: self.index + self.count * index,
            count: self.count * count,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn taking_turns_uses_everything_evenly(count in 1u32..9, things in 1u64..9, rounds in 0u64..4, total in 0u64..200) {
            let mut used = vec![0_u64; things as usize];
            for index in 0..count {
                let client = ClientShare { index, count };
                let first = client.beginning_among(things);
                for own in 0..client.of(total) + rounds * things {
                    used[((first + own) % things) as usize] += 1;
                }
            }
            let (least, most) = (used.iter().min().unwrap(), used.iter().max().unwrap());
            prop_assert!(most - least <= u64::from(count), "{used:?}");
        }

        #[test]
        fn parts_add_up_and_are_even(total in 0_u64..1_000_000, count in 1_u32..50) {
            let parts: Vec<u64> = (0..count).map(|index| ClientShare { index, count }.of(total)).collect();
            prop_assert_eq!(parts.iter().sum::<u64>(), total);
            let (min, max) = (parts.iter().min().unwrap(), parts.iter().max().unwrap());
            prop_assert!(max - min <= 1);
        }

        #[test]
        fn every_thing_has_one_owner_among_all_threads(position in 0_u64..10_000, clients in 1_u32..6, threads in 1_u32..6) {
            let mut owners = 0;
            for index in 0..clients {
                let client = ClientShare { index, count: clients };
                for thread in 0..threads {
                    let part = client.part(thread, threads);
                    prop_assert!(part.is_valid());
                    if part.owns(position) {
                        owners += 1;
                        prop_assert!(client.owns(position));
                        prop_assert_eq!(part.position(position / u64::from(part.count)), position);
                    }
                }
            }
            prop_assert_eq!(owners, 1);
        }

        #[test]
        fn counts_agree_with_ownership(total in 0_u64..500, count in 1_u32..9, index in 0_u32..9) {
            prop_assume!(index < count);
            let share = ClientShare { index, count };
            prop_assert_eq!(share.of(total), (0..total).filter(|&position| share.owns(position)).count() as u64);
        }
    }
}
