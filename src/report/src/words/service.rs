//! What a service did until the first load.

use hpcbench_core::event::ServiceReady;

use super::seconds;

/// What a service did between its readiness and the first load, with the time that it took.
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
    [brought, loaded, first].into_iter().flatten().collect()
}
