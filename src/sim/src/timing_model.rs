//! When tokens are due: a first-token time, an inter-token time, bounded jitter and a slow-down with concurrency.

use crate::config::SimulatorConfig;
use crate::draw::{Purpose, uniform};

/// The timing of all requests of one service. All times are nanoseconds.
#[derive(Debug, Clone)]
pub(crate) struct TimingModel {
    first_token: i64,
    per_input_token: i64,
    inter_token: i64,
    jitter: f64,
    slowdown: f64,
    seed: u64,
}

impl TimingModel {
    pub(crate) const fn new(config: &SimulatorConfig) -> Self {
        Self {
            first_token: config.ttft.nanos(),
            per_input_token: config.ttft_per_input_token.nanos(),
            inter_token: config.itl.nanos(),
            jitter: config.jitter,
            slowdown: config.slowdown,
            seed: config.seed,
        }
    }

    /// How much longer everything takes with `running` requests in the batch: 1 for one alone, then rising in a line.
    fn factor(&self, running: usize) -> f64 {
        self.slowdown.mul_add(running.saturating_sub(1) as f64, 1.0)
    }

    /// From the admission of the `request`-th request to its first token. Lies within the undisturbed time × (1 ±
    /// jitter).
    pub(crate) fn first_delay(&self, request: u64, input_tokens: u32, running: usize) -> i64 {
        let undisturbed = self.first_token + self.per_input_token.saturating_mul(i64::from(input_tokens));
        let draw = uniform(self.seed, request, Purpose::FirstToken, 0);
        let jittered = self.jitter.mul_add(2.0f64.mul_add(draw, -1.0), 1.0);
        (undisturbed as f64 * self.factor(running) * jittered) as i64
    }

    /// From one token's place in the undisturbed schedule to the next one's.
    pub(crate) fn step(&self, running: usize) -> i64 {
        (self.inter_token as f64 * self.factor(running)) as i64
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

    fn model(jitter: f64, slowdown: f64) -> TimingModel {
        TimingModel {
            first_token: 50_000_000,
            per_input_token: 10_000,
            inter_token: 10_000_000,
            jitter,
            slowdown,
            seed: 42,
        }
    }

    #[test]
    fn exact_without_jitter() {
        let model = model(0.0, 0.0);
        assert_eq!(model.first_delay(1, 100, 500), 51_000_000);
        assert_eq!(model.step(500), 10_000_000);
        assert_eq!(model.displacement(1, 9), 0);
    }

    #[test]
    fn slower_as_concurrency_grows() {
        let model = model(0.0, 0.01);
        assert_eq!(model.step(0), 10_000_000);
        assert_eq!(model.step(1), 10_000_000);
        assert_eq!(model.step(101), 20_000_000);
        assert_eq!(model.first_delay(1, 0, 101), 100_000_000);
    }

    #[test]
    fn zero_times_stay_zero() {
        let mut model = model(1.0, 1.0);
        (model.first_token, model.per_input_token, model.inter_token) = (0, 0, 0);
        assert_eq!(model.first_delay(3, 1_000, 9), 0);
        assert_eq!(model.displacement(3, 7) + model.step(9), 0);
    }

    proptest! {
        #[test]
        fn gaps_stay_within_the_jitter(request in any::<u64>(), token in 0..10_000_u32, jitter in 0.0..=1.0) {
            let model = model(jitter, 0.0);
            let place = |token| i64::from(token) * model.step(1) + model.displacement(request, token);
            let gap = place(token + 1) - place(token);
            let bound = (10_000_000.0 * jitter) as i64 + 2;
            prop_assert!((gap - 10_000_000).abs() <= bound && gap >= 0, "{gap}");
            let first = model.first_delay(request, 0, 1);
            prop_assert!((first - 50_000_000).abs() <= (50_000_000.0 * jitter) as i64 + 2, "{first}");
        }
    }
}
