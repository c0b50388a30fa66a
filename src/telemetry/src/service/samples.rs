//! A service's metrics as samples.

use super::{Dialect, Reading};
use crate::prometheus::Series;
use crate::{Sample, Source};

/// Most of a service's own metrics that are kept of one look.
const MAX_OWN: usize = 2_000;
/// Endings of what would only make the table large: the parts of histograms, and the times at which counters began.
const LEFT_OUT: [&str; 2] = ["_bucket", "_created"];

/// The reading under our names, then the service's own metrics under theirs, apart from histograms' buckets.
pub fn samples<'a>(
    at_ns: i64,
    instance: &'a str,
    dialect: Dialect,
    all: &'a [Series<'a>],
    reading: &Reading,
) -> impl Iterator<Item = Sample> + 'a {
    let named = reading
        .named()
        .into_iter()
        .filter_map(move |(name, value)| Sample::new(at_ns, Source::Service, instance, name, value?));
    let own = all.iter().filter(move |series| {
        series.name.starts_with(dialect.prefix()) && !LEFT_OUT.iter().any(|end| series.name.ends_with(end))
    });
    let own = own.take(MAX_OWN).filter_map(move |series| {
        let mut sample = Sample::new(at_ns, Source::Service, instance, series.name, series.value)?;
        sample.labels = series.labels_text();
        Some(sample)
    });
    named.chain(own)
}
