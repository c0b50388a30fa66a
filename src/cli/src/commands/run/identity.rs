//! The run's id.

use std::path::Path;

use hpcbench_core::{RunId, Timestamp};

/// Most characters of the recipe's name in a run's id.
const MAX_NAME: usize = 24;

/// `YYYYMMDD-HHMMSS-NAME-RAND`: when (UTC), what, and something random for two runs of one second.
///
/// # Errors
/// Never for a checked recipe's name.
pub(super) fn run_id(now: Timestamp, name: &str, random: [u8; 2]) -> anyhow::Result<RunId> {
    let when = jiff::Timestamp::from_microsecond(now.as_micros())?;
    let when = when.strftime("%Y%m%d-%H%M%S");
    let name: String = name.chars().take(MAX_NAME).collect();
    let random = u16::from_be_bytes(random);
    Ok(format!("{when}-{name}-{random:04x}").parse()?)
}

/// The id in the name of a run's directory, if it has one: it was created for a run that did not get further.
pub(super) fn of_directory(run_dir: &Path, name: &str) -> Option<RunId> {
    let directory = run_dir.file_name()?.to_str()?;
    let name: String = name.chars().take(MAX_NAME).collect();
    let (date, rest) = directory.split_at_checked(8)?;
    let (time, rest) = rest.strip_prefix('-')?.split_at_checked(6)?;
    let random = rest.strip_prefix('-')?.strip_prefix(&name)?.strip_prefix('-')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let hex = random.len() == 4 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fits = digits(date) && digits(time) && hex;
    fits.then(|| directory.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_tells_its_runs_id_unless_the_user_named_it() {
        let id = |directory| of_directory(Path::new(directory), "quick").map(|id| id.to_string());
        let good = "runs/20260304-050607-quick-00af";
        assert_eq!(id(good).as_deref(), good.strip_prefix("runs/"));
        for other in [
            "20260304-050607-slow-00af",
            "20260304-050607-quick-00ag",
            "20260304-050607-quick-00a",
            "2026x304-050607-quick-00af",
            "20260304-05060é-quick-00af",
            "quick",
            "..",
        ] {
            assert_eq!(id(other), None, "{other}");
        }
    }

    #[test]
    fn an_id_tells_when_and_what() {
        let now: jiff::Timestamp = "2026-03-04T05:06:07Z".parse().unwrap();
        let now = Timestamp::from_micros(now.as_microsecond());
        let id = run_id(now, "quickstart", [0, 0xaf]).unwrap();
        assert_eq!(id.as_str(), "20260304-050607-quickstart-00af");
        let long = run_id(now, &"x".repeat(40), [1, 2]).unwrap();
        assert_eq!(long.as_str(), "20260304-050607-xxxxxxxxxxxxxxxxxxxxxxxx-0102");
    }
}
