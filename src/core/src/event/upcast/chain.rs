//! The steps between versions, and how they are put together.

use serde_json::{Map, Value};

use super::cancel_requested;

/// Brings the data of one version of a type to the shape of the next version.
pub(super) struct Step {
    /// The event's type.
    pub(super) kind: &'static str,
    /// The version that it starts from; it ends at the next one.
    pub(super) from: u16,
    /// What it does. Total: data of a wrong shape pass through, and are refused where they are read.
    pub(super) apply: fn(Map<String, Value>) -> Map<String, Value>,
}

/// Every step there is. None is ever removed, since logs are kept for years.
pub(super) const STEPS: &[Step] = &[cancel_requested::FROM_1];

/// The steps of a type from one version to another, or why there are none.
pub(super) fn between<'a>(
    steps: &'a [Step],
    kind: &str,
    from: u16,
    to: u16,
) -> Result<Vec<&'a Step>, String> {
    if from > to {
        return Err(format!(
            "version {from} of this type is newer than what is known here, version {to}"
        ));
    }
    (from..to)
        .map(|version| {
            steps
                .iter()
                .find(|step| step.kind == kind && step.from == version)
                .ok_or_else(|| format!("version {from} of this type is not known here"))
        })
        .collect()
}
