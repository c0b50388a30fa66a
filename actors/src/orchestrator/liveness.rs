//! Which nodes have given a sign of life, and when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hpcbench_core::{NodeId, State, limits};

/// This process looks more often than so. A longer pause means that it stood still itself, and could hear nobody: its job was
/// suspended, or the machine was.
const STOOD_STILL: Duration = Duration::from_secs(2);

/// Whether this process stood still: its job was suspended, or the machine was.
#[derive(Debug, Default)]
pub(super) struct Standstill {
    looked: Option<Instant>,
}

impl Standstill {
    /// For how long nobody has looked, if that is longer than it ever takes. To be called often.
    pub(super) fn since_last_look(&mut self, now: Instant) -> Option<Duration> {
        let before = self.looked.replace(now)?;
        Some(now.saturating_duration_since(before)).filter(|gap| *gap > STOOD_STILL)
    }
}

/// When each node was last heard of. Not part of the run's state: only silence becomes an event.
#[derive(Debug, Default)]
pub(super) struct Liveness {
    last: BTreeMap<NodeId, Instant>,
    looked: Option<Instant>,
}

impl Liveness {
    /// A sign of life.
    pub(super) fn heard(&mut self, node: NodeId, now: Instant) {
        self.last.insert(node, now);
    }

    /// The nodes that have joined and have been silent for too long, with the seconds.
    ///
    /// While the bus is down, or this process stands still, nobody can be heard: the silence begins anew afterwards.
    pub(super) fn silent(&mut self, state: &State, now: Instant, bus_up: bool) -> Vec<(NodeId, f64)> {
        let joined = state
            .nodes
            .iter()
            .filter(|(_, node)| node.is_joined())
            .map(|(id, _)| id);
        self.silent_among(joined, now, bus_up)
    }

    fn silent_among<'a>(
        &mut self,
        joined: impl Iterator<Item = &'a NodeId>,
        now: Instant,
        bus_up: bool,
    ) -> Vec<(NodeId, f64)> {
        let limit = Duration::from_secs_f64(limits::SILENCE_SECONDS);
        let before = self.looked.replace(now).unwrap_or(now);
        let could_hear = bus_up && now.saturating_duration_since(before) <= STOOD_STILL;
        let mut silent = Vec::new();
        for node in joined {
            let last = self.last.entry(node.clone()).or_insert(now);
            if !could_hear {
                *last = now;
            }
            let quiet = now.saturating_duration_since(*last);
            if quiet > limit {
                silent.push((node.clone(), quiet.as_secs_f64()));
            }
        }
        silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_secs(1);

    /// Looks every second until somebody is silent; the seconds until then.
    fn until_silent(liveness: &mut Liveness, node: &NodeId, mut now: Instant) -> u64 {
        for second in 1..60 {
            now += TICK;
            if !liveness.silent_among([node].into_iter(), now, true).is_empty() {
                return second;
            }
        }
        panic!("it may be silent for ever");
    }

    #[test]
    fn silence_is_noticed_in_time() {
        let (mut liveness, node) = (Liveness::default(), "client".parse().unwrap());
        let now = Instant::now();
        liveness.heard("client".parse().unwrap(), now);
        assert_eq!(until_silent(&mut liveness, &node, now), 11);
    }

    #[test]
    fn it_begins_anew_where_nobody_could_be_heard() {
        let (mut liveness, node): (_, NodeId) = (Liveness::default(), "client".parse().unwrap());
        let mut now = Instant::now();
        liveness.heard(node.clone(), now);
        assert!(liveness.silent_among([&node].into_iter(), now, true).is_empty());
        // This process stood still.
        now += TICK * 60;
        assert!(liveness.silent_among([&node].into_iter(), now, true).is_empty());
        // Then the bus was down.
        now += TICK;
        assert!(liveness.silent_among([&node].into_iter(), now, false).is_empty());
        assert_eq!(until_silent(&mut liveness, &node, now), 11);
    }
}
