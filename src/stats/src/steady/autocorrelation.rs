//! How much a batch resembles the one before.

/// Correlation of the values with their successors; `None` for values that are all the same.
pub(super) fn lag_one(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let products: f64 = values
        .iter()
        .zip(values.iter().skip(1))
        .map(|(a, b)| (a - mean) * (b - mean))
        .sum();
    (squares > 0.0).then(|| products / squares)
}

/// Standard deviation of the sample.
pub(super) fn standard_deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() as f64 - 1.0).max(1.0)).sqrt()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
