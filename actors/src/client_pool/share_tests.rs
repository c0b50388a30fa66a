use hpcbench_records::{
    BlockWriter, EventKind, Phase, Record, StampSource, Status, StreamEvents, Times, TokenUsage,
};
use hpcbench_stats::{EngineReport, Load, Window};
use hpcbench_tables::RecordsReader;

use super::*;

/// A tokenizer whose tokens are words and punctuation.
const TOKENIZER: &str = r#"{
    "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordLevel", "vocab": {"?": 0, "hello": 1, "world": 2}, "unk_token": "?"}
}"#;

fn record(seq: u64, text: Option<&str>) -> Record {
    Record {
        request_id: format!("r-{seq}"),
        seq,
        node: "client".into(),
        thread: 0,
        endpoint: 0,
        conversation: None,
        turn: 0,
        prompt_id: seq,
        phase: Phase::Window,
        cohort: true,
        stream: true,
        times: Times {
            sent: Some(10),
            first: Some(20),
            last: Some(20),
            end: Some(30),
            ..Times::default()
        },
        conn_id: 0,
        conn_reused: false,
        retries: 0,
        status: Status::Ok,
        error_kind: None,
        error_text: None,
        http_status: Some(200),
        finish_reason: Some("stop".into()),
        tokens: TokenUsage {
            chunks: Some(1),
            ..TokenUsage::default()
        },
        bytes_sent: 1,
        bytes_received: 1,
        server_ns: std::collections::BTreeMap::new(),
        output_text: text.map(str::to_owned),
        events: StreamEvents {
            t: vec![20],
            read_lag: vec![1],
            uncertainty: vec![0],
            kind: vec![EventKind::CHOICES.with(EventKind::CONTENT)],
            text_bytes: vec![5],
            tokens: vec![None],
        },
    }
}

/// A share of two records, one with a text, in this folder.
fn share(folder: &Path, tokenizer: Option<&str>) -> (ShareOf, Outcome) {
    let path = folder.join("records.blocks");
    let mut writer = BlockWriter::create(&path).unwrap();
    writer
        .append(&[record(0, Some("hello, world")), record(1, None)])
        .unwrap();
    let written = writer.finish().unwrap();
    let outcome = Outcome {
        files: vec![hpcbench_load::BlockFile {
            path,
            bytes: written.bytes,
            records: written.records,
        }],
        t0_realtime: 0,
        t0_error: 0,
        window: Window {
            t1: 0,
            t2: 100,
            drained: false,
        },
        cancelled: false,
        engine: EngineReport::new("client", 0, StampSource::Kernel),
        cores: Vec::new(),
        seed: 77,
        tokenizer_hash: None,
    };
    let file = folder.join("tokenizer.json");
    fs::write(&file, tokenizer.unwrap_or_default()).unwrap();
    let of = ShareOf {
        run_dir: folder.to_owned(),
        trial: "0123456789ab-r1".parse().unwrap(),
        attempt: Attempt(1),
        node: "client".parse().unwrap(),
        connections: Connections::default(),
        tokenizer: tokenizer.map(|_| file),
    };
    (of, outcome)
}

/// Keeps that share and returns the counts of its records' tokens.
fn recounted(tokenizer: Option<&str>) -> Result<Vec<Option<u32>>, ShareError> {
    let folder = tempfile::tempdir().unwrap();
    let (of, outcome) = share(folder.path(), tokenizer);
    let kept = keep(&of, &outcome, &Expectations::new(Load::Open))?;
    let rows = RecordsReader::open(folder.path().join(kept.records.path))?;
    assert_eq!(rows.meta().seed, 77, "what the load drew its prompts with");
    Ok(rows
        .map(|record| record.unwrap().tokens.output_retokenized)
        .collect())
}

#[test]
fn tokens_of_answers_are_counted_where_there_is_a_text() {
    assert_eq!(recounted(Some(TOKENIZER)).unwrap(), [Some(3), None]);
    assert_eq!(recounted(None).unwrap(), [None, None]);
}

#[test]
fn what_cannot_become_records_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let (of, outcome) = share(folder.path(), Some("{}"));
    assert!(keep(&of, &outcome, &Expectations::new(Load::Open)).is_err());
    set_aside(&of, &outcome);
    let place = folder.path().join("records/0123456789ab-r1/1/client-000.blocks");
    let records = BlockReader::open(&place).unwrap();
    assert_eq!(records.flatten().count(), 2);
    assert!(!outcome.files[0].path.exists());
}

#[test]
fn a_tokenizer_that_is_none_is_named() {
    let error = recounted(Some("{}")).unwrap_err();
    assert!(matches!(error, ShareError::Tokens(_)), "{error:?}");
}
