//! What is to be known of a service that is ready, by what it has printed on its way there.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Most bytes of a log that are looked through: libraries tell at the start what they use.
const MAX_BYTES: u64 = 8 << 20;
/// By which NCCL tells that processes of several nodes talk over TCP: the transport of the whole, and of one channel.
const SOCKETS: [&str; 2] = ["Using network Socket", "via NET/Socket"];

/// Remarks on processes of several nodes that have printed this.
pub(super) fn on_several_nodes<'p>(logs: impl Iterator<Item = &'p Path>) -> Vec<String> {
    let mut logs = logs;
    let uses_sockets = logs.any(|log| {
        let text = beginning(log);
        SOCKETS.iter().any(|sign| text.contains(sign))
    });
    let remark = uses_sockets.then(|| {
        "NCCL uses TCP sockets between nodes, not the fast network's own way: look at `NCCL INFO NET` in its log, and at \
         NCCL_IB_HCA"
            .to_owned()
    });
    remark.into_iter().collect()
}

/// The longest time to load a model that a line of the logs tells: its processes load at once.
pub(super) fn load_seconds<'p>(
    logs: impl Iterator<Item = &'p Path>,
    told: impl Fn(&str) -> Option<f64>,
) -> Option<f64> {
    logs.flat_map(|log| beginning(log).lines().filter_map(&told).collect::<Vec<_>>())
        .reduce(f64::max)
}

fn beginning(log: &Path) -> String {
    let mut bytes = Vec::new();
    // A log that cannot be read says nothing.
    let _ = File::open(log).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_process_says_how_long_a_model_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        std::fs::write(&log, "1.5\nready\n2.5\n2\n").unwrap();
        let missing = dir.path().join("missing");
        let told = |log: &Path| load_seconds([missing.as_path(), log].into_iter(), |line| line.parse().ok());
        assert_eq!(told(&log), Some(2.5));
        assert_eq!(told(&missing), None);
    }

    #[test]
    fn nccl_on_sockets_is_recognised_and_on_infiniband_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let remarks = |line: &str| {
            let log = dir.path().join("log");
            std::fs::write(
                &log,
                format!("n1:7:7 [0] NCCL INFO Bootstrap : Using ib0:10.3.0.7<0>\n{line}\n"),
            )
            .unwrap();
            on_several_nodes([dir.path().join("missing").as_path(), log.as_path()].into_iter()).len()
        };
        assert_eq!(remarks("n1:7:9 [0] NCCL INFO Using network Socket"), 1);
        assert_eq!(
            remarks("n1:7:9 [0] NCCL INFO Channel 00/0 : 1[0] -> 0[0] [receive] via NET/Socket/0"),
            1
        );
        assert_eq!(remarks("n1:7:9 [0] NCCL INFO Using network IB"), 0);
        assert_eq!(
            remarks("n1:7:9 [0] NCCL INFO Channel 00/0 : 1[0] -> 0[0] [receive] via NET/IB/0"),
            0
        );
    }
}
