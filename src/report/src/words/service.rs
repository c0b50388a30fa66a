//! What a service did until the first load.

use hpcbench_core::event::ServiceReady;

use super::seconds;

/// What a service did between its readiness and the first load, with the time that it took, and what is to be known of it.
pub(crate) fn after_readiness(ready: &ServiceReady) -> String {
    let loaded = ready
        .load_seconds
        .map(|taken| format!(", model loaded in {}", seconds(taken)));
    let first = ready
        .first_token_seconds
        .map(|taken| format!(", first token after {}", seconds(taken)));
    let brought = ready
        .outfit_seconds
        .map(|taken| format!(", its image and model brought in {}", seconds(taken)));
    let remarks = ready.remarks.iter().map(|remark| format!("; {remark}"));
    [brought, loaded, first]
        .into_iter()
        .flatten()
        .chain(remarks)
        .collect()
}
