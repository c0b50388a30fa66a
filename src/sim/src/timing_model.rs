//! When tokens are due: a first-token time, an inter-token time, bounded jitter, a slow-down with concurrency, and one with
//! time.

use hpcbench_timing::Monotonic;

use crate::config::SimulatorConfig;
use crate::draw::{Purpose, uniform};

const NANOS_PER_SECOND: f64 = 1e9;

/// The timing of all requests of one service. All times are nanoseconds.
#[derive(Debug, Clone)]
pub(crate) struct TimingModel {
    first_token: i64,
    per_input_token: i64,
    inter_token: i64,
    jitter: f64,
    slowdown: f64,
    drift: f64,
    started: Monotonic,
    seed: u64,
}

impl TimingModel {
    pub(crate) const fn new(config: &SimulatorConfig, started: Monotonic) -> Self {
        Self {
            first_token: config.ttft.nanos(),
            per_input_token: config.ttft_per_input_token.nanos(),
            inter_token: config.itl.nanos(),
            jitter: config.jitter,
            slowdown: config.slowdown,
            drift: config.drift,
            started,
            seed: config.seed,
        }
    }

    /// How much longer everything takes at `now` with `running` requests in the batch: 1 for one alone at the start, then
    /// rising in a line with either.
    fn factor(&self, running: usize, now: Monotonic) -> f64 {
        let age = now.nanos_since(self.started).max(0) as f64 / NANOS_PER_SECOND;
        self.slowdown.mul_add(running.saturating_sub(1) as f64, 1.0) * self.drift.mul_add(age, 1.0)
    }

    /// From the admission of the `request`-th request at `now` to its first token. Lies within the undisturbed time ×
    /// (1 ± jitter).
    pub(crate) fn first_delay(&self, request: u64, input_tokens: u32, running: usize, now: Monotonic) -> i64 {
        let undisturbed = self.first_token + self.per_input_token.saturating_mul(i64::from(input_tokens));
        let draw = uniform(self.seed, request, Purpose::FirstToken, 0);
        let jittered = self.jitter.mul_add(2.0f64.mul_add(draw, -1.0), 1.0);
        (undisturbed as f64 * self.factor(running, now) * jittered) as i64
    }

    /// From one token's place in the undisturbed schedule to the next one's.
    pub(crate) fn step(&self, running: usize, now: Monotonic) -> i64 {
        (self.inter_token as f64 * self.factor(running, now)) as i64
    }

    /// How far a token is moved from its place: at most half of jitter × inter-token time either way. So the gaps lie
    /// within the inter-token time × (1 ± jitter), their mean is not moved, and errors do not add up.
    pub(crate) fn displacement(&self, request: u64, token: u32) -> i64 {
        if self.jitter == 0.0 || token == 0 {
            return 0;
        }
        let draw = uniform(self.seed, request, Purpose::Token, u64::from(token));
        (self.inter_token as f64 * self.jitter * (draw - 0.5)) as i64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Monotonic = Monotonic(7_000_000_000);

    fn model(jitter: f64, slowdown: f64) -> TimingModel {
        TimingModel {
            first_token: 50_000_000,
            per_input_token: 10_000,
            inter_token: 10_000_000,
            jitter,
            slowdown,
            drift: 0.0,
            started: START,
            seed: 42,
        }
    }

    #[test]
    fn exact_without_jitter() {
        let model = model(0.0, 0.0);
        assert_eq!(model.first_delay(1, 100, 500, START), 51_000_000);
        assert_eq!(model.step(500, START), 10_000_000);
        assert_eq!(model.displacement(1, 9), 0);
    }

    #[test]
    fn slower_as_concurrency_grows() {
        let model = model(0.0, 0.01);
        assert_eq!(model.step(0, START), 10_000_000);
        assert_eq!(model.step(1, START), 10_000_000);
        assert_eq!(model.step(101, START), 20_000_000);
        assert_eq!(model.first_delay(1, 0, 101, START), 100_000_000);
    }

    #[test]
    fn slower_as_time_goes_by() {
        let mut model = model(0.0, 0.01);
        model.drift = 0.5;
        let later = START.plus_nanos(2_000_000_000);
        assert_eq!(model.step(1, START), 10_000_000);
        assert_eq!(model.step(1, later), 20_000_000);
        assert_eq!(model.step(101, later), 40_000_000);
        assert_eq!(model.first_delay(1, 0, 1, later), 100_000_000);
        assert_eq!(
            model.step(1, Monotonic(0)),
            10_000_000,
            "before its start nothing is"
        );
    }

    #[test]
    fn zero_times_stay_zero() {
        let mut model = model(1.0, 1.0);
        (model.first_token, model.per_input_token, model.inter_token) = (0, 0, 0);
        assert_eq!(model.first_delay(3, 1_000, 9, START), 0);
        assert_eq!(model.displacement(3, 7) + model.step(9, START), 0);
    }

    proptest! {
        #[test]
        fn gaps_stay_within_the_jitter(request in any::<u64>(), token in 0..10_000_u32, jitter in 0.0..=1.0) {
            let model = model(jitter, 0.0);
            let place = |token| i64::from(token) * model.step(1, START) + model.displacement(request, token);
            let gap = place(token + 1) - place(token);
            let bound = (10_000_000.0 * jitter) as i64 + 2;
            prop_assert!((gap - 10_000_000).abs() <= bound && gap >= 0, "{gap}");
            let first = model.first_delay(request, 0, 1, START);
            prop_assert!((first - 50_000_000).abs() <= (50_000_000.0 * jitter) as i64 + 2, "{first}");
        }
    }
}
