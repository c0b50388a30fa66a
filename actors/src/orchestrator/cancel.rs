//! Requests to end the run: from a signal, from the bus, from a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use hpcbench_core::Command;
use hpcbench_core::event::CancelRequested;
use hpcbench_nats::CancelRequest;

use super::actor::{Ack, Input};

/// The file in the run directory that cancels a run whose bus cannot be reached.
const CANCEL_FILE: &str = "cancel";
/// As much of it as is read.
const MAX_FILE_BYTES: u64 = 4096;
/// Longest reason that is kept.
const MAX_REASON_CHARS: usize = 500;

/// A request that came over the bus; it is answered once the event is synced.
pub(super) fn from_bus(request: CancelRequest) -> Input {
    let reason = reason(&request.payload, "asked over the bus");
    let command = cancel("bus", reason, false);
    Input {
        command,
        cause: None,
        ack: Ack::Answer(request.responder),
    }
}

/// A request by the file, if it is there.
pub(super) fn from_file(run_dir: &Path) -> Option<Input> {
    let path = run_dir.join(CANCEL_FILE);
    // Only a plain file: a pipe of that name would hold everything up.
    if !std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()) {
        return None;
    }
    let mut text = Vec::new();
    File::open(&path)
        .ok()?
        .take(MAX_FILE_BYTES)
        .read_to_end(&mut text)
        .ok()?;
    let reason = reason(&text, "asked by a file in the run directory");
    Some(Input {
        command: cancel("file", reason, false),
        cause: None,
        // Not before the log has it: whoever left the file may be waiting for it to be taken.
        ack: Ack::Remove(path),
    })
}

/// A request that nobody took in a former epoch is not meant for this one.
pub(super) fn forget_file(run_dir: &Path) {
    remove(&run_dir.join(CANCEL_FILE));
}

/// Removes the file, if it is there.
pub(super) fn remove(path: &Path) {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, "failed to remove {}", path.display());
        }
        _ => {}
    }
}

/// A request by a signal.
pub(super) fn from_signal(name: &str, at_once: bool) -> Input {
    Input::new(cancel("signal", name.to_owned(), at_once))
}

fn cancel(source: &str, reason: String, at_once: bool) -> Command {
    Command::Cancel(CancelRequested {
        source: source.to_owned(),
        reason,
        at_once,
    })
}

/// The text, or a text of our own where there is none.
fn reason(text: &[u8], otherwise: &str) -> String {
    let text = String::from_utf8_lossy(text);
    let text: String = text.trim().chars().take(MAX_REASON_CHARS).collect();
    if text.is_empty() {
        otherwise.to_owned()
    } else {
        text
    }
}
