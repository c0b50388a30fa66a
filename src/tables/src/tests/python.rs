//! A table read by other people's programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::sample::{meta, records};
use super::{scratch, write};

/// Prints one JSON object: what the reader makes of the file.
const PYARROW: &str = r#"
import json, sys
import pyarrow.parquet as pq
table = pq.read_table(sys.argv[1])
row = table.slice(33, 1).to_pylist()[0]
print(json.dumps({
    "rows": table.num_rows,
    "columns": {field.name: str(field.type) for field in table.schema},
    "required": [field.name for field in table.schema if not field.nullable],
    "metadata": {k.decode(): v.decode() for k, v in table.schema.metadata.items() if k.startswith(b"hpcbench.")},
    "row": row,
    "codec": pq.ParquetFile(sys.argv[1]).metadata.row_group(0).column(0).compression,
}))
"#;

const PANDAS: &str =
    "import sys, pandas as p; f = p.read_parquet(sys.argv[1]); print(len(f), sum(map(len, f.ev_t)))";
const POLARS: &str =
    "import sys, polars as p; f = p.read_parquet(sys.argv[1]); print(len(f), f['ev_t'].list.len().sum())";
const DUCKDB: &str = "import sys, duckdb; print(*duckdb.sql(f\"select count(*), sum(len(ev_t)) from '{sys.argv[1]}'\").fetchall()[0])";

/// The packages of each further reader, and a program that prints the numbers of rows and of events.
const FURTHER_READERS: [(&[&str], &str); 3] = [
    (&["pyarrow", "pandas"], PANDAS),
    (&["polars"], POLARS),
    (&["duckdb"], DUCKDB),
];

#[test]
fn pyarrow_reads_a_table_with_the_schema_of_the_records() {
    let Some(python) = python_with(&["pyarrow"]) else {
        return;
    };
    let (_dir, path) = scratch();
    let all = records(0..200);
    write(&path, &meta(), &all);
    let output = run(&python, PYARROW, &path);
    let seen: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(seen["rows"], 200);
    assert_eq!(seen["codec"], "ZSTD");
    assert_eq!(seen["metadata"]["hpcbench.seed"], u64::MAX.to_string());
    assert_eq!(seen["metadata"]["hpcbench.t1_ns"], "-5");
    assert_eq!(seen["metadata"]["hpcbench.stamp_source"], "kernel");
    let expected: Vec<(&str, &str)> = SCHEMA.lines().filter_map(|line| line.split_once(": ")).collect();
    for (name, kind) in &expected {
        let (kind, nullable) = kind.strip_suffix('?').map_or((*kind, false), |kind| (kind, true));
        assert_eq!(seen["columns"][name], kind, "{name}");
        let required = seen["required"]
            .as_array()
            .unwrap()
            .iter()
            .any(|required| required == name);
        assert_eq!(required, !nullable, "{name}");
    }
    assert_eq!(seen["columns"].as_object().unwrap().len(), expected.len());
    let row = &seen["row"];
    assert_eq!(row["request_id"], "request-33");
    assert_eq!(row["ev_t"].as_array().unwrap().len(), all[33].events.len());
    assert_eq!(row["ev_t"][32], all[33].events.t[32]);
    assert_eq!(row["ev_tokens"][1], serde_json::Value::Null);
    assert_eq!(row["t_headers"], serde_json::Value::Null);
}

#[test]
#[ignore = "fetches three large packages; `make bench` runs it"]
fn further_readers_agree_on_rows_and_events() {
    let (_dir, path) = scratch();
    let all = records(0..500);
    write(&path, &meta(), &all);
    let events: usize = all.iter().map(|record| record.events.len()).sum();
    for (packages, script) in FURTHER_READERS {
        let Some(python) = python_with(packages) else {
            continue;
        };
        assert_eq!(
            run(&python, script, &path).trim(),
            format!("500 {events}"),
            "{packages:?}"
        );
    }
}

pub(crate) fn run(python: &Path, script: &str, path: &Path) -> String {
    let output = Command::new(python)
        .args(["-c", script])
        .arg(path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A Python that has the packages, in an environment below the target directory that is made once; `None`, with a
/// message, where that cannot be had.
pub(crate) fn python_with(packages: &[&str]) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let environment = target.join("test-python").join(packages.join("-"));
    let python = environment.join("bin/python");
    let imports = format!("import {}", packages.join(", "));
    let has_them = || {
        let import = Command::new(&python).args(["-c", &imports]).output();
        import.is_ok_and(|output| output.status.success())
    };
    if has_them() {
        return Some(python);
    }
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .arg(&environment)
        .status();
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let installed = made.and_then(|_| Command::new(&python).args(pip).args(packages).status());
    if has_them() {
        return Some(python);
    }
    let reason = format!(
        "no Python with {} can be had here ({installed:?})",
        packages.join(", ")
    );
    hpcbench_tests::skip("reading tables in Python", &reason);
    None
}

/// The record schema, in pyarrow's words; a question mark where null is allowed.
const SCHEMA: &str = "\
request_id: string
seq: uint64
node: string
thread: uint16
endpoint: uint16
conversation: uint64?
turn: uint16
prompt_id: uint64
phase: string
cohort: bool
stream: bool
t_intended: int64
t_dispatch: int64?
t_connect_start: int64?
t_connect_end: int64?
t_tls_end: int64?
t_send_start: int64?
t_sent: int64?
t_send_done: int64?
t_headers: int64?
t_first: int64?
t_first_nonreasoning: int64?
t_last: int64?
t_end: int64?
conn_id: uint64
conn_reused: bool
retries: uint8
status: string
error_kind: string?
error_text: string?
http_status: uint16?
finish_reason: string?
input_planned: uint32?
input_usage: uint32?
cached_input: uint32?
output_planned: uint32?
output_usage: uint32?
reasoning_usage: uint32?
output_retokenized: uint32?
token_chunks: uint32?
tokens_source: string
bytes_sent: uint64
bytes_received: uint64
server_ns: map<string, uint64 ('server_ns')>
output_text: string?
ev_t: list<item: int64 not null>
ev_read_lag: list<item: uint64 not null>
ev_uncertainty: list<item: uint64 not null>
ev_kind: list<item: uint16 not null>
ev_text_bytes: list<item: uint32 not null>
ev_tokens: list<item: uint32>
";
