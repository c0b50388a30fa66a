//! How a trial's requests were spread over the endpoints, in a sentence.

use hpcbench_stats::EndpointSummary;

use crate::words::{milliseconds, three_digits};

/// The sentence; `None` if there are not several.
pub(super) fn sentence(endpoints: &[EndpointSummary]) -> Option<String> {
    if endpoints.len() < 2 {
        return None;
    }
    let percent = |share: f64| format!("{} %", three_digits(100.0 * share));
    let (least, most) = range(endpoints.iter().map(|endpoint| endpoint.share))?;
    let spread = format!(
        "{} endpoints: each got {} to {} of the requests",
        endpoints.len(),
        percent(least),
        percent(most)
    );
    let medians = |name: &str, of: fn(&EndpointSummary) -> Option<f64>| {
        let (least, most) = range(endpoints.iter().filter_map(of))?;
        let (least, most) = (milliseconds(least), milliseconds(most));
        Some(format!("{name} p50 {least} to {most} ms"))
    };
    let parts = [
        Some(spread),
        medians("TTFT", |endpoint| endpoint.ttft.p50),
        medians("E2E", |endpoint| endpoint.e2e.p50),
    ];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// The smallest and the greatest; `None` of nothing.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((least, most)) => Some((value.min(least), value.max(most))),
    })
}

#[cfg(test)]
mod tests {
    use hpcbench_stats::{MetricSummary, RequestCounts};

    use super::*;

    fn endpoint(endpoint: u16, share: f64, ttft: Option<f64>) -> EndpointSummary {
        EndpointSummary {
            endpoint,
            instance: None,
            url: None,
            requests: RequestCounts::default(),
            share,
            output_tokens: 0,
            ttft: MetricSummary {
                p50: ttft,
                ..MetricSummary::default()
            },
            tpot: MetricSummary::default(),
            e2e: MetricSummary::default(),
        }
    }

    #[test]
    fn several_endpoints_are_compared() {
        let all = [
            endpoint(0, 0.25, Some(0.012)),
            endpoint(1, 0.35, None),
            endpoint(2, 0.4, Some(0.01)),
        ];
        assert_eq!(
            sentence(&all).as_deref(),
            Some("3 endpoints: each got 25.0 % to 40.0 % of the requests, TTFT p50 10.0 to 12.0 ms")
        );
        assert_eq!(sentence(&all[..1]), None);
    }
}
