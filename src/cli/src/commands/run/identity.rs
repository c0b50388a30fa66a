//! The run's id.

use hpcbench_core::{RunId, Timestamp};

/// Most characters of the recipe's name in a run's id.
const MAX_NAME: usize = 24;

/// `YYYYMMDD-HHMMSS-NAME-XXXX`: when (UTC), what, and something random for two runs of one second.
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

#[cfg(test)]
mod tests {
    use super::*;

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
