//! nats-server is killed in the middle of a run, again and again, with its store and with an empty one: the run goes on,
//! and whoever watches misses nothing and sees nothing twice.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hpcbench_tests::sound::expect_sound;
use hpcbench_tests::{
    Finished, ForgetfulBus, Listener, Process, Recipe, Running, Workdir, events, history, of_type, wait_until,
};
use nix::sys::signal::Signal;

const START: Duration = Duration::from_secs(30);
const LIMIT: Duration = Duration::from_mins(2);
/// From the start of a trial's load of one second until its results have been sent, and less than a silence that counts.
const RESULTS_SENT: Duration = Duration::from_millis(2500);

/// What the bus comes back with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Store {
    Kept,
    Empty,
}

/// A run with somebody who watches it, and somebody who listens to its bus.
struct Watched {
    workdir: Workdir,
    bus: ForgetfulBus,
    trials: usize,
    running: Running,
    watching: Running,
    listener: Listener,
    losses: usize,
}

impl Watched {
    fn start(levels: &[u32]) -> Result<Self> {
        let workdir = Workdir::new()?;
        let bus = ForgetfulBus::new(&workdir)?;
        let listener = Listener::start(&workdir.run());
        let command = workdir.bench(&Recipe::simulated().levels(levels))?;
        let running = bus.within(command).limit(LIMIT).start()?;
        wait_until(START, "the plan", || {
            Ok(workdir.run().join("plan.json").exists().then_some(()))
        })?;
        let watch = workdir.hpcbench()?.arg("watch").arg(workdir.run());
        let watching = watch.args(["--format", "json"]).limit(LIMIT).start()?;
        Ok(Self {
            workdir,
            bus,
            trials: levels.len(),
            running,
            watching,
            listener,
            losses: 0,
        })
    }

    /// Waits until there are so many events of a type.
    fn wait_for(&mut self, kind: &str, count: usize) -> Result<()> {
        let running = &mut self.running;
        wait_until(START, kind, || {
            let events = events(&self.workdir.run()).unwrap_or_default();
            ensure!(!running.has_ended()?, "the run ended before {count} {kind}");
            Ok((of_type(&events, kind).len() >= count).then_some(()))
        })
    }

    /// Kills the bus once it is up, and waits until it is up again.
    fn lose_bus(&mut self, store: Store) -> Result<()> {
        self.kill_bus(store)?;
        self.wait_for("bus.started", self.losses + 1)
            .with_context(|| format!("loss {} with its store {store:?}", self.losses))
    }

    fn bus(&self) -> Result<Process> {
        wait_until(START, "nats-server", || {
            Ok(self.workdir.processes()?.into_iter().find(Process::is_bus))
        })
    }

    fn kill_bus(&mut self, store: Store) -> Result<()> {
        let bus = self.bus()?;
        if store == Store::Empty {
            self.bus.forget()?;
        }
        bus.signal(Signal::SIGKILL)?;
        self.losses += 1;
        Ok(())
    }

    /// Waits for the end of the run, and expects all that holds of a run, and of whoever watches one.
    fn expect_whole(self) -> Result<()> {
        let (ran, watched) = (self.running.wait()?, self.watching.wait()?);
        let judge = || {
            ensure!(
                matches!(ran.code, Some(0 | 1)),
                "the run ended with {:?}",
                ran.code
            );
            ensure!(watched.code == ran.code, "watch ended with {:?}", watched.code);
            ensure!(
                !self.bus.has_to_forget(),
                "the bus never came back without its store"
            );
            let events = events(&self.workdir.run())?;
            for (kind, count) in [("bus.exited", self.losses), ("bus.started", self.losses + 1)] {
                let found = of_type(&events, kind).len();
                ensure!(found == count, "{found} {kind} instead of {count}");
            }
            // The measurement does not need the bus.
            let interrupted = of_type(&events, "trial.interrupted");
            ensure!(interrupted.is_empty(), "interrupted: {interrupted:?}");
            expect_log_on(&self.workdir, &watched)?;
            expect_sound(&self.workdir, self.trials, &self.listener.finish()?)
        };
        judge().with_context(|| format!("{ran}\n{}\n{}", watched.command, watched.stderr))
    }
}

/// What was watched is the log: each event once, in order, byte for byte.
fn expect_log_on(workdir: &Workdir, watched: &Finished) -> Result<()> {
    let log = history(&workdir.run())?;
    let shown: Vec<&str> = watched.stdout.lines().collect();
    for (shown, line) in shown.iter().zip(&log) {
        ensure!(*shown == line.text, "shown {shown}\nlog   {}", line.text);
    }
    ensure!(
        shown.len() == log.len(),
        "{} of {} events were shown",
        shown.len(),
        log.len()
    );
    Ok(())
}

/// A bus that is lost as often as a run starts it again, at different moments of a trial.
fn lost_again_and_again(store: Store) -> Result<()> {
    let mut run = Watched::start(&[1, 2, 4])?;
    for (trial, milliseconds) in [(1, 0), (3, 700)] {
        run.wait_for("load.started", trial)?;
        thread::sleep(Duration::from_millis(milliseconds));
        run.lose_bus(store)?;
    }
    run.expect_whole()
}

#[test]
fn lost_again_and_again_with_its_store() -> Result<()> {
    lost_again_and_again(Store::Kept)
}

#[test]
fn lost_again_and_again_with_an_empty_store() -> Result<()> {
    lost_again_and_again(Store::Empty)
}

/// A bus that takes nothing in any more, is lost with what was sent to it meanwhile, and comes back.
fn lost_after_it_hung(store: Store) -> Result<()> {
    let mut run = Watched::start(&[1, 2])?;
    run.wait_for("load.started", 1)?;
    run.bus()?.signal(Signal::SIGSTOP)?;
    thread::sleep(RESULTS_SENT);
    run.lose_bus(store)?;
    run.expect_whole()
}

#[test]
fn lost_after_it_hung_with_its_store() -> Result<()> {
    lost_after_it_hung(Store::Kept)
}

#[test]
fn lost_after_it_hung_and_its_store_too() -> Result<()> {
    lost_after_it_hung(Store::Empty)
}

/// A bus that is lost when the results of a trial are on it, and nobody has read them yet.
fn lost_with_a_report(store: Store) -> Result<()> {
    let mut run = Watched::start(&[1, 2])?;
    run.wait_for("load.started", 1)?;
    // It reads nothing any more; the trial's second ends meanwhile, and its results are sent.
    run.running.signal(Signal::SIGSTOP)?;
    thread::sleep(RESULTS_SENT);
    run.kill_bus(store)?;
    run.running.signal(Signal::SIGCONT)?;
    run.wait_for("bus.started", 2)?;
    run.expect_whole()
}

#[test]
fn lost_with_a_report_in_its_store() -> Result<()> {
    lost_with_a_report(Store::Kept)
}

#[test]
fn lost_with_a_report_and_its_store() -> Result<()> {
    lost_with_a_report(Store::Empty)
}

#[test]
fn lost_before_anything_is_measured() -> Result<()> {
    for kind in [
        "bus.started",
        "node.joined",
        "service.requested",
        "client.connected",
    ] {
        let mut run = Watched::start(&[1])?;
        run.wait_for(kind, 1)?;
        let started = Instant::now();
        run.lose_bus(Store::Empty)
            .and_then(|()| run.expect_whole())
            .with_context(|| format!("lost after {kind}, {:.1?} ago", started.elapsed()))?;
    }
    Ok(())
}
