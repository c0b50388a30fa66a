//! The network between nodes: which interface measurements would use.

use super::super::check::Check;
use super::super::node::{Link, Node};

/// Slower than this, in Mbit/s, a network is one for management.
const SLOW_MBPS: u64 = 10_000;

/// Says which interface `network.interface: auto` chooses, and what else there is.
pub(super) fn judge(node: &Node) -> Check {
    const NAME: &str = "network";
    let listed: Vec<String> = node.interfaces.iter().map(shown).collect();
    let Some(chosen) = &node.chosen else {
        return Check::ok(
            NAME,
            format!(
                "no interface that other nodes can reach, only {}",
                listed.join(", ")
            ),
        );
    };
    let found = format!("{chosen} of {}", listed.join(", "));
    let speed = node.interfaces.iter().find(|link| link.name == *chosen);
    match speed.and_then(|link| link.speed_mbps) {
        Some(speed) if speed < SLOW_MBPS => Check::warning(
            NAME,
            found,
            "the fastest interface is slow: runs on several nodes may measure it instead of the service; if there is a faster \
             network, name it in `network.interface`",
        ),
        _ => Check::ok(NAME, found),
    }
}

fn shown(link: &Link) -> String {
    match link.speed_mbps {
        Some(speed) => format!("{} ({speed} Mbit/s)", link.name),
        None => link.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::check::Status;
    use super::*;

    fn node(chosen: Option<&str>, speed_mbps: Option<u64>) -> Node {
        let link = |name: &str, speed_mbps| Link {
            name: name.to_owned(),
            addresses: vec!["10.0.0.1".to_owned()],
            speed_mbps,
        };
        Node {
            host: "n1".to_owned(),
            cpus: 1,
            memory_bytes: 1,
            memory_limit_bytes: None,
            gpus: Vec::new(),
            interfaces: vec![link("lo", None), link("eth0", speed_mbps)],
            chosen: chosen.map(str::to_owned),
            scratch: "/tmp".to_owned(),
            scratch_is_memory: false,
            internet: None,
        }
    }

    #[test]
    fn a_slow_network_is_named() {
        let slow = judge(&node(Some("eth0"), Some(1000)));
        assert_eq!(
            (slow.status, slow.found.as_str()),
            (Status::Warning, "eth0 of lo, eth0 (1000 Mbit/s)")
        );
        assert_eq!(judge(&node(Some("eth0"), Some(100_000))).status, Status::Ok);
        assert_eq!(judge(&node(Some("eth0"), None)).status, Status::Ok);
        // A machine without a network still has runs of its own.
        assert_eq!(judge(&node(None, None)).status, Status::Ok);
    }
}
