//! The beta distribution, of whose quantiles the others that are needed here are made.

/// Steps of a bisection: each halves the interval, and a `f64` has no more than these.
const BISECTIONS: u32 = 60;
/// Terms of the continued fraction; it takes about the square root of the larger parameter.
const TERMS: u32 = 100_000;
/// Where the continued fraction has converged.
const PRECISION: f64 = 1e-14;
/// Stands for zero in a denominator.
const TINY: f64 = 1e-300;

/// The x below which a beta variable with these parameters lies with probability `p`.
pub(crate) fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..BISECTIONS {
        let middle = f64::midpoint(low, high);
        if beta_cdf(middle, a, b) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The value that Student's t with so many degrees of freedom exceeds with probability `alpha`, below one half.
pub(crate) fn student_t(alpha: f64, freedom: f64) -> f64 {
    let x = beta_quantile(2.0 * alpha, freedom / 2.0, 0.5);
    (freedom * (1.0 - x) / x.max(TINY)).sqrt()
}

/// Probability that a beta variable lies below x: the regularized incomplete beta function, by the continued fraction of
/// Press et al., Numerical Recipes, section 6.4.
pub(crate) fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * continued_fraction(x, a, b) / a
    } else {
        1.0 - front * continued_fraction(1.0 - x, b, a) / b
    }
}

/// Lentz's method.
fn continued_fraction(x: f64, a: f64, b: f64) -> f64 {
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut numerator = 1.0;
    let mut denominator = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut result = denominator;
    for term in 1..TERMS {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut factor = 1.0;
        for coefficient in [even, odd] {
            denominator = 1.0 / away_from_zero(1.0 + coefficient * denominator);
            numerator = away_from_zero(1.0 + coefficient / numerator);
            factor = numerator * denominator;
            result *= factor;
        }
        if (factor - 1.0).abs() < PRECISION {
            break;
        }
    }
    result
}

/// The logarithm of the gamma function: Lanczos' approximation with g = 7 and nine coefficients.
fn ln_gamma(x: f64) -> f64 {
    const G: f64 = 7.0;
    const FIRST: f64 = 0.999_999_999_999_809_9;
    const COEFFICIENTS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let terms = COEFFICIENTS.iter().zip(1..);
    let sum = terms.fold(FIRST, |sum, (coefficient, i)| {
        sum + coefficient / (x + f64::from(i))
    });
    let t = x + G + 0.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::STUDENT_T;

    #[test]
    fn known_quantiles_of_t() {
        for (alpha, freedom, t) in [
            (0.025, 19.0, STUDENT_T),
            (0.05, 19.0, 1.729_132_812),
            (0.005, 3.0, 5.840_909_310),
            (0.001, 60.0, 3.231_7),
        ] {
            assert!((student_t(alpha, freedom) - t).abs() < 1e-3, "{alpha} {freedom}");
        }
    }

    #[test]
    fn a_single_success_in_n_has_a_bound_in_closed_form() {
        for n in [10.0, 1_000.0, 1_000_000.0] {
            let expected = 1.0 - 0.01_f64.powf(1.0 / n);
            assert!((beta_quantile(0.99, 1.0, n) / expected - 1.0).abs() < 1e-6, "{n}");
        }
    }

    #[test]
    fn the_median_of_many_is_their_mean() {
        assert!((beta_quantile(0.5, 5_000.0, 5_000.0) - 0.5).abs() < 1e-9);
    }
}
