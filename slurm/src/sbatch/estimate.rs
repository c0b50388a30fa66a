//! What `sbatch --test-only` says.

use serde::Serialize;

use crate::hosts::expand;
use crate::programs::without_name;
use crate::time::UnixTime;

/// When a job would start, as far as Slurm knows today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// When its last component would.
    pub start: Option<UnixTime>,
    /// Its components.
    pub parts: Vec<Part>,
    /// What Slurm said.
    pub message: String,
}

/// One component of a job that would start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// When.
    pub start: Option<UnixTime>,
    /// On which hosts.
    pub hosts: Vec<String>,
    /// In which partition.
    pub partition: Option<String>,
}

impl Estimate {
    /// Reads lines such as `sbatch: Job 17 to start at 1795579200 using 4 processors on nodes node[1-2] in partition main`.
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().map(|line| without_name("sbatch", line));
        let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        let parts: Vec<Part> = lines.iter().filter_map(|line| part(line)).collect();
        let starts: Option<Vec<UnixTime>> = parts.iter().map(|part| part.start).collect();
        Self {
            start: starts.and_then(|starts| starts.into_iter().max()),
            parts,
            message: lines.join("; "),
        }
    }
}

fn part(line: &str) -> Option<Part> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let after = |marker: [&str; 2]| {
        let found = words.windows(2).position(|pair| pair == marker)?;
        words.get(found + 2).copied()
    };
    let start = after(["start", "at"])?;
    let hosts = after(["on", "nodes"]).or_else(|| after(["on", "node"]));
    Some(Part {
        start: UnixTime::parse(start),
        hosts: hosts.and_then(|hosts| expand(hosts).ok()).unwrap_or_default(),
        partition: after(["in", "partition"]).map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_allocation() {
        let text =
            "sbatch: Job 17 to start at 1795579200 using 8 processors on nodes node[1-2] in partition main\n";
        let estimate = Estimate::parse(text);
        assert_eq!(estimate.start, Some(UnixTime::from_seconds(1_795_579_200)));
        assert_eq!(estimate.parts[0].hosts, ["node1", "node2"]);
        assert_eq!(estimate.parts[0].partition.as_deref(), Some("main"));
    }

    #[test]
    fn the_last_component_counts() {
        let text = "sbatch: Job 17 to start at 1795579200 using 8 processors on nodes a1 in partition cpu\n\
                    sbatch: Job 18 to start at 1795579300 using 8 processors on nodes b1 in partition gpu\n";
        let estimate = Estimate::parse(text);
        assert_eq!(estimate.start, Some(UnixTime::from_seconds(1_795_579_300)));
        assert_eq!(estimate.parts.len(), 2);
    }

    #[test]
    fn what_is_not_understood_is_kept() {
        let estimate = Estimate::parse("sbatch: something new\n");
        assert_eq!((estimate.start, estimate.parts.len()), (None, 0));
        assert_eq!(estimate.message, "something new");
    }
}
