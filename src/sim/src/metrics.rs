//! Counters and histograms, shown under vLLM's metric names in Prometheus' text format.

use std::fmt::Write;

/// Bucket bounds in seconds, as vLLM has them.
const TTFT_BOUNDS: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0,
    80.0, 160.0, 640.0, 2560.0,
];
const ITL_BOUNDS: &[f64] = &[
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
];
const REQUEST_BOUNDS: &[f64] = &[
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0,
    960.0, 1920.0, 7680.0,
];

const NANOS_PER_SECOND: f64 = 1e9;

/// Values that are counted in buckets.
#[derive(Debug)]
struct Histogram {
    bounds: &'static [f64],
    /// One more than bounds: the last is above all of them.
    counts: Vec<u64>,
    sum: f64,
}

/// How requests ended, as vLLM names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finished {
    Stop,
    Length,
    Abort,
    Error,
}

/// What is counted as it happens.
#[derive(Debug)]
pub(crate) struct Metrics {
    prompt_tokens: u64,
    /// Share of these that count as hits of a prefix cache.
    prefix_hits: f64,
    generation_tokens: u64,
    finished: [u64; 4],
    ttft: Histogram,
    itl: Histogram,
    e2e: Histogram,
    queue: Histogram,
}

/// What holds at the moment of a scrape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gauges {
    pub(crate) running: usize,
    pub(crate) waiting: usize,
    /// Share of the KV cache in use, from 0 to 1.
    pub(crate) kv_cache_usage: f64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len() + 1],
            sum: 0.0,
        }
    }

    fn observe(&mut self, nanos: i64) {
        let seconds = nanos.max(0) as f64 / NANOS_PER_SECOND;
        let bucket = self.bounds.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum += seconds;
    }
}

impl Metrics {
    /// Nothing was counted; `prefix_hits` is the share of input tokens that will count as hits of a prefix cache.
    pub(crate) fn new(prefix_hits: f64) -> Self {
        Self {
            prompt_tokens: 0,
            prefix_hits,
            generation_tokens: 0,
            finished: [0; 4],
            ttft: Histogram::new(TTFT_BOUNDS),
            itl: Histogram::new(ITL_BOUNDS),
            e2e: Histogram::new(REQUEST_BOUNDS),
            queue: Histogram::new(REQUEST_BOUNDS),
        }
    }

    /// A request entered the batch after `queued` nanoseconds.
    pub(crate) fn admitted(&mut self, prompt_tokens: u32, queued: i64) {
        self.prompt_tokens += u64::from(prompt_tokens);
        self.queue.observe(queued);
    }

    /// The first tokens of a request, so long after its arrival.
    pub(crate) fn first_tokens(&mut self, tokens: u32, since_arrival: i64) {
        self.generation_tokens += u64::from(tokens);
        self.ttft.observe(since_arrival);
    }

    /// Further tokens, so long after the ones before.
    pub(crate) fn more_tokens(&mut self, tokens: u32, gap: i64) {
        self.generation_tokens += u64::from(tokens);
        self.itl.observe(gap);
    }

    /// A request ended, so long after its arrival.
    pub(crate) fn finished(&mut self, how: Finished, since_arrival: i64) {
        if let Some(count) = self.finished.get_mut(how as usize) {
            *count += 1;
        }
        if matches!(how, Finished::Stop | Finished::Length) {
            self.e2e.observe(since_arrival);
        }
    }

    /// Tokens generated so far.
    pub(crate) const fn generation_tokens(&self) -> u64 {
        self.generation_tokens
    }

    /// The text that Prometheus reads.
    pub(crate) fn render(&self, model: &str, gauges: Gauges) -> String {
        let labels = format!("engine=\"0\",model_name=\"{}\"", escape(model));
        let mut text = Text {
            out: String::with_capacity(16 * 1024),
            labels,
        };
        text.gauge(
            "num_requests_running",
            "Number of requests in model execution batches.",
            gauges.running as f64,
        );
        text.gauge(
            "num_requests_waiting",
            "Number of requests waiting to be processed.",
            gauges.waiting as f64,
        );
        text.gauge(
            "kv_cache_usage_perc",
            "KV-cache usage. 1 means 100 percent usage.",
            gauges.kv_cache_usage,
        );
        text.counter(
            "prompt_tokens_total",
            "Number of prefill tokens processed.",
            self.prompt_tokens,
        );
        text.counter(
            "generation_tokens_total",
            "Number of generation tokens processed.",
            self.generation_tokens,
        );
        // There is no prefix cache: what it finds is as the settings say. Nothing is ever preempted: a true zero.
        let hits = (self.prompt_tokens as f64 * self.prefix_hits) as u64;
        text.counter(
            "prefix_cache_queries_total",
            "Prefix cache queries, in tokens.",
            self.prompt_tokens,
        );
        text.counter("prefix_cache_hits_total", "Prefix cache hits, in tokens.", hits);
        text.counter("num_preemptions_total", "Cumulative number of preemptions.", 0);
        text.request_success(&self.finished);
        text.histogram("time_to_first_token_seconds", "Time to first token.", &self.ttft);
        text.histogram("inter_token_latency_seconds", "Inter-token latency.", &self.itl);
        text.histogram(
            "e2e_request_latency_seconds",
            "End-to-end request latency.",
            &self.e2e,
        );
        text.histogram("request_queue_time_seconds", "Time spent waiting.", &self.queue);
        text.out
    }
}

