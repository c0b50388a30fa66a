//! What a service said of itself, in a sentence.

use hpcbench_stats::ServiceSummary;

use crate::words::{count, milliseconds, three_digits};

/// The sentence; `None` if the service said nothing.
pub(super) fn sentence(service: &ServiceSummary) -> Option<String> {
    let percent = |share: f64| format!("{} %", three_digits(100.0 * share));
    let parts: Vec<String> = [
        service
            .running_mean
            .map(|mean| format!("{} running", three_digits(mean))),
        service
            .waiting_mean
            .map(|mean| format!("{} waiting", three_digits(mean))),
        service
            .queue_seconds_mean
            .map(|mean| format!("{} ms in its queue", milliseconds(mean))),
        service
            .kv_cache_max
            .map(|max| format!("KV cache {} full at most", percent(max))),
        service
            .prefix_hit_ratio
            .map(|ratio| format!("{} of the input from its prefix cache", percent(ratio))),
        service.preemptions.map(|number| count(number, "preemption")),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| format!("the service by its own account: {}", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_is_said() {
        let service = ServiceSummary {
            running_mean: Some(7.83),
            waiting_mean: Some(0.0),
            kv_cache_max: Some(0.5),
            prefix_hit_ratio: None,
            preemptions: Some(1),
            queue_seconds_mean: Some(0.012),
        };
        assert_eq!(
            sentence(&service).as_deref(),
            Some(
                "the service by its own account: 7.83 running, 0.00 waiting, 12.0 ms in its queue, KV cache 50.0 % full at \
                 most, 1 preemption"
            )
        );
        assert_eq!(sentence(&ServiceSummary::default()), None);
    }
}
