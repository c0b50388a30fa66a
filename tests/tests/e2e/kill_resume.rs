//! Whatever is killed, and whenever: the run heals, or `hpcbench resume` goes on with it, and nothing is lost, done twice
//! or left behind.
//!
//! `HPCBENCH_KILLS` says how many moments are tried, `HPCBENCH_KILL_SEED` repeats those of another time, and
//! `HPCBENCH_KILL_MOMENT` only one of them.

use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, anyhow, ensure};
use hpcbench_tests::sound::expect_sound;
use hpcbench_tests::{
    Finished, Listener, Process, Random, Recipe, Running, Workdir, events, history, of_type, terminal,
    wait_until,
};
use nix::sys::signal::Signal;

/// Trials of the run.
const TRIALS: usize = 3;
/// Moments that are tried unless `HPCBENCH_KILLS` says otherwise: two of each victim, and some more of the hardest.
const MOMENTS: usize = 12;
/// Runs under way at the same time. They wait most of the time.
const LANES: usize = 3;
/// A run takes about so long, and writes about so many events.
const LENGTH: Duration = Duration::from_millis(4500);
const EVENTS: u64 = 75;
/// How long a run may take until what is to be killed is there, and how long until its end.
const START: Duration = Duration::from_secs(30);
const LIMIT: Duration = Duration::from_mins(2);
/// A run that is killed once more each time goes on in no more epochs.
const MAX_EPOCHS: usize = 3;

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Orchestrator,
    Agent,
    Bus,
    Service,
    Everything,
}

impl Victim {
    /// Whether the run ends with it, so that it has to be resumed. Otherwise it heals by itself.
    fn takes_the_run_along(self) -> bool {
        matches!(self, Self::Orchestrator | Self::Everything)
    }
}

const VICTIMS: [Victim; 5] = [
    Victim::Orchestrator,
    Victim::Everything,
    Victim::Agent,
    Victim::Bus,
    Victim::Service,
];

/// When.
#[derive(Debug, Clone, Copy)]
enum When {
    /// So long after the beginning.
    After(Duration),
    /// When the log has got so many more lines, and a little later.
    AtLine(u64, Duration),
}

/// One blow.
#[derive(Debug, Clone, Copy)]
struct Blow {
    victim: Victim,
    /// Which agent, where there are several.
    which: usize,
    when: When,
}

impl Blow {
    fn draw(victim: Victim, random: &mut Random) -> Self {
        let which = usize::from(random.below(2) == 0);
        // Half of them where much happens at once: most of a run's time, it only measures.
        let when = if random.below(2) == 0 {
            When::After(random.time(LENGTH))
        } else {
            When::AtLine(random.below(EVENTS), random.time(Duration::from_millis(3)))
        };
        Self { victim, which, when }
    }
}

/// The blows that one run gets, one after the other.
fn blows(seed: u64, moment: usize) -> Vec<Blow> {
    let mut random = Random::new(seed.wrapping_add(moment as u64));
    let Some(first) = VICTIMS.get(moment % VICTIMS.len()) else {
        return Vec::new();
    };
    let mut blows = vec![Blow::draw(*first, &mut random)];
    while blows.len() < MAX_EPOCHS && random.below(3) > 0 {
        let again = [Victim::Orchestrator, Victim::Everything];
        let victim = random.pick(&again).copied().unwrap_or(Victim::Everything);
        blows.push(Blow::draw(victim, &mut random));
    }
    blows
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

#[test]
fn whatever_is_killed_the_run_goes_on() -> Result<()> {
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let seed = number("HPCBENCH_KILL_SEED").unwrap_or(clock.as_secs());
    let moments: Vec<usize> = match number("HPCBENCH_KILL_MOMENT") {
        Some(moment) => vec![usize::try_from(moment)?],
        None => (0..number("HPCBENCH_KILLS").map_or(Ok(MOMENTS), usize::try_from)?).collect(),
    };
    println!("HPCBENCH_KILL_SEED={seed}: {} moments", moments.len());
    let next = AtomicUsize::new(0);
    let failed = thread::scope(|scope| {
        let lane = || {
            let mut failed = Vec::new();
            while let Some(moment) = moments.get(next.fetch_add(1, Ordering::Relaxed)) {
                let blows = blows(seed, *moment);
                let started = Instant::now();
                let outcome = survive(&blows);
                println!(
                    "moment {moment}: {blows:?}: {} after {:.1?}",
                    if outcome.is_ok() { "sound" } else { "FAILED" },
                    started.elapsed()
                );
                if let Err(error) = outcome {
                    failed.push(format!(
                        "HPCBENCH_KILL_SEED={seed} HPCBENCH_KILL_MOMENT={moment}: {blows:?}: {error:?}"
                    ));
                }
            }
            failed
        };
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(lane)).collect();
        let ended = lanes.into_iter().map(thread::ScopedJoinHandle::join);
        ended.collect::<Result<Vec<_>, _>>()
    });
    let failed = failed.map_err(|_panic| anyhow!("a lane panicked"))?.concat();
    ensure!(failed.is_empty(), "{}", failed.join("\n\n"));
    Ok(())
}

