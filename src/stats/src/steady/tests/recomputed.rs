//! The test statistics from an independent computation.

use std::process::Command;

use super::super::{autocorrelation, level_shift, trend};

/// For each series: p of Mann–Kendall, slope of Theil–Sen, lag-1 autocorrelation, the most pronounced shift and its
/// exact p over all permutations (for up to seven values).
const SCRIPT: &str = r"
import itertools, json, math, statistics, sys

def shift(x):
    best = (0.0, 0.0)
    for k in range(2, len(x) - 1):
        size = statistics.fmean(x[k:]) - statistics.fmean(x[:k])
        pronounced = abs(size) / math.sqrt(1 / k + 1 / (len(x) - k))
        if pronounced > best[0] * (1 + 1e-12):
            best = (pronounced, size)
    return best

def examine(x):
    n = len(x)
    pairs = list(itertools.combinations(range(n), 2))
    s = sum((x[j] > x[i]) - (x[j] < x[i]) for i, j in pairs)
    ties = sum(t * (t - 1) * (2 * t + 5) for t in (x.count(v) for v in set(x)))
    sigma = math.sqrt((n * (n - 1) * (2 * n + 5) - ties) / 18)
    p = 2 * (1 - statistics.NormalDist().cdf(max(abs(s) - 1, 0) / sigma))
    mean = statistics.fmean(x)
    lag = sum((a - mean) * (b - mean) for a, b in zip(x, x[1:])) / sum((a - mean) ** 2 for a in x)
    pronounced, size = shift(x)
    exact = None
    if n <= 7:
        all = [shift(order)[0] >= pronounced * (1 - 1e-9) for order in itertools.permutations(x)]
        exact = sum(all) / len(all)
    slope = statistics.median((x[j] - x[i]) / (j - i) for i, j in pairs)
    return [p, slope, lag, size, exact]

print(json.dumps([examine(x) for x in json.loads(sys.argv[1])]))
";

#[test]
fn python_comes_to_the_same_statistics() {
    let series: Vec<Vec<f64>> = vec![
        vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.5],
        vec![9.0, 9.0, 9.5, 3.0, 3.0, 3.25, 2.0],
        vec![5.0, 1.0, 4.0, 4.0, 2.0, 7.0],
        (0..20).map(|i| f64::from(i * 37 % 101)).collect(),
        (0..20)
            .map(|i| 50.0 - f64::from(i) + f64::from(i * 29 % 11))
            .collect(),
        (0..15)
            .map(|i| f64::from(i / 5) + f64::from(i * 7 % 5) / 10.0)
            .collect(),
    ];
    let input = serde_json::to_string(&series).unwrap();
    let Ok(output) = Command::new("python3").args(["-c", SCRIPT, &input]).output() else {
        eprintln!("SKIPPED: there is no python3");
        return;
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let theirs: Vec<(f64, f64, f64, f64, Option<f64>)> = serde_json::from_slice(&output.stdout).unwrap();
    for (values, (p, slope, lag, size, exact)) in series.iter().zip(theirs) {
        assert!((trend::mann_kendall(values) - p).abs() < 1e-6, "{values:?}");
        assert!((trend::theil_sen(values) - slope).abs() < 1e-9, "{values:?}");
        assert!(
            (autocorrelation::lag_one(values).unwrap() - lag).abs() < 1e-9,
            "{values:?}"
        );
        let shift = level_shift::largest(values);
        assert!(
            (shift.size - size).abs() < 1e-9,
            "{values:?}: {} and {size}",
            shift.size
        );
        if let Some(exact) = exact {
            // Four standard errors of a share from 999 permutations.
            assert!(
                (shift.p - exact).abs() < 4.0 * (exact * (1.0 - exact) / 999.0).sqrt() + 0.002,
                "{values:?}"
            );
        }
    }
}
