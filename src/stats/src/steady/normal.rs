//! The tail of the normal distribution.

/// Probability that a standard normal variable lies farther from zero than `z`: erfc(|z| / √2), to 1.2 · 10⁻⁷ by the
/// Chebyshev fit of Press et al., Numerical Recipes, section 6.2.
pub(super) fn two_sided(z: f64) -> f64 {
    const COEFFICIENTS: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * x);
    let polynomial = COEFFICIENTS
        .iter()
        .rev()
        .fold(0.0, |sum, coefficient| sum * t + coefficient);
    t * (polynomial - x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_tails() {
        for (z, p) in [
            (0.0, 1.0),
            (1.0, 0.317_310_5),
            (-1.959_964, 0.05),
            (2.575_829, 0.01),
            (4.0, 6.334_248e-5),
        ] {
            assert!((two_sided(z) - p).abs() < 1e-6, "{z}");
        }
    }
}
