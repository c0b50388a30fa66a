//! A mean that changes at one point.

/// Permutations that a shift is compared with.
const PERMUTATIONS: u32 = 999;
/// Fewest batches on either side of a shift.
const SHORTEST_SIDE: usize = 2;
/// The permutations are the same in every run, so that the same records give the same verdict.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// The most pronounced shift of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    /// Mean after − mean before.
    pub(super) size: f64,
    /// Share of the permutations whose most pronounced shift is at least as pronounced.
    pub(super) p: f64,
}

/// Finds the split of the series with the most pronounced difference between the means, in units of its standard error,
/// and how often chance alone does as well.
pub(super) fn largest(values: &[f64]) -> Shift {
    let (pronounced, size) = most_pronounced(values);
    let mut generator = SplitMix(SEED);
    let mut shuffled = values.to_vec();
    let mut as_pronounced = 0;
    for _ in 0..PERMUTATIONS {
        generator.shuffle(&mut shuffled);
        // Sums in another order differ in the last bits; equal arrangements have to count as equal.
        as_pronounced += u32::from(most_pronounced(&shuffled).0 >= pronounced * (1.0 - 1e-9));
    }
    Shift {
        size,
        p: f64::from(1 + as_pronounced) / f64::from(1 + PERMUTATIONS),
    }
}

/// How pronounced the most pronounced shift is, and its size.
fn most_pronounced(values: &[f64]) -> (f64, f64) {
    let n = values.len();
    let total: f64 = values.iter().sum();
    let mut best = (0.0, 0.0);
    let mut before = 0.0;
    for (i, value) in values.iter().enumerate() {
        before += value;
        let (left, right) = (i + 1, n - i - 1);
        if left < SHORTEST_SIDE || right < SHORTEST_SIDE {
            continue;
        }
        let size = (total - before) / right as f64 - before / left as f64;
        let pronounced = size.abs() * (left as f64 * right as f64 / n as f64).sqrt();
        if pronounced > best.0 {
            best = (pronounced, size);
        }
    }
    best
}

/// Steele, Lea and Flood's generator (2014): small, and good enough to shuffle twenty values.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn shuffle(&mut self, values: &mut [f64]) {
        for i in (1..values.len()).rev() {
            let j = (self.next() % (i as u64 + 1)) as usize;
            values.swap(i, j);
        }
    }
}
