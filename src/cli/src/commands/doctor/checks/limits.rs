//! Open files and local ports: each stream of a client needs one of each.

use nix::sys::resource::{Resource, getrlimit};

use super::super::check::Check;

/// Open files of a process besides its streams: logs, polls, pipes, the bus.
const OTHER_FILES: u64 = 256;
/// Where Linux says which ports it gives to outgoing connections.
const PORT_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// What the system allows; `None` where it does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Open files now, and as many as a process may ask for.
    files: Option<(u64, u64)>,
    /// Local ports.
    ports: Option<u64>,
}

pub(super) fn gather() -> Limits {
    let range = std::fs::read_to_string(PORT_RANGE).ok();
    Limits {
        files: getrlimit(Resource::RLIMIT_NOFILE).ok(),
        ports: range.as_deref().and_then(ports_in),
    }
}

/// Number of ports in a range such as `32768 60999`.
fn ports_in(text: &str) -> Option<u64> {
    let mut ends = text.split_whitespace().map(str::parse::<u64>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    Some(last.checked_sub(first)? + 1)
}

/// The soft limit does not matter: clients raise it.
pub(super) fn judge_files(limits: &Limits, streams: u32) -> Check {
    const NAME: &str = "open files";
    let Some((_, hard)) = limits.files else {
        return Check::ok(NAME, "the system does not tell its limit");
    };
    let needed = u64::from(streams) + OTHER_FILES;
    let found = format!("at most {hard} a process; {streams} streams need {needed}");
    if hard >= needed {
        return Check::ok(NAME, found);
    }
    let advice = "raise the hard limit (ulimit -Hn), or ask for fewer streams a client";
    if hard > OTHER_FILES {
        Check::warning(NAME, found, advice)
    } else {
        Check::missing(NAME, found, advice)
    }
}

/// Connections to one server need a port each.
pub(super) fn judge_ports(limits: &Limits, streams: u32) -> Check {
    const NAME: &str = "local ports";
    let Some(ports) = limits.ports else {
        return Check::ok(NAME, "the system does not tell its range");
    };
    let found = format!("{ports} for connections to one server; {streams} streams need as many");
    if ports >= u64::from(streams) {
        Check::ok(NAME, found)
    } else {
        Check::warning(
            NAME,
            found,
            format!("widen {PORT_RANGE}, or ask for fewer streams a client and server"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::check::Status;
    use super::*;

    #[test]
    fn files_are_counted_beside_those_of_the_rest() {
        let judged = |hard| {
            let limits = Limits {
                files: Some((64, hard)),
                ports: None,
            };
            judge_files(&limits, 1_000).status
        };
        assert_eq!(judged(1_256), Status::Ok);
        assert_eq!(judged(1_255), Status::Warning);
        assert_eq!(judged(256), Status::Missing);
    }

    #[test]
    fn ports_are_needed_one_a_stream() {
        let limits = Limits {
            files: None,
            ports: ports_in("1000\t1099\n"),
        };
        assert_eq!(judge_ports(&limits, 100).status, Status::Ok);
        assert_eq!(judge_ports(&limits, 101).status, Status::Warning);
        assert_eq!(ports_in("5 3"), None);
        assert_eq!(ports_in(""), None);
    }
}
