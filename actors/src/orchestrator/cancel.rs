//! Requests to end the run: from a signal, from the bus, from a file.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hpcbench_core::Command;
use hpcbench_core::event::CancelRequested;
use hpcbench_core::message::CancelPayload;
use hpcbench_nats::CancelRequest;

use super::actor::{Ack, Input};
use crate::shell::{hostname, user};

/// The file in the run directory that cancels a run whose bus cannot be reached.
pub const CANCEL_FILE: &str = "cancel";
/// As much of it as is read.
const MAX_FILE_BYTES: u64 = 64 * 1024;
/// Longest reason that is kept.
const MAX_REASON_CHARS: usize = 500;
/// Most words of a command line that are kept, and the longest of them.
const MAX_WORDS: usize = 32;
const MAX_WORD_CHARS: usize = 4096;
/// Longest name of a user or a host that is kept.
const MAX_NAME_CHARS: usize = 255;

/// A request that came over the bus; it is answered once the event is synced.
pub(super) fn from_bus(request: CancelRequest) -> Input {
    Input {
        command: asked("bus", &request.payload, "asked over the bus"),
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
    Some(Input {
        command: asked("file", &text, "asked by a file in the run directory"),
        cause: None,
        // Not before the log has it: whoever left the file may be waiting for it to be taken.
        ack: Ack::Remove(path),
    })
}

/// A file that asked a former epoch to end.
pub(super) struct Former {
    path: PathBuf,
    /// What tells it from a later one of the same name.
    identity: Option<Identity>,
}

/// Device, inode and time of the last change, in seconds and nanoseconds.
type Identity = (u64, u64, i64, i64);

fn identity(path: &Path) -> Option<Identity> {
    let about = std::fs::symlink_metadata(path).ok()?;
    Some((about.dev(), about.ino(), about.ctime(), about.ctime_nsec()))
}

impl Former {
    /// The file that is there before an epoch begins, if one is. Until it has begun, the former orchestrator may take it.
    pub(super) fn noted(run_dir: &Path) -> Self {
        let path = run_dir.join(CANCEL_FILE);
        Self {
            identity: identity(&path),
            path,
        }
    }

    /// A request that nobody took in a former epoch is not meant for the one that has begun; one that came since is.
    pub(super) fn forget(self) {
        if self.identity.is_some() && self.identity == identity(&self.path) {
            remove(&self.path);
        }
    }
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

/// A request by a signal. Only the user that this process belongs to can have sent it, or the administrator, and only from
/// this host.
pub(super) fn from_signal(name: &str, at_once: bool) -> Input {
    Input::new(Command::Cancel(CancelRequested {
        source: "signal".to_owned(),
        user: Some(user()),
        host: Some(hostname()),
        reason: name.to_owned(),
        at_once,
        command_line: Vec::new(),
    }))
}

/// The request that a payload makes: a [`CancelPayload`], or any text as its reason.
fn asked(source: &str, payload: &[u8], otherwise: &str) -> Command {
    let request = serde_json::from_slice(payload).unwrap_or_else(|_| CancelPayload {
        reason: Some(String::from_utf8_lossy(payload).into_owned()),
        ..CancelPayload::default()
    });
    let CancelPayload {
        user,
        host,
        reason,
        command_line,
    } = request;
    let words = command_line.into_iter().take(MAX_WORDS);
    let words = words.map(|word| word.chars().take(MAX_WORD_CHARS).collect());
    let kept = |text: Option<String>, limit| text.and_then(|text| beginning(&text, limit));
    Command::Cancel(CancelRequested {
        source: source.to_owned(),
        user: kept(user, MAX_NAME_CHARS),
        host: kept(host, MAX_NAME_CHARS),
        reason: kept(reason, MAX_REASON_CHARS).unwrap_or_else(|| otherwise.to_owned()),
        at_once: false,
        command_line: words.collect(),
    })
}

/// The text without the space around it, up to a limit; none of nothing.
fn beginning(text: &str, limit: usize) -> Option<String> {
    let text: String = text.trim().chars().take(limit).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_former_epochs_request_is_forgotten_and_a_later_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(CANCEL_FILE);
        let none = Former::noted(dir.path());
        std::fs::write(&path, "former").unwrap();
        let former = Former::noted(dir.path());
        none.forget();
        assert!(path.exists(), "it came while the epoch was being opened");
        let replaced = Former::noted(dir.path());
        // Another file, whether or not the inode is used again.
        std::fs::write(dir.path().join("new"), "new").unwrap();
        std::fs::rename(dir.path().join("new"), &path).unwrap();
        replaced.forget();
        assert!(path.exists(), "it is another one");
        former.forget();
        assert!(path.exists(), "it is another one");
        Former::noted(dir.path()).forget();
        assert!(!path.exists());
    }

    fn request(payload: &str) -> CancelRequested {
        match asked("file", payload.as_bytes(), "otherwise") {
            Command::Cancel(request) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_payload_says_who_asks_and_why() {
        let said = request(r#"{"user":"ada","host":"login1","reason":" too slow "}"#);
        assert_eq!(
            (said.user.as_deref(), said.host.as_deref(), said.reason.as_str()),
            (Some("ada"), Some("login1"), "too slow")
        );
        let said = request(r#"{"user":"ada","command_line":["hpcbench","cancel","7f"]}"#);
        assert_eq!(said.command_line, ["hpcbench", "cancel", "7f"]);
        assert_eq!(
            (said.user.as_deref(), said.host, said.reason.as_str()),
            (Some("ada"), None, "otherwise")
        );
    }

    #[test]
    fn any_other_text_is_the_reason() {
        for (text, reason) in [
            ("too slow\n", "too slow"),
            (" \n", "otherwise"),
            ("[1]", "[1]"),
            (r#"{"user":7}"#, r#"{"user":7}"#),
            (r#"{"why":"typo"}"#, r#"{"why":"typo"}"#),
            ("null", "null"),
        ] {
            let said = request(text);
            assert_eq!(
                (said.user, said.host, said.reason.as_str()),
                (None, None, reason),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let long = "ä".repeat(1000);
        assert_eq!(request(&long).reason.chars().count(), MAX_REASON_CHARS);
        let words = vec!["x".repeat(2 * MAX_WORD_CHARS); 2 * MAX_WORDS];
        let said =
            request(&serde_json::json!({"user": long, "host": long, "command_line": words}).to_string());
        assert_eq!(said.command_line, vec!["x".repeat(MAX_WORD_CHARS); MAX_WORDS]);
        assert_eq!(said.user.unwrap().chars().count(), MAX_NAME_CHARS);
        assert_eq!(said.host.unwrap().chars().count(), MAX_NAME_CHARS);
    }
}
