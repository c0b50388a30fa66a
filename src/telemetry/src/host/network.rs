//! Bytes over the node's interfaces, from `/proc/net/dev`.

/// Most interfaces: container hosts have one for each container.
const MAX_INTERFACES: usize = 64;
/// Which number of a line is what was sent; the first is what was received.
const SENT: usize = 8;

/// One interface's traffic since boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Traffic<'a> {
    pub(super) interface: &'a str,
    pub(super) received: u64,
    pub(super) sent: u64,
}

/// The interfaces that have ever carried anything.
pub(super) fn traffic(dev: &str) -> impl Iterator<Item = Traffic<'_>> {
    let parse = |line| {
        let (interface, numbers): (&str, &str) = str::split_once(line, ':')?;
        let mut numbers = numbers.split_ascii_whitespace().map(|number| number.parse().ok());
        let received = numbers.next()??;
        let sent = numbers.nth(SENT - 1)??;
        Some(Traffic {
            interface: interface.trim(),
            received,
            sent,
        })
    };
    dev.lines()
        .filter_map(parse)
        .filter(|traffic| traffic.received + traffic.sent > 0)
        .take(MAX_INTERFACES)
}
