//! Asking Python.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use hpcbench_records::Record;
use serde_json::{Value, json};

use crate::Window;

/// Below this crate's folder: programs that compute the same numbers with nothing of ours.
const PROGRAMS: &str = "../../tests/harness/stats";

/// A trial's clients as these programs read them.
pub(crate) fn clients<'a>(clients: impl IntoIterator<Item = (Window, &'a [Record])>) -> Value {
    let client = |(window, records): (Window, &[Record])| json!({"t1": window.t1, "t2": window.t2, "records": records});
    clients.into_iter().map(client).collect()
}

/// What one of these programs prints for an input; `None`, with a message, where there is no Python.
pub(crate) fn python(program: &str, input: &Value) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PROGRAMS).join(program);
    let spawned = Command::new("python3")
        .arg("-B")
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut python) = spawned else {
        hpcbench_tests::skip(program, "there is no python3");
        return None;
    };
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{} failed", path.display());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}
