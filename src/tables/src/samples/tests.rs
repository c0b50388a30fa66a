//! Samples through Parquet, as others read them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{SampleRow, SamplesMeta, SamplesWriter};
use crate::tests::python::{python_with, run};

fn meta() -> SamplesMeta {
    SamplesMeta {
        node: "server-1".to_owned(),
        t0_realtime_ns: 1_700_000_000_000_000_000,
        t0_error_ns: 80,
        dropped: 0,
        gpu_absent: Some("no driver".to_owned()),
    }
}

fn row(i: i64) -> SampleRow<'static> {
    SampleRow {
        t_ns: i * 1_000,
        source: if i % 2 == 0 { "host" } else { "service" },
        instance: if i % 2 == 0 { "" } else { "server-0" },
        metric: "running",
        labels: (i % 2 == 1).then_some("engine=\"0\""),
        value: i as f64 / 2.0,
    }
}

const SCRIPT: &str = r#"
import json, sys
import pyarrow.parquet as pq
table = pq.read_table(sys.argv[1])
print(json.dumps({
    "rows": table.num_rows,
    "columns": {f.name: str(f.type) + ("?" if f.nullable else "") for f in table.schema},
    "metadata": {k.decode(): v.decode() for k, v in table.schema.metadata.items() if k.startswith(b"hpcbench.")},
    "two": table.slice(20000, 2).to_pylist(),
}))
"#;

#[test]
fn pyarrow_reads_samples() {
    let Some(python) = python_with(&["pyarrow"]) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("server-1.parquet");
    let mut writer = SamplesWriter::create(&path, &meta()).unwrap();
    for i in 0..20_002 {
        writer.write(row(i)).unwrap();
    }
    assert!(!path.exists(), "it has no name before it is complete");
    assert_eq!(writer.finish().unwrap().rows, 20_002);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let seen: serde_json::Value = serde_json::from_str(&run(&python, SCRIPT, &path)).unwrap();
    assert_eq!(seen["rows"], 20_002);
    let columns = serde_json::json!({
        "t_ns": "int64", "source": "string", "instance": "string", "metric": "string", "labels": "string?",
        "value": "double",
    });
    assert_eq!(seen["columns"], columns);
    assert_eq!(seen["metadata"]["hpcbench.node"], "server-1");
    assert_eq!(seen["metadata"]["hpcbench.gpu_absent"], "no driver");
    assert_eq!(seen["two"][0]["labels"], serde_json::Value::Null);
    assert_eq!(seen["two"][1]["labels"], "engine=\"0\"");
    assert_eq!(seen["two"][1]["value"], 10_000.5);
}

#[test]
fn a_table_that_is_given_up_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = SamplesWriter::create(dir.path().join("a.parquet"), &meta()).unwrap();
    writer.write(row(1)).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
