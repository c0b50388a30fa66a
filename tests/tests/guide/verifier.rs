//! The verifier in Python against the golden logs, and against what can be wrong with a log.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use hpcbench_tests::{GuideVerifier, Random, workspace};
use tempfile::TempDir;

fn golden() -> PathBuf {
    workspace().join("tests/golden")
}

/// Every golden run.
fn runs() -> Result<Vec<PathBuf>> {
    let mut runs = Vec::new();
    for version in fs::read_dir(golden())? {
        let version = version?.path();
        if version.is_dir() {
            for run in fs::read_dir(version)? {
                runs.push(run?.path());
            }
        }
    }
    runs.retain(|run| run.is_dir());
    ensure!(runs.len() >= 7, "where are the golden runs? {runs:?}");
    Ok(runs)
}

fn log(run: &Path, epoch: u32) -> PathBuf {
    run.join(format!("events/{epoch:06}.jsonl"))
}

/// A copy of the events of a golden run of the newest version.
fn copy_of(name: &str) -> Result<TempDir> {
    let (copy, from) = (tempfile::tempdir()?, golden().join("0.1.0").join(name));
    fs::create_dir(copy.path().join("events"))?;
    for epoch in 1.. {
        let file = log(&from, epoch);
        if !file.exists() {
            ensure!(epoch > 1, "{} is not there", file.display());
            break;
        }
        fs::copy(file, log(copy.path(), epoch))?;
    }
    Ok(copy)
}

fn append(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut content = fs::read(path).unwrap_or_default();
    content.extend_from_slice(bytes);
    Ok(fs::write(path, content)?)
}

#[test]
fn it_has_fifteen_lines() -> Result<()> {
    let program = hpcbench_tests::blocks("event-log.md", "python")?.concat();
    ensure!(program.contains("artifact.recorded"), "it checks the log alone");
    let lines = program.lines().filter(|line| !line.is_empty()).count();
    ensure!(lines <= 15, "{lines} lines");
    Ok(())
}

#[test]
fn golden_logs_are_in_order() -> Result<()> {
    let verifier = GuideVerifier::of_log()?;
    for run in runs()? {
        let (count, _) = verifier.verify(&run)?;
        let mut lines = 0;
        for epoch in fs::read_dir(run.join("events"))? {
            lines += fs::read_to_string(epoch?.path())?.lines().count() as u64;
        }
        // No golden run has a fenced tail.
        assert_eq!(count, lines, "{}", run.display());
    }
    Ok(())
}

#[test]
fn a_flipped_bit_in_any_line_is_found() -> Result<()> {
    let (verifier, whole) = (GuideVerifier::of_log()?, copy_of("resumed")?);
    let mut random = Random::new(7);
    let mut flipped = Vec::new();
    for epoch in [1, 2] {
        let mut begin = 0;
        for line in fs::read(log(whole.path(), epoch))?.split_inclusive(|byte| *byte == b'\n') {
            // Not the very last newline: without it, the last line counts as never finished.
            let at = begin + random.below(line.len() as u64 - 1) as usize;
            let run = copy_of("resumed")?;
            let path = log(run.path(), epoch);
            let mut bytes = fs::read(&path)?;
            bytes[at] ^= 1 << random.below(8);
            fs::write(&path, &bytes)?;
            flipped.push(run);
            begin += line.len();
        }
    }
    let mut runs: Vec<PathBuf> = flipped.iter().map(|run| run.path().to_owned()).collect();
    runs.push(whole.path().to_owned());
    ensure!(runs.len() > 50, "only {} lines were changed", runs.len());
    let accepted = verifier.accepted(&runs)?;
    assert_eq!(accepted, [whole.path().display().to_string()]);
    Ok(())
}

#[test]
fn lines_that_are_gone_or_swapped_are_found() -> Result<()> {
    let (verifier, run) = (GuideVerifier::of_log()?, copy_of("completed")?);
    let path = log(run.path(), 1);
    let text = fs::read_to_string(&path)?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut swapped = lines.clone();
    swapped.swap(4, 5);
    let gone = [&lines[..4], &lines[5..]].concat();
    for wrong in [swapped, gone, lines[1..].to_vec()] {
        fs::write(&path, wrong.concat())?;
        ensure!(!verifier.run(run.path())?.status.success());
    }
    Ok(())
}

#[test]
fn fenced_tails_unused_claims_and_unfinished_lines_are_no_history() -> Result<()> {
    let (verifier, run) = (GuideVerifier::of_log()?, copy_of("resumed")?);
    let sound = verifier.verify(run.path())?;
    // The former orchestrator went on for a while, in good order or not.
    let second = fs::read(log(run.path(), 2))?;
    append(&log(run.path(), 1), &second)?;
    append(&log(run.path(), 1), b"never finished")?;
    assert_eq!(verifier.verify(run.path())?, sound);
    append(&log(run.path(), 3), b"")?;
    append(&log(run.path(), 4), b"{\"seq\":")?;
    assert_eq!(verifier.verify(run.path())?, sound);
    let output = verifier.run(run.path())?;
    let printed = String::from_utf8(output.stdout)?;
    ensure!(
        printed.trim().ends_with(" 7"),
        "the torn bytes are told: {printed}"
    );
    Ok(())
}

#[test]
fn a_later_epoch_does_not_hide_damage_before_it() -> Result<()> {
    let (verifier, run) = (GuideVerifier::of_log()?, copy_of("resumed")?);
    let path = log(run.path(), 1);
    let text = fs::read_to_string(&path)?;
    let cut = text.trim_end().rfind('\n').context("one line only")?;
    fs::write(&path, &text[..=cut])?;
    ensure!(!verifier.run(run.path())?.status.success(), "an event is gone");
    Ok(())
}
