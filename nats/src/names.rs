//! Names that the server's configuration and its clients share.

use hpcbench_core::NodeId;

/// The stream that holds the events.
pub(crate) const EVENTS: &str = "EVENTS";

/// The stream that holds reports until they are acknowledged.
pub(crate) const REPORTS: &str = "REPORTS";

/// The orchestrator's consumer of the REPORTS stream.
pub(crate) const REPORTS_CONSUMER: &str = "orchestrator";

/// The header that names a report. Not JetStream's own, which would swallow a report that is sent again because its
/// receipt was lost.
pub(crate) const REPORT_ID: &str = "Hpcbench-Report";

/// Prefix of JetStream's API in the observers' account.
pub(crate) const OBSERVER_API: &str = "RUN.API";

/// The orchestrator's user.
pub(crate) const ORCHESTRATOR: &str = "orchestrator";

/// The observers' user.
pub(crate) const OBSERVER: &str = "observer";

/// The user that may cancel.
pub(crate) const CONTROL: &str = "control";

/// A node's user. The prefix keeps it apart from the others: in local mode a node is named after its role.
pub(crate) fn node_user(node: &NodeId) -> String {
    format!("node-{node}")
}

/// Where a user receives answers.
pub(crate) fn inbox(user: &str) -> String {
    format!("_INBOX_{user}")
}
