//! A first site file for a cluster, from what was found there.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::GpuRequest;
use crate::survey::Partition;

/// The time limit of jobs whose recipe states none, seconds.
const TIME_LIMIT: u32 = 3600;

/// What was found on a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub cluster: String,
    /// Its partitions, each with what a job found there, if one ran.
    pub partitions: Vec<(Partition, Option<NodeFound>)>,
    /// Whether a job without a project account is refused.
    pub account_required: bool,
    /// How GPUs were asked for when a job got some; none: no job has.
    pub gpu_request: Option<GpuRequest>,
    /// Whether the login node reaches the internet.
    pub login_internet: bool,
    /// Modules that were loaded when this was found out.
    pub modules: Vec<String>,
}

/// What a job found on one of a partition's nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFound {
    /// The fastest network interface.
    pub interface: Option<String>,
    /// The directory for temporary files, and whether it is memory.
    pub scratch: String,
    /// Whether that is memory, which is charged to the job.
    pub scratch_is_memory: bool,
    /// Whether it reaches the internet.
    pub internet: bool,
}

impl Found {
    /// The site file. What was not seen is a comment, or says so.
    pub fn draft(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "# Drafted by `hpcbench doctor --submit` from what it found. Check it, and keep it as\n\
             # ~/.config/hpcbench/sites/NAME.yaml: recipes use it with `launch: {{site: NAME}}`.\n\
             description: {}\n",
            scalar(&self.cluster)
        );
        self.write_partitions(&mut text);
        let _ = writeln!(text, "account_required: {}\n", self.account_required);
        let _ = writeln!(
            text,
            "# The modules that were loaded on the login node: name those that jobs need, with versions."
        );
        let modules: Vec<String> = self.modules.iter().map(|module| scalar(module)).collect();
        let _ = writeln!(text, "modules: [{}]\n", modules.join(", "));
        self.write_gpus(&mut text);
        self.write_network(&mut text);
        self.write_scratch(&mut text);
        let compute = self.seen().next().is_some() && self.seen().all(|node| node.internet);
        let login = self.login_internet;
        let _ = writeln!(text, "internet: {{login: {login}, compute: {compute}}}\n");
        self.write_limits(&mut text);
        text
    }

    fn seen(&self) -> impl Iterator<Item = &NodeFound> {
        self.partitions.iter().filter_map(|(_, node)| node.as_ref())
    }

    /// The best partition of those that take jobs, with or without GPUs: one that has nothing but such nodes, then the default
    /// one, then the largest.
    fn best(&self, with_gpus: bool) -> Option<&Partition> {
        let usable = self.partitions.iter().map(|(partition, _)| partition);
        usable
            .filter(|partition| partition.is_up && (partition.gpus > 0) == with_gpus)
            .max_by_key(|partition| {
                let is_pure = !with_gpus || partition.gpu_nodes == partition.nodes;
                (is_pure, partition.is_default, partition.nodes)
            })
    }

    fn write_partitions(&self, text: &mut String) {
        for (partition, node) in &self.partitions {
            let Partition {
                name,
                nodes,
                cpus,
                mebibytes,
                gpus,
                ..
            } = partition;
            let unseen = if node.is_some() { "" } else { "; no job ran there" };
            let kind = partition.gpu_type.as_ref();
            let kind = kind.map(|kind| format!(" {kind}")).unwrap_or_default();
            let _ = writeln!(
                text,
                "# {}: {nodes} nodes of up to {cpus} CPUs, {mebibytes} MiB, {gpus}{kind} GPUs{unseen}",
                scalar(name)
            );
        }
        let (with_gpus, without) = (self.best(true), self.best(false));
        let roles = [
            ("servers", with_gpus.or(without)),
            ("cpu_servers", without),
            ("clients", without.or(with_gpus)),
        ];
        text.push_str("partitions:\n");
        let mut is_empty = true;
        for (role, partition) in roles {
            if let Some(partition) = partition {
                is_empty = false;
                let _ = writeln!(text, "  {role}: {}", scalar(&partition.name));
            }
        }
        if is_empty {
            text.truncate(text.len() - 1);
            text.push_str(" {}\n");
        }
    }

    fn write_gpus(&self, text: &mut String) {
        let (request, remark) = match self.gpu_request {
            Some(GpuRequest::Gres) => ("gres", "a job got a GPU so"),
            Some(GpuRequest::GpusPerNode) => ("gpus-per-node", "a job got a GPU so"),
            Some(GpuRequest::None) => ("none", "GPUs came with the node"),
            None => ("gres", "not tried: check"),
        };
        let _ = writeln!(text, "gpu_request: {request}   # {remark}");
        text.push_str(
            "memory_request: true   # not tried: check\nexclusive: as-asked   # not tried: check\n\n",
        );
    }

    fn write_network(&self, text: &mut String) {
        let names: BTreeSet<&str> = self.seen().filter_map(|node| node.interface.as_deref()).collect();
        let names: Vec<String> = names.into_iter().map(scalar).collect();
        match names.as_slice() {
            [] => text.push_str("# interface: no job found one\n"),
            [one] => {
                let _ = writeln!(
                    text,
                    "interface: {one}   # the fastest on all nodes that were looked at"
                );
            }
            several => {
                let _ = writeln!(
                    text,
                    "# interface: nodes differ ({}): hpcbench chooses on each, or name a CIDR",
                    several.join(", ")
                );
            }
        }
    }

    fn write_scratch(&self, text: &mut String) {
        let places: BTreeSet<&str> = self.seen().map(|node| node.scratch.as_str()).collect();
        let in_memory = self.seen().any(|node| node.scratch_is_memory);
        let remark = if in_memory {
            "   # memory on some nodes, charged to the job: name a disk if there is one"
        } else {
            "   # a disk on all nodes that were looked at"
        };
        match places.into_iter().collect::<Vec<_>>().as_slice() {
            [one] => {
                let _ = writeln!(text, "scratch: {}{remark}", scalar(one));
            }
            _ => text.push_str("# scratch: nodes differ, or no job ran\n"),
        }
    }

    fn write_limits(&self, text: &mut String) {
        let limits = self.partitions.iter().filter(|(partition, _)| partition.is_up);
        let limits: Vec<_> = limits.filter_map(|(partition, _)| partition.time_limit).collect();
        let shortest = limits.iter().map(|limit| limit.seconds()).min();
        let usual = crate::TimeLimit::from_seconds(TIME_LIMIT.min(shortest.unwrap_or(TIME_LIMIT)));
        if let Some(usual) = usual {
            let _ = writeln!(text, "time_limit: \"{usual}\"");
        }
        if let Some(longest) = limits.iter().max() {
            let _ = writeln!(text, "limits: {{max_time: \"{longest}\"}}");
        }
    }
}

