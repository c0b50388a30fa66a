//! Seeded randomness without state: every draw is a hash of what it is for, so that two runs with the same seed and
//! the same order of requests behave alike however their tokens interleave.

/// What a draw decides.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// Jitter of the time to the first token.
    FirstToken = 1,
    /// Jitter of a later token.
    Token = 2,
    /// Which fault, if any, a request suffers.
    Fault = 3,
    /// Whether a request stops before its limit of tokens.
    EarlyStop = 4,
    /// Where it then stops.
    EarlyLength = 5,
}

/// One draw, uniform in [0, 1).
pub(crate) fn uniform(seed: u64, request: u64, purpose: Purpose, index: u64) -> f64 {
    let mut state = mix(seed);
    for word in [request, purpose as u64, index] {
        state = mix(state ^ word);
    }
    // 53 bits: what the mantissa holds.
    (state >> 11) as f64 / (1_u64 << 53) as f64
}

/// The step and finaliser of `SplitMix64` (Steele, Lea and Flood, 2014).
const fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_uniform_and_repeatable() {
        let draws: Vec<f64> = (0..10_000).map(|n| uniform(7, n, Purpose::Token, 3)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let low = draws.iter().filter(|draw| **draw < 0.1).count();
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        assert!((900..1_100).contains(&low), "{low}");
        assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
        assert!((draws[17] - uniform(7, 17, Purpose::Token, 3)).abs() < f64::EPSILON);
    }

    #[test]
    fn every_part_of_the_key_matters() {
        let base = uniform(1, 2, Purpose::Token, 3);
        let others = [
            uniform(2, 2, Purpose::Token, 3),
            uniform(1, 3, Purpose::Token, 3),
            uniform(1, 2, Purpose::FirstToken, 3),
            uniform(1, 2, Purpose::Token, 4),
        ];
        assert!(
            others.iter().all(|other| (base - other).abs() > 1e-9),
            "{base} {others:?}"
        );
    }
}
