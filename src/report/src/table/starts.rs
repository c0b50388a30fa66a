//! How long services took to start, in a sentence.

use crate::run::ServiceStart;
use crate::words::{count, seconds};

/// The sentence; `None` if no service of ours became ready.
pub(super) fn sentence(starts: &[ServiceStart]) -> Option<String> {
    let ready = span(starts.iter().map(|start| start.ready_seconds))?;
    let loaded = span(starts.iter().filter_map(|start| start.load_seconds));
    let first = span(starts.iter().filter_map(|start| start.first_token_seconds));
    let brought = span(starts.iter().filter_map(|start| start.outfit_seconds));
    let parts = [
        brought.map(|span| format!("image and model on its node after {span}")),
        Some(format!("ready after {ready}")),
        loaded.map(|span| format!("model loaded in {span}")),
        first.map(|span| format!("first token after {span}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let starts = count(starts.len() as u64, "start");
    Some(format!("{starts} of a service: {}", parts.join(", ")))
}

/// The shortest and the longest of some times; `None` if there are none.
fn span(times: impl Iterator<Item = f64> + Clone) -> Option<String> {
    let shortest = seconds(times.clone().reduce(f64::min)?);
    let longest = seconds(times.reduce(f64::max)?);
    Some(if shortest == longest {
        shortest
    } else {
        format!("{shortest} to {longest}")
    })
}

#[cfg(test)]
mod tests {
    use hpcbench_core::{Epoch, InstanceId, NodeId};

    use super::*;

    fn start(ready_seconds: f64, load_seconds: Option<f64>) -> ServiceStart {
        let node: NodeId = "server".parse().unwrap();
        ServiceStart {
            instance: InstanceId::new(&node, 0),
            node,
            service: 0,
            epoch: Epoch(1),
            launch: 1,
            outfit_seconds: None,
            ready_seconds,
            load_seconds,
            first_token_seconds: None,
        }
    }

    #[test]
    fn what_takes_the_same_time_each_time_is_one_number() {
        assert_eq!(sentence(&[]), None);
        let same = [start(12.0, Some(3.0)), start(12.0, None)];
        assert_eq!(
            sentence(&same).as_deref(),
            Some("2 starts of a service: ready after 12.0 s, model loaded in 3.00 s")
        );
        let brought = ServiceStart {
            outfit_seconds: Some(70.0),
            ..start(12.0, None)
        };
        assert_eq!(
            sentence(&[brought]).as_deref(),
            Some("1 start of a service: image and model on its node after 70.0 s, ready after 12.0 s")
        );
        let different = [start(12.0, None), start(80.0, None), start(9.0, None)];
        assert_eq!(
            sentence(&different).as_deref(),
            Some("3 starts of a service: ready after 9.00 s to 80.0 s")
        );
    }
}
