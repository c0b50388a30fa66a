//! Two orchestrators on one run: the older one was stopped, given up and continued. It acts on nothing more.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use hpcbench_tests::sound::{expect_sound, expect_verified};
use hpcbench_tests::{
    Finished, Listener, Point, Recipe, Running, StopAt, Workdir, events, of_type, terminal, wait_until,
};
use nix::sys::signal::Signal;

const START: Duration = Duration::from_secs(30);
const SETTLE: Duration = Duration::from_secs(15);
const LIMIT: Duration = Duration::from_mins(2);
const TRIALS: usize = 2;
/// The event on whose way the older one stops.
const EVENT: &str = "trial.completed";

fn recipe() -> Recipe {
    Recipe::simulated().levels(&[1, 2])
}

/// When the older one goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Back {
    /// While its successor measures.
    InTheMiddle,
    /// When its successor is done.
    AtTheEnd,
}

/// Stops a run at a point, lets another orchestrator take it over, and continues the former; returns the verdict.
fn taken_over(point: Point, back: Back) -> Result<serde_json::Value> {
    let workdir = Workdir::new()?;
    let stop = StopAt::new(&workdir)?;
    let listener = Listener::start(&workdir.run());
    let command = workdir.bench(&recipe())?.limit(LIMIT);
    let mut older = stop.within(command, point, EVENT).start()?;
    stop.wait(&mut older, START)?;
    let successor = workdir.resume()?.limit(LIMIT).start()?;
    let (older, successor) = match back {
        Back::InTheMiddle => {
            wait_for_epoch_2(&workdir, "load.started", &successor)?;
            older.signal(Signal::SIGCONT)?;
            (older.wait()?, successor.wait()?)
        }
        Back::AtTheEnd => {
            let successor = successor.wait()?;
            let before = files(&workdir.run())?;
            older.signal(Signal::SIGCONT)?;
            let older = older.wait()?;
            let after = files(&workdir.run())?;
            ensure!(
                before == after,
                "the older one changed {before:#?}\nto {after:#?}"
            );
            (older, successor)
        }
    };
    let judge = || {
        expect_fenced(&older)?;
        let since = stop.since()?;
        ensure!(
            since.is_empty(),
            "it has acted after its successor had begun:\n{since}"
        );
        expect_finished(&workdir, &successor)?;
        expect_sound(&workdir, TRIALS, &listener.finish()?)?;
        expect_verified(&workdir)
    };
    judge().with_context(|| format!("{point:?} {back:?}\n{older}\n{successor}"))
}

fn wait_for_epoch_2(workdir: &Workdir, kind: &str, successor: &Running) -> Result<()> {
    let started = wait_until(START, kind, || {
        let events = events(&workdir.run())?;
        let begun = events
            .iter()
            .position(|event| event["type"] == "epoch.started" && event["data"]["epoch"] == 2);
        let since = events.get(begun.unwrap_or(events.len())..).unwrap_or_default();
        Ok((!of_type(since, kind).is_empty()).then_some(()))
    });
    started.with_context(|| format!("{}{}", successor.stdout(), successor.stderr()))
}

/// It ended because of its successor, and says so.
fn expect_fenced(older: &Finished) -> Result<()> {
    ensure!(older.code == Some(1), "the older one ended with {:?}", older.code);
    ensure!(
        older.stderr.contains("epoch 2"),
        "it does not name its successor's epoch"
    );
    Ok(())
}

fn expect_finished(workdir: &Workdir, successor: &Finished) -> Result<()> {
    let events = events(&workdir.run())?;
    let code = terminal(&events)?["data"]["exit_code"].as_i64();
    ensure!(
        matches!(code, Some(0 | 1)) && code == successor.code.map(i64::from),
        "the run's code is {code:?}"
    );
    Ok(())
}

/// Length and time of every file of a run, but for the older orchestrator's own events and for logs, where it says why it
/// ends, and what its last children have said.
fn files(run: &Path) -> Result<BTreeMap<PathBuf, (u64, SystemTime)>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![run.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let about = fs::symlink_metadata(&path)?;
            if about.is_dir() {
                folders.extend((!path.ends_with("logs")).then_some(path));
            } else if !path.ends_with("events/000001.jsonl") {
                found.insert(path, (about.len(), about.modified()?));
            }
        }
    }
    Ok(found)
}

/// A verdict's notes of a fenced tail.
fn tails(verdict: &serde_json::Value) -> usize {
    let notes = verdict["notes"].as_array().map_or(&[][..], Vec::as_slice);
    let is_tail = |note: &&serde_json::Value| note.to_string().contains("fenced tail");
    notes.iter().filter(is_tail).count()
}

#[test]
fn stopped_before_it_writes_it_leaves_a_fenced_tail() -> Result<()> {
    for back in [Back::InTheMiddle, Back::AtTheEnd] {
        let verdict = taken_over(Point::BeforeWrite, back)?;
        assert_eq!(tails(&verdict), 1, "{back:?}: {verdict:#}");
    }
    Ok(())
}

#[test]
fn stopped_before_its_sync() -> Result<()> {
    for back in [Back::InTheMiddle, Back::AtTheEnd] {
        // What it had written, its successor has read: that is history.
        let verdict = taken_over(Point::BeforeSync, back)?;
        assert_eq!(tails(&verdict), 0, "{back:?}: {verdict:#}");
    }
    Ok(())
}