/// The document in the making.
struct Text {
    out: String,
    labels: String,
}

impl Text {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        self.line(format_args!("# HELP vllm:{name} {help}"));
        self.line(format_args!("# TYPE vllm:{name} {kind}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.out, "{line}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, help, "gauge");
        let labels = self.labels.clone();
        self.line(format_args!("vllm:{name}{{{labels}}} {value}"));
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "counter");
        let labels = self.labels.clone();
        self.line(format_args!("vllm:{name}{{{labels}}} {value}"));
    }

    fn request_success(&mut self, finished: &[u64; 4]) {
        let name = "request_success_total";
        self.head(name, "Count of processed requests.", "counter");
        let labels = self.labels.clone();
        for (reason, count) in ["stop", "length", "abort", "error"].into_iter().zip(finished) {
            self.line(format_args!(
                "vllm:{name}{{{labels},finished_reason=\"{reason}\"}} {count}"
            ));
        }
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, help, "histogram");
        let labels = self.labels.clone();
        let mut total = 0;
        let bounds = histogram
            .bounds
            .iter()
            .map(f64::to_string)
            .chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&histogram.counts) {
            total += count;
            self.line(format_args!(
                "vllm:{name}_bucket{{{labels},le=\"{bound}\"}} {total}"
            ));
        }
        self.line(format_args!("vllm:{name}_count{{{labels}}} {total}"));
        self.line(format_args!("vllm:{name}_sum{{{labels}}} {}", histogram.sum));
    }
}

fn escape(label: &str) -> String {
    label
        .replace('\\', r"\\")
        .replace('"', r#"\""#)
        .replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAUGES: Gauges = Gauges {
        running: 3,
        waiting: 2,
        kv_cache_usage: 0.25,
    };

    fn value<'a>(text: &'a str, series: &str) -> &'a str {
        let line = text
            .lines()
            .find(|line| line.starts_with(series))
            .unwrap_or_else(|| panic!("no {series}"));
        line.rsplit_once(' ').unwrap().1
    }

    #[test]
    fn shows_what_was_counted() {
        let mut metrics = Metrics::new(0.25);
        metrics.admitted(12, 700_000_000);
        metrics.first_tokens(1, 50_000_000);
        metrics.more_tokens(2, 10_000_000);
        metrics.finished(Finished::Length, 60_000_000);
        metrics.finished(Finished::Abort, 1);
        let text = metrics.render("m\"x", GAUGES);
        let labels = r#"{engine="0",model_name="m\"x""#;
        let of = |name: &str, more: &str| value(&text, &format!("vllm:{name}{labels}{more}}}"));
        assert_eq!(of("num_requests_running", ""), "3");
        assert_eq!(of("num_requests_waiting", ""), "2");
        assert_eq!(of("kv_cache_usage_perc", ""), "0.25");
        assert_eq!(of("prompt_tokens_total", ""), "12");
        assert_eq!(of("generation_tokens_total", ""), "3");
        assert_eq!(of("prefix_cache_queries_total", ""), "12");
        assert_eq!(of("prefix_cache_hits_total", ""), "3");
        assert_eq!(of("request_success_total", r#",finished_reason="length""#), "1");
        assert_eq!(of("request_success_total", r#",finished_reason="abort""#), "1");
        assert_eq!(of("request_success_total", r#",finished_reason="error""#), "0");
        assert_eq!(of("time_to_first_token_seconds_bucket", r#",le="0.04""#), "0");
        assert_eq!(of("time_to_first_token_seconds_bucket", r#",le="0.06""#), "1");
        assert_eq!(of("time_to_first_token_seconds_bucket", r#",le="+Inf""#), "1");
        assert_eq!(of("inter_token_latency_seconds_count", ""), "1");
        assert_eq!(of("request_queue_time_seconds_sum", ""), "0.7");
        assert_eq!(of("e2e_request_latency_seconds_count", ""), "1");
    }

    #[test]
    fn buckets_include_their_bound() {
        let mut histogram = Histogram::new(ITL_BOUNDS);
        histogram.observe(10_000_000);
        histogram.observe(10_000_001);
        histogram.observe(i64::MAX);
        histogram.observe(-5);
        assert_eq!(
            (
                histogram.counts[0],
                histogram.counts[1],
                *histogram.counts.last().unwrap()
            ),
            (2, 1, 1)
        );
    }

    #[test]
    fn every_series_has_a_help_and_a_type() {
        let text = Metrics::new(0.0).render("m", GAUGES);
        let heads = |kind: &str| text.lines().filter(|line| line.starts_with(kind)).count();
        assert_eq!(heads("# HELP"), 13);
        assert_eq!(heads("# TYPE"), 13);
    }
}
