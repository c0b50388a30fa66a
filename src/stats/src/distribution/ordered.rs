//! Many quantiles of one distribution, for one walk through its histogram.

use super::{Distribution, rank};

/// A distribution's values in ascending order.
pub(crate) struct Ordered {
    /// The bins that have values: how many values lie in them and below, and their value.
    bins: Vec<(u64, u64)>,
    count: u64,
}

impl Ordered {
    /// The ⌈nq⌉-th smallest value; as [`Distribution::quantile`].
    pub(crate) fn quantile(&self, q: f64) -> Option<u64> {
        self.value_at_rank(rank(self.count, q))
    }

    /// The value with this position, from 1; as [`Distribution::value_at_rank`].
    pub(crate) fn value_at_rank(&self, rank: u64) -> Option<u64> {
        let bin = self.bins.partition_point(|(up_to, _)| *up_to < rank);
        self.bins.get(bin).filter(|_| rank > 0).map(|(_, value)| *value)
    }
}

impl Distribution {
    pub(crate) fn ordered(&self) -> Ordered {
        let mut up_to = 0;
        let bins = self.histogram.iter_recorded().map(|step| {
            up_to += step.count_since_last_iteration();
            let value = self.histogram.median_equivalent(step.value_iterated_to());
            (up_to, value.clamp(self.min, self.max))
        });
        Ordered {
            bins: bins.collect(),
            count: self.count(),
        }
    }
}