#[test]
fn stopped_between_its_sync_and_its_look_for_a_successor() -> Result<()> {
    for back in [Back::InTheMiddle, Back::AtTheEnd] {
        let verdict = taken_over(Point::AfterSync, back)?;
        assert_eq!(tails(&verdict), 0, "{back:?}: {verdict:#}");
    }
    Ok(())
}

#[test]
fn stopped_between_its_look_for_a_successor_and_what_follows_from_it() -> Result<()> {
    taken_over(Point::AfterLook, Back::InTheMiddle).map(drop)
}

#[test]
fn stopped_before_it_publishes() -> Result<()> {
    for back in [Back::InTheMiddle, Back::AtTheEnd] {
        taken_over(Point::BeforePublish, back)?;
    }
    Ok(())
}

#[test]
fn without_a_successor_it_goes_on() -> Result<()> {
    let workdir = Workdir::new()?;
    let stop = StopAt::new(&workdir)?;
    let listener = Listener::start(&workdir.run());
    let command = workdir.bench(&recipe())?.limit(LIMIT);
    let mut running = stop.within(command, Point::AfterSync, EVENT).start()?;
    stop.wait(&mut running, START)?;
    running.signal(Signal::SIGCONT)?;
    let finished = running.wait()?;
    expect_finished(&workdir, &finished).with_context(|| finished.to_string())?;
    expect_sound(&workdir, TRIALS, &listener.finish()?)?;
    // So what is not seen of a fenced one has not happened.
    let since = stop.since()?;
    for act in [".event.trial.completed", ".command."] {
        ensure!(since.contains(act), "no {act} among what it did\n{since}");
    }
    Ok(())
}

#[test]
fn what_the_disk_refuses_to_sync_has_not_happened() -> Result<()> {
    let workdir = Workdir::new()?;
    let stop = StopAt::new(&workdir)?;
    let command = workdir.bench(&recipe().levels(&[1]))?.limit(LIMIT);
    let ended = stop.within(command, Point::FailedSync, EVENT).run()?;
    let judge = || {
        ensure!(ended.code == Some(1), "its exit code is {:?}", ended.code);
        ensure!(ended.stderr.contains("failed to sync the event log"));
        ensure!(
            !ended.stderr.contains("Everything is in"),
            "it goes on to reports"
        );
        let since = stop.since()?;
        for act in [".event.trial.completed", ".command."] {
            ensure!(!since.contains(act), "{act} follows from it:\n{since}");
        }
        workdir.expect_no_process(SETTLE)
    };
    judge().with_context(|| ended.to_string())
}

/// A run whose processes were all killed at once in the middle of its first trial.
fn interrupted() -> Result<Workdir> {
    let workdir = Workdir::new()?;
    let running = workdir.bench(&recipe())?.start()?;
    wait_until(START, "the load", || {
        Ok(events(&workdir.run())
            .ok()
            .filter(|events| !of_type(events, "load.started").is_empty()))
    })?;
    for process in workdir.processes()? {
        // It may have gone with another.
        let _ = process.signal(Signal::SIGKILL);
    }
    running.wait()?;
    Ok(workdir)
}

#[test]
fn of_two_that_resume_at_once_one_wins() -> Result<()> {
    for milliseconds in [0, 0, 3, 10, 40] {
        let workdir = interrupted()?;
        let listener = Listener::start(&workdir.run());
        let first = workdir.resume()?.limit(LIMIT).start()?;
        std::thread::sleep(Duration::from_millis(milliseconds));
        let second = workdir.resume()?.limit(LIMIT).start()?;
        let (first, second) = (first.wait()?, second.wait()?);
        let judge = || {
            expect_sound(&workdir, TRIALS, &listener.finish()?)?;
            let gave_way = |one: &Finished| {
                let (code, words) = (one.code, &one.stderr);
                (code == Some(3) || code == Some(1)) && !words.contains("Everything is in")
            };
            let won: Vec<_> = [&first, &second]
                .into_iter()
                .filter(|one| !gave_way(one))
                .collect();
            ensure!(won.len() == 1, "{} of them won", won.len());
            // Who gave way has killed nothing of the winner's.
            let events = events(&workdir.run())?;
            let begun = events.iter().rposition(|event| event["type"] == "epoch.started");
            let since = events.get(begun.unwrap_or(0)..).unwrap_or_default();
            for lost in ["bus.exited", "node.lost", "trial.failed"] {
                ensure!(of_type(since, lost).is_empty(), "{lost} in the winner's epoch");
            }
            won.into_iter().try_for_each(|one| expect_finished(&workdir, one))
        };
        judge().with_context(|| format!("the second {milliseconds} ms later\n{first}\n{second}"))?;
    }
    Ok(())
}

#[test]
fn a_run_whose_orchestrator_answers_is_not_resumed() -> Result<()> {
    let workdir = Workdir::new()?;
    let running = workdir.bench(&recipe())?.start()?;
    wait_until(START, "the load", || {
        Ok(events(&workdir.run())
            .ok()
            .filter(|events| !of_type(events, "load.started").is_empty()))
    })?;
    let refused = workdir.resume()?.run()?.expect_code(3)?;
    ensure!(
        refused.stderr.contains(&running.pid().to_string()),
        "it does not say who is at work\n{refused}"
    );
    let finished = running.wait()?;
    ensure!(
        !workdir.run().join("events/000002.jsonl").exists(),
        "it has claimed an epoch\n{refused}"
    );
    expect_finished(&workdir, &finished)?;
    workdir.expect_no_process(SETTLE)
}
