//! Drawing numbers of tokens.

use rand::Rng;
use rand_distr::weighted::WeightedIndex;
use rand_distr::{Distribution as _, Normal};

use super::PromptError;
use crate::spec::TokenCount;

/// Most tokens of one prompt or answer.
const MAX_TOKENS: u32 = 4_000_000;

/// How often a normal variate outside its bounds is drawn again before it is moved to the nearest bound.
const MAX_DRAWS: usize = 64;

/// Says what is wrong with a number of tokens, if anything.
pub(super) fn check(count: &TokenCount, what: &'static str) -> Result<(), PromptError> {
    let problem = match count {
        _ if largest(count) > f64::from(MAX_TOKENS) => Some("more than 4,000,000 tokens"),
        TokenCount::Fixed(_) => None,
        TokenCount::Normal {
            mean,
            stddev,
            min,
            max,
        } => normal_problem(*mean, *stddev, *min, *max),
        TokenCount::Weighted { values, weights } if values.len() != weights.len() => {
            Some("there must be as many weights as values")
        }
        TokenCount::Weighted { weights, .. } => WeightedIndex::new(weights)
            .err()
            .map(|_| "weights must be non-negative numbers, and one of them above zero"),
    };
    problem.map_or(Ok(()), |problem| Err(PromptError::TokenCount { what, problem }))
}

fn normal_problem(mean: f64, stddev: f64, min: u32, max: u32) -> Option<&'static str> {
    if min > max {
        Some("min is above max")
    } else if mean.is_finite() && stddev.is_finite() && stddev >= 0.0 {
        None
    } else {
        Some("mean and stddev must be finite numbers, and stddev not negative")
    }
}

/// Draws a number of tokens; `count` has been checked.
pub(super) fn draw(count: &TokenCount, random: &mut impl Rng) -> u32 {
    match count {
        TokenCount::Fixed(tokens) => *tokens,
        TokenCount::Normal {
            mean,
            stddev,
            min,
            max,
        } => {
            let Ok(normal) = Normal::new(*mean, *stddev) else {
                return *min;
            };
            let range = f64::from(*min)..=f64::from(*max);
            let mut draws = (0..MAX_DRAWS).map(|_| normal.sample(random).round());
            let inside = draws.find(|value| range.contains(value));
            inside.unwrap_or_else(|| mean.clamp(*range.start(), *range.end())) as u32
        }
        TokenCount::Weighted { values, weights } => {
            let position = WeightedIndex::new(weights).map_or(0, |index| index.sample(random));
            values.get(position).copied().unwrap_or(0)
        }
    }
}

/// An upper bound of what may be drawn.
pub(super) fn largest(count: &TokenCount) -> f64 {
    match count {
        TokenCount::Fixed(tokens) => f64::from(*tokens),
        TokenCount::Normal {
            mean, stddev, max, ..
        } => f64::from(*max).min(mean + 4.0 * stddev),
        TokenCount::Weighted { values, .. } => values.iter().copied().max().map_or(0.0, f64::from),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;

    use super::*;

    fn sample(count: &TokenCount) -> Vec<u32> {
        check(count, "tokens").unwrap();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        (0..2_000).map(|_| draw(count, &mut random)).collect()
    }

    #[test]
    fn normal_stays_in_bounds_and_has_its_mean() {
        let values = sample(&TokenCount::Normal {
            mean: 100.0,
            stddev: 20.0,
            min: 50,
            max: 150,
        });
        assert!(values.iter().all(|value| (50..=150).contains(value)));
        let mean = f64::from(values.iter().sum::<u32>()) / values.len() as f64;
        assert!((mean - 100.0).abs() < 2.0, "{mean}");
        let far = sample(&TokenCount::Normal {
            mean: 1e9,
            stddev: 1.0,
            min: 1,
            max: 5,
        });
        assert!(far.iter().all(|value| *value == 5));
    }

    #[test]
    fn weights_count() {
        let values = sample(&TokenCount::Weighted {
            values: vec![1, 2, 3],
            weights: vec![0.0, 3.0, 1.0],
        });
        assert!(!values.contains(&1));
        let twos = values.iter().filter(|value| **value == 2).count();
        assert!((1_350..1_650).contains(&twos), "{twos}");
    }

    #[test]
    fn nonsense_is_refused() {
        for count in [
            TokenCount::Fixed(u32::MAX),
            TokenCount::Normal {
                mean: f64::NAN,
                stddev: 1.0,
                min: 0,
                max: 1,
            },
            TokenCount::Normal {
                mean: 1.0,
                stddev: -1.0,
                min: 0,
                max: 1,
            },
            TokenCount::Normal {
                mean: 1.0,
                stddev: 1.0,
                min: 2,
                max: 1,
            },
            TokenCount::Weighted {
                values: vec![1],
                weights: vec![],
            },
            TokenCount::Weighted {
                values: vec![],
                weights: vec![],
            },
            TokenCount::Weighted {
                values: vec![1],
                weights: vec![0.0],
            },
            TokenCount::Weighted {
                values: vec![1],
                weights: vec![-1.0],
            },
        ] {
            assert!(check(&count, "tokens").is_err(), "{count:?}");
        }
    }
}