/// A text as YAML: quoted unless it can be nothing else.
fn scalar(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte);
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && text.bytes().all(plain)
        && !reserved.contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        return text.to_owned();
    }
    // A JSON string is a YAML string.
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::{Site, load};

    fn partition(name: &str, nodes: usize, gpus: u32) -> Partition {
        Partition {
            name: name.to_owned(),
            is_default: false,
            is_up: true,
            nodes,
            gpu_nodes: if gpus > 0 { nodes } else { 0 },
            cpus: 64,
            mebibytes: 512_000,
            gpus,
            gpu_type: (gpus > 0).then(|| "a100".to_owned()),
            time_limit: "2-0".parse().ok(),
        }
    }

    fn node(interface: &str) -> NodeFound {
        NodeFound {
            interface: Some(interface.to_owned()),
            scratch: "/tmp".to_owned(),
            scratch_is_memory: false,
            internet: false,
        }
    }

    fn found(partitions: Vec<(Partition, Option<NodeFound>)>) -> Found {
        Found {
            cluster: "a: cluster".to_owned(),
            partitions,
            account_required: true,
            gpu_request: Some(GpuRequest::Gres),
            login_internet: true,
            modules: vec!["Apptainer/1.3.6".to_owned()],
        }
    }

    fn read(found: &Found) -> Site {
        let text = found.draft();
        load::parse("draft", &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn a_draft_is_a_site_file_that_says_what_was_found() {
        let mixed = Partition {
            gpu_nodes: 1,
            ..partition("mixed", 50, 4)
        };
        let found = found(vec![
            (mixed, None),
            (partition("gpu", 4, 4), Some(node("ib0"))),
            (partition("cpu", 9, 0), Some(node("ib0"))),
            (partition("on", 100, 0), None),
        ]);
        let site = read(&found);
        assert_eq!(site.description, "a: cluster");
        assert_eq!(site.partitions.servers.as_deref(), Some("gpu"));
        assert_eq!(site.partitions.clients.as_deref(), Some("on"));
        assert_eq!(site.interface.as_deref(), Some("ib0"));
        assert_eq!(site.scratch.as_deref(), Some("/tmp"));
        assert!(site.account_required && site.internet.login && !site.internet.compute);
        assert_eq!(site.limits.max_time, "2-0".parse().ok());
        assert!(found.draft().contains("no job ran there"), "{}", found.draft());
    }

    #[test]
    fn what_differs_or_was_not_seen_is_left_open() {
        let differing = found(vec![
            (partition("a", 1, 0), Some(node("ib0"))),
            (partition("b", 1, 0), Some(node("eth0"))),
        ]);
        assert_eq!(read(&differing).interface, None);
        assert!(differing.draft().contains("nodes differ (eth0, ib0)"));
        let nothing = read(&found(Vec::new()));
        assert_eq!((nothing.partitions.servers, nothing.scratch), (None, None));
    }

    #[test]
    fn texts_that_yaml_takes_for_something_else_are_quoted() {
        for text in ["no", "12", "a: b", "#x", "", "a\nb", "-x", "1e3"] {
            assert!(scalar(text).starts_with('"'), "{text:?}");
        }
        assert_eq!(scalar("Apptainer/1.3.6-GCC"), "Apptainer/1.3.6-GCC");
    }
}
