//! What vLLM's log says about the time that its model took to load.

/// What it says before: the weights alone, and the whole model, in the words of several versions.
const SIGNS: [&str; 3] = [
    "Loading weights took ",
    "Model loading took ",
    "Loading model weights took ",
];

/// The seconds that a line tells; `None`: it tells of something else.
pub(super) fn seconds(line: &str) -> Option<f64> {
    let told = SIGNS.iter().find_map(|sign| Some(line.split_once(sign)?.1))?;
    let (before, _) = told.split_once(" seconds")?;
    let seconds: f64 = before.split_ascii_whitespace().last()?.parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_several_versions_are_read() {
        for (line, told) in [
            (
                "INFO 02-07 05:14:10 model_runner.py:1115] Loading model weights took 14.9888 GB and 4.562417 seconds",
                Some(4.562_417),
            ),
            (
                "INFO 05-15 13:58:03 [gpu_model_runner.py:1347] Model loading took 14.9889 GiB and 3.910233 seconds",
                Some(3.910_233),
            ),
            (
                "(EngineCore_DP0 pid=7) INFO 10-20 07:01:02 [gpu_model_runner.py:2653] Model loading took 1.1201 GiB memory and 2.5 seconds",
                Some(2.5),
            ),
            (
                "INFO 05-15 13:58:02 [default_loader.py:278] Loading weights took 1.87 seconds",
                Some(1.87),
            ),
            (
                "INFO 11-02 10:00:00 model_runner.py:1060] Loading model weights took 14.9888 GB",
                None,
            ),
            ("INFO: Model loading took NaN seconds", None),
            ("INFO: init engine took 12.3 seconds", None),
        ] {
            assert_eq!(seconds(line), told, "{line}");
        }
    }
}
