//! The ways from this client to server nodes.

use std::time::Duration;

use hpcbench_core::NodeId;
use hpcbench_core::event::LinkProbe;

use crate::shell::{LinkQuality, measure_link};

/// How long the way to a server node is measured, and the ways to all together at the most.
const LINK: Duration = Duration::from_secs(1);
const LINKS: Duration = Duration::from_secs(8);

/// Measures the ways to server nodes, one after the other. One that cannot be measured is no reason to fail.
pub(super) async fn probe_links(links: Vec<(NodeId, String)>) -> Vec<LinkProbe> {
    let each = LINK.min(LINKS / u32::try_from(links.len().max(1)).unwrap_or(u32::MAX));
    let mut probes = Vec::with_capacity(links.len());
    for (node, address) in links {
        let measured = match address.parse() {
            Ok(to) => measure_link(to, each).await.map_err(|error| error.to_string()),
            Err(_) => Err("it is no address".to_owned()),
        };
        probes.push(link(node, address, measured));
    }
    probes
}

fn link(node: NodeId, address: String, measured: Result<LinkQuality, String>) -> LinkProbe {
    let (quality, problem) = match measured {
        Ok(quality) => (Some(quality), None),
        Err(problem) => (None, Some(problem)),
    };
    LinkProbe {
        node,
        address,
        rtt_seconds: quality.map(|quality| quality.rtt.as_secs_f64()),
        bits_per_second: quality.map(|quality| quality.bytes as f64 * 8.0 / quality.elapsed.as_secs_f64()),
        seconds: quality.map(|quality| quality.elapsed.as_secs_f64()),
        problem,
    }
}
