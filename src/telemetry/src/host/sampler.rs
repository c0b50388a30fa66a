//! Reading `/proc`.

use std::fs::File;
use std::io::Read;

use nix::unistd::{SysconfVar, sysconf};

use super::cpu::{self, CpuTicks};
use super::{memory, network, process};
use crate::{Sample, Source};

/// Most that is read of a file in `/proc`: `/proc/stat` has a line a CPU, of which the first is needed.
const MAX_FILE_BYTES: u64 = 256 << 10;

/// Samples the node and this process.
#[derive(Debug)]
pub struct HostSampler {
    before: Option<CpuTicks>,
    ticks_per_second: f64,
    page_bytes: f64,
}

impl Default for HostSampler {
    fn default() -> Self {
        let limit = |variable, otherwise: f64| match sysconf(variable) {
            Ok(Some(value)) => value as f64,
            _ => otherwise,
        };
        Self {
            before: None,
            ticks_per_second: limit(SysconfVar::CLK_TCK, 100.0),
            page_bytes: limit(SysconfVar::PAGE_SIZE, 4096.0),
        }
    }
}

impl HostSampler {
    /// Appends the node's samples of now. What cannot be read has no samples; the first look has no shares of CPU time.
    pub fn sample(&mut self, at_ns: i64, samples: &mut Vec<Sample>) {
        self.sample_cpu(at_ns, samples);
        let host = |instance: &str, metric, value| Sample::new(at_ns, Source::Host, instance, metric, value);
        let load = read("/proc/loadavg").as_deref().and_then(cpu::load);
        samples.extend(load.and_then(|load| host("", "load_1m", load)));
        if let Some(meminfo) = read("/proc/meminfo") {
            let all = memory::memory(&meminfo).into_iter();
            samples.extend(all.filter_map(|(metric, value)| host("", metric, value)));
        }
        if let Some(dev) = read("/proc/net/dev") {
            for network::Traffic {
                interface,
                received,
                sent,
            } in network::traffic(&dev)
            {
                samples.extend(host(interface, "network_received_bytes", received as f64));
                samples.extend(host(interface, "network_sent_bytes", sent as f64));
            }
        }
        let stat = read("/proc/self/stat");
        if let Some(usage) = stat.and_then(|stat| process::usage(&stat, self.ticks_per_second)) {
            let own = |metric, value| Sample::new(at_ns, Source::Process, "agent", metric, value);
            samples.extend(own("cpu_seconds", usage.cpu_seconds));
            samples.extend(own(
                "resident_bytes",
                usage.resident_pages as f64 * self.page_bytes,
            ));
        }
    }

    fn sample_cpu(&mut self, at_ns: i64, samples: &mut Vec<Sample>) {
        let now = read("/proc/stat").as_deref().and_then(cpu::ticks);
        let before = std::mem::replace(&mut self.before, now);
        let Some(shares) = before.zip(now).and_then(|(before, now)| cpu::shares(before, now)) else {
            return;
        };
        let host = |metric, value| Sample::new(at_ns, Source::Host, "", metric, value);
        samples.extend(host("cpu_busy_share", shares.busy));
        samples.extend(host("cpu_iowait_share", shares.waiting));
        samples.extend(host("cpu_steal_share", shares.stolen));
    }
}

fn read(path: &str) -> Option<String> {
    let mut text = String::new();
    let mut file = File::open(path).ok()?.take(MAX_FILE_BYTES);
    file.read_to_string(&mut text).ok()?;
    Some(text)
}
