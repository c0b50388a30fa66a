//! How many values lie where, in memory that grows with their range and not with their number.

/// Bins of an octave, that is, between a power of two and the next: a bin is at most 0.1 % wide.
pub(super) const BINS_PER_OCTAVE: usize = 1 << OCTAVE_BITS;
const OCTAVE_BITS: u32 = 10;
/// Bins that 64 bits can fall into: the values below the first octave have one each.
pub(super) const BINS: usize = (u64::BITS - OCTAVE_BITS + 1) as usize * BINS_PER_OCTAVE;

type Octave = Box<[u32; BINS_PER_OCTAVE]>;

/// Counts of values by bin. An octave takes 4 KB once it has a value; latencies span few of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FineCounts {
    /// From the lowest; the last one has a value.
    octaves: Vec<Option<Octave>>,
}

impl FineCounts {
    pub(crate) fn record(&mut self, value: u64) {
        self.add(bin_of(value), 1);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (bin, count) in other.bins() {
            self.add(bin, count);
        }
    }

    /// The bins that have values, from the lowest: index and number of values.
    pub(crate) fn bins(&self) -> impl DoubleEndedIterator<Item = (usize, u32)> {
        let octaves = self.octaves.iter().enumerate();
        octaves.flat_map(|(octave, counts)| {
            let counts = counts.iter().flat_map(|counts| counts.iter().enumerate());
            let within = counts.filter(|(_, count)| **count > 0);
            within.map(move |(bin, count)| (octave * BINS_PER_OCTAVE + bin, *count))
        })
    }

    /// Number of values.
    pub(crate) fn total(&self) -> u64 {
        self.bins().map(|(_, count)| u64::from(count)).sum()
    }

    /// Numbers of values in higher bins and in this one.
    pub(crate) fn above_and_in(&self, bin: usize) -> (u64, u64) {
        let (mut above, mut within) = (0, 0);
        for (index, count) in self.bins().rev().take_while(|(index, _)| *index >= bin) {
            *(if index > bin { &mut above } else { &mut within }) += u64::from(count);
        }
        (above, within)
    }

    /// A bin that four billion values of one batch fall into stays at that.
    pub(super) fn add(&mut self, bin: usize, count: u32) {
        let (octave, within) = (bin / BINS_PER_OCTAVE, bin % BINS_PER_OCTAVE);
        if count == 0 || bin >= BINS {
            return;
        }
        if self.octaves.len() <= octave {
            self.octaves.resize(octave + 1, None);
        }
        if let Some(counts) = self.octaves.get_mut(octave) {
            let counts = counts.get_or_insert_with(|| Box::new([0; BINS_PER_OCTAVE]));
            if let Some(own) = counts.get_mut(within) {
                *own = own.saturating_add(count);
            }
        }
    }
}

/// Below 1,024 the value itself; above, its octave and the ten bits after its highest.
fn bin_of(value: u64) -> usize {
    let dropped = value.checked_ilog2().unwrap_or(0).saturating_sub(OCTAVE_BITS);
    let octave = if value < BINS_PER_OCTAVE as u64 {
        0
    } else {
        dropped as usize + 1
    };
    octave * BINS_PER_OCTAVE + (value >> dropped) as usize % BINS_PER_OCTAVE
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bins_follow_each_other_without_a_gap() {
        assert_eq!(bin_of(0), 0);
        assert_eq!(bin_of(1_023), 1_023);
        assert_eq!(bin_of(1_024), 1_024);
        assert_eq!(bin_of(2_047), 2_047);
        assert_eq!(
            (bin_of(2_048), bin_of(2_049), bin_of(2_050)),
            (2_048, 2_048, 2_049)
        );
        assert_eq!(bin_of(u64::MAX), BINS - 1);
    }

    #[test]
    fn what_is_above_and_in_a_bin() {
        let mut counts = FineCounts::default();
        for value in [5, 5, 7, 3_000_000, 9_000_000_000] {
            counts.record(value);
        }
        assert_eq!(counts.above_and_in(bin_of(5)), (3, 2));
        assert_eq!(counts.above_and_in(bin_of(6)), (3, 0));
        assert_eq!(counts.above_and_in(bin_of(3_000_000)), (1, 1));
        assert_eq!(counts.above_and_in(bin_of(u64::MAX)), (0, 0));
        assert_eq!(counts.total(), 5);
    }

    proptest! {
        #[test]
        fn larger_values_are_in_the_same_bin_or_a_higher_one(a: u64, b: u64) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(bin_of(low) <= bin_of(high));
            if bin_of(low) == bin_of(high) {
                prop_assert!(high - low <= low / 1_024);
            }
        }
    }
}
