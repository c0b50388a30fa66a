//! The interval of a mean.

use super::STUDENT_T;

/// Half the width of the interval of the batches' mean: t · s / √k; `None` for fewer than two batches.
pub(crate) fn of_batch_means(values: &[f64]) -> Option<f64> {
    let k = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / k;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some(STUDENT_T * (squares / (k - 1.0) / k).sqrt())
}
