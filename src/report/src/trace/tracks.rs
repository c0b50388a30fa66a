//! Where a span is drawn.

use std::collections::BTreeSet;

use hpcbench_core::{InstanceId, NodeId};

/// A line of spans that lie within each other or one after the other. In the order in which they are drawn.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Track {
    pub(super) process: Process,
    pub(super) lane: Lane,
}

/// What the format calls a process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Process {
    /// The run as a whole.
    Run,
    Node(NodeId),
}

/// What the format calls a thread.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Epochs,
    Phases,
    Trials,
    Bus,
    /// Acts and remarks on the run.
    Remarks,
    Agent,
    Logs,
    Client,
    /// A client's shares of the trials.
    Load,
    Service(InstanceId),
}

impl Track {
    pub(super) const fn of_run(lane: Lane) -> Self {
        Self {
            process: Process::Run,
            lane,
        }
    }

    /// On a node; of what is on no known node, beside the run.
    pub(super) fn on(node: Option<&NodeId>, lane: Lane) -> Self {
        let process = node.map_or(Process::Run, |node| Process::Node(node.clone()));
        Self { process, lane }
    }
}

impl Lane {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Epochs => "epochs".to_owned(),
            Self::Phases => "phases".to_owned(),
            Self::Trials => "trials".to_owned(),
            Self::Bus => "bus".to_owned(),
            Self::Remarks => "events".to_owned(),
            Self::Agent => "agent".to_owned(),
            Self::Logs => "logs".to_owned(),
            Self::Client => "client".to_owned(),
            Self::Load => "load".to_owned(),
            Self::Service(instance) => format!("service {instance}"),
        }
    }
}

/// The numbers of processes and threads, from 1, in the order in which they are drawn. A thread's is unique in the whole
/// trace, since viewers take it for that.
pub(super) struct Numbers {
    tracks: Vec<Track>,
    processes: Vec<Process>,
}

impl Numbers {
    pub(super) fn of<'a>(tracks: impl Iterator<Item = &'a Track>) -> Self {
        let tracks: BTreeSet<Track> = tracks.cloned().collect();
        let processes: BTreeSet<Process> = tracks.iter().map(|track| track.process.clone()).collect();
        Self {
            tracks: tracks.into_iter().collect(),
            processes: processes.into_iter().collect(),
        }
    }

    /// The track's `pid` and `tid`.
    pub(super) fn get(&self, track: &Track) -> (usize, usize) {
        let (Ok(place) | Err(place)) = self.tracks.binary_search(track);
        (self.process(&track.process), place + 1)
    }

    pub(super) fn process(&self, process: &Process) -> usize {
        let (Ok(place) | Err(place)) = self.processes.binary_search(process);
        place + 1
    }

    pub(super) fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    pub(super) fn processes(&self) -> &[Process] {
        &self.processes
    }
}