/// A run that is hit, and taken up again until it has ended.
fn survive(blows: &[Blow]) -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated()
        .service("restart", "{max: 3, backoff: 50ms}")
        .levels(&[1, 2, 4]);
    let listener = Listener::start(&workdir.run());
    let mut running = workdir.bench(&recipe)?.limit(LIMIT).start()?;
    wait_until(START, "the plan", || {
        Ok(workdir.run().join("plan.json").exists().then_some(()))
    })?;
    for blow in blows {
        hit(&workdir, &mut running, *blow)?;
        if blow.victim.takes_the_run_along() {
            let finished = running.wait()?;
            if finished.signal.is_none() {
                // It was over before.
                return expect_survived(&workdir, finished, blows, listener);
            }
            running = workdir.resume()?.limit(LIMIT).start()?;
        }
    }
    expect_survived(&workdir, running.wait()?, blows, listener)
}

fn expect_survived(workdir: &Workdir, finished: Finished, blows: &[Blow], listener: Listener) -> Result<()> {
    let services = blows.iter().filter(|blow| blow.victim == Victim::Service);
    let finished = repeat_failed(workdir, finished, services.count())?;
    expect_end(workdir, &finished)
        .and_then(|()| expect_sound(workdir, TRIALS, &listener.finish()?))
        .and_then(|()| expect_nothing_left_to_do(workdir, &finished))
        .with_context(|| format!("{finished}"))
}

/// A trial whose service was killed has failed; whatever else is killed interrupts it, and it is attempted again. What failed is
/// repeated only if that is asked for.
fn repeat_failed(workdir: &Workdir, finished: Finished, services: usize) -> Result<Finished> {
    let events = events(&workdir.run())?;
    let [trials, runs] = ["trial.failed", "run.failed"].map(|kind| of_type(&events, kind).len());
    if trials == 0 && runs == 0 {
        return Ok(finished);
    }
    ensure!(
        trials <= services && runs == 0,
        "{services} services were killed, {trials} trials failed, and {runs} runs\n{finished}"
    );
    let resume = workdir.resume()?.arg("--retry-failed");
    let again = resume.limit(LIMIT).run()?;
    ensure!(again.code.is_some(), "{finished}\n{again}");
    Ok(again)
}

fn expect_end(workdir: &Workdir, finished: &Finished) -> Result<()> {
    let events = events(&workdir.run())?;
    let code = terminal(&events)?["data"]["exit_code"].as_i64();
    // A second is too short for a valid verdict; that is not the point here.
    ensure!(matches!(code, Some(0 | 1)), "the run's code is {code:?}");
    ensure!(code == finished.code.map(i64::from), "the run's code is {code:?}");
    Ok(())
}

/// Resuming a run that has ended changes nothing.
fn expect_nothing_left_to_do(workdir: &Workdir, finished: &Finished) -> Result<()> {
    let before = history(&workdir.run())?;
    let again = workdir.resume()?.run()?;
    ensure!(again.code == finished.code, "not the run's own code\n{again}");
    ensure!(
        history(&workdir.run())? == before,
        "the log of a run that has ended was changed\n{again}"
    );
    Ok(())
}

/// Waits for the moment and strikes, unless the run has ended before.
fn hit(workdir: &Workdir, running: &mut Running, blow: Blow) -> Result<()> {
    match blow.when {
        When::After(time) => {
            let until = Instant::now() + time;
            while Instant::now() < until && !running.has_ended()? {
                thread::sleep((until - Instant::now()).min(Duration::from_millis(5)));
            }
        }
        When::AtLine(more, time) => {
            let so_far = lines(workdir);
            wait_until(START, "so many events", || {
                Ok((lines(workdir) >= so_far + more || running.has_ended()?).then_some(()))
            })?;
            thread::sleep(time);
        }
    }
    let victims = wait_until(START, "the victim", || {
        let found = victims(workdir, running, blow)?;
        Ok((!found.is_empty() || running.has_ended()?).then_some(found))
    })?;
    for victim in victims {
        // It may have ended meanwhile.
        let _ = victim.signal(Signal::SIGKILL);
    }
    Ok(())
}

fn lines(workdir: &Workdir) -> u64 {
    // There is none before the first.
    history(&workdir.run()).map_or(0, |lines| lines.len() as u64)
}

/// The processes that are to be killed, in no particular order.
fn victims(workdir: &Workdir, running: &Running, blow: Blow) -> Result<Vec<Process>> {
    let mut found = workdir.processes()?;
    found.retain(|process| match blow.victim {
        Victim::Orchestrator => process.pid == running.pid(),
        Victim::Everything => true,
        Victim::Agent => process.command.split(' ').nth(1) == Some("agent"),
        Victim::Bus => process.is_bus(),
        Victim::Service => process.is_simulator(),
    });
    if blow.victim == Victim::Agent && !found.is_empty() {
        let one = found.swap_remove(blow.which % found.len());
        found = vec![one];
    }
    Ok(found)
}
