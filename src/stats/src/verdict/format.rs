//! Numbers in the words of a verdict.

/// A duration in nanoseconds as milliseconds.
pub(super) fn ms(nanoseconds: u64) -> String {
    format!("{} ms", short(nanoseconds as f64 / 1e6))
}

/// A duration in nanoseconds as seconds.
pub(super) fn seconds(nanoseconds: u64) -> String {
    format!("{} s", short(nanoseconds as f64 / 1e9))
}

/// A share as percent.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", short(share * 100.0))
}

/// Two decimals, of which zeros at the end are left away.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
