//! Answers whose texts are kept, and their tokens counted again.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{Recipe, Workdir, data, events};
use serde_json::{Map, Value, json};

use crate::recomputed::python;

/// The pieces of the simulated service's words, as a tokenizer of our own sees them. Of the eight words of an answer it takes
/// apart two, one of them into three pieces.
const PIECES: [&str; 11] = [
    "the", "qui", "##ck", "br", "##o", "##wn", "fox", "jumps", "over", "a", "lazy",
];

/// Common words, of which prompts are made.
const WORDS: &str = "able about above across act add after again age ago air all almost alone along already also always among \
    animal another answer any anything appear area arm around art ask away back bad ball bank base bear beat became because bed \
    been before began behind being below best better between big bird bit black blood blue board boat body book both bottom box \
    boy bring broke brother";

/// Prints, for each record, what it says of tokens and text.
const READ: &str = r#"
import json, sys
import pyarrow.parquet as pq
table = pq.read_table(sys.argv[1])
names = ["input_planned", "input_usage", "output_usage", "output_retokenized", "output_text", "status"]
print(json.dumps([[row[name] for name in names] for row in table.select(names).to_pylist()]))
print(table.schema.metadata[b"hpcbench.tokenizer_hash"].decode())
"#;

/// A tokenizer with those pieces and words.
fn tokenizer() -> Value {
    let words = ["[UNK]"].into_iter().chain(PIECES).chain(WORDS.split(' '));
    let vocab: Map<String, Value> = words
        .zip(0..)
        .map(|(word, id)| (word.to_owned(), json!(id)))
        .collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": false},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocab},
    })
}

#[test]
fn a_tokenizer_makes_prompts_exact_and_counts_answers_again() -> Result<()> {
    let test = "a_tokenizer_makes_prompts_exact_and_counts_answers_again";
    let Some(python) = python(test)? else {
        return Ok(());
    };
    let workdir = Workdir::new()?;
    let file = workdir.write("tokenizer.json", &tokenizer().to_string())?;
    let prompts = format!(
        "{{source: synthetic, input_tokens: 40, output_tokens: 8, tokenizer: {}}}",
        file.display()
    );
    let recipe = Recipe::simulated()
        .workload("prompts", &prompts)
        .workload("keep_text", "true");
    let finished = workdir.bench(&recipe)?.run()?;
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let log = events(&workdir.run())?;
    let records = data(&log, "share.reported")?["files"]["records"]["path"].as_str();
    let records = records.with_context(|| format!("no records: {finished}"))?;
    let records = workdir.run().join(records);
    let output = Command::new(python).args(["-c", READ]).arg(&records).output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (rows, hash) = std::str::from_utf8(&output.stdout)?
        .split_once('\n')
        .context("one line")?;
    let rows: Vec<Value> = serde_json::from_str(rows)?;
    let complete: Vec<&Value> = rows.iter().filter(|row| row[5] == "ok").collect();
    ensure!(complete.len() > 50, "{rows:?}");
    // The service counts words, of which a prompt has as many as tokens. Its answers have more tokens of ours than words.
    let expected = json!([
        40,
        40,
        8,
        PIECES.len(),
        " the quick brown fox jumps over a lazy",
        "ok"
    ]);
    let odd = complete.iter().find(|row| ***row != expected);
    ensure!(odd.is_none(), "{odd:?}");
    ensure!(hash.trim().len() == 64, "{hash}");
    Ok(())
}
