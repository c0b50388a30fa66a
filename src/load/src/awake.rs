//! Keeping processor cores awake while a load runs.
//!
//! A core without work goes to sleep, and takes its time to wake up: up to some 0.2 ms from deep sleep, and milliseconds where
//! it is a virtual machine's, whose host has given the processor to somebody else in the meantime. All that time counts as the
//! client's lag. So each core gets a thread that has nothing to do, and does it at the lowest priority there is
//! (`SCHED_IDLE`, see sched(7)): whatever else wants to run there takes the core from it at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle, available_parallelism};
use std::time::{Duration, Instant};

use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
};
use thread_priority::{ThreadPriority, thread_native_id};

use crate::cores;

/// How long a thread sleeps to see how late it wakes up, and how often.
const NAP: Duration = Duration::from_millis(1);
const NAPS: usize = 500;

/// Turns between two looks at whether it is time to end: some microseconds.
const TURNS: u32 = 1_000;

/// Cores that are kept awake until this is dropped.
#[derive(Debug, Default)]
pub struct Awake {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Awake {
    /// Keeps these cores awake; with none given, all that this process may use. None where a control group limits the processor
    /// time of this process, as in a container: being awake would use it up.
    ///
    /// # Errors
    /// No thread can be had, or not at that priority. Then no core is kept awake.
    pub fn keep(chosen: &[usize]) -> io::Result<Self> {
        let mut awake = Self::default();
        if time_is_limited() {
            return Ok(awake);
        }
        let all = if chosen.is_empty() {
            cores::allowed()
        } else {
            chosen.to_vec()
        };
        let (sender, begun) = channel();
        for core in all {
            let (stop, sender) = (Arc::clone(&awake.stop), sender.clone());
            let thread = Builder::new()
                .name(format!("awake-{core}"))
                .spawn(move || stay(core, &sender, &stop))?;
            awake.threads.push(thread);
        }
        begun
            .iter()
            .take(awake.threads.len())
            .collect::<io::Result<()>>()?;
        Ok(awake)
    }

    /// Whether any core is kept awake.
    pub fn is_any(&self) -> bool {
        !self.threads.is_empty()
    }
}

/// Whether there is time for fewer cores than this process may use.
fn time_is_limited() -> bool {
    available_parallelism().is_ok_and(|enough_for| enough_for.get() < cores::allowed().len())
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It has nothing that could panic, and nothing to tell.
            let _ = thread.join();
        }
    }
}

/// How late a thread wakes up here: the p99 of some hundred short sleeps, half a second of them.
pub fn wake_up_p99() -> Duration {
    let nap = |_| {
        let before = Instant::now();
        std::thread::sleep(NAP);
        before.elapsed().saturating_sub(NAP)
    };
    let mut late: Vec<Duration> = (0..NAPS).map(nap).collect();
    late.sort_unstable();
    late[NAPS * 99 / 100]
}

/// What one core's thread does. At any other priority it would take the core from those who have work.
fn stay(core: usize, begun: &Sender<io::Result<()>>, stop: &AtomicBool) {
    cores::bind(core);
    let lowered = lower_priority();
    let ready = lowered.is_ok();
    // Nobody waits for it only if another thread could not be had.
    let _ = begun.send(lowered);
    while ready && !stop.load(Ordering::Relaxed) {
        for _ in 0..TURNS {
            std::hint::spin_loop();
        }
    }
}

fn lower_priority() -> io::Result<()> {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);
    /// As /proc has it.
    const SCHED_IDLE: &str = "5";

    /// Policy and processor ticks of each thread that keeps a core awake: fields 41 and 14 of its `stat`, see proc(5).
    fn keepers() -> Vec<(String, u64)> {
        let stats = fs::read_dir("/proc/self/task").unwrap().filter_map(|task| {
            // A thread of another test may end in between.
            fs::read_to_string(task.unwrap().path().join("stat")).ok()
        });
        let keeper = |stat: String| {
            let (name, rest) = stat.rsplit_once(") ")?;
            let fields: Vec<&str> = rest.split_whitespace().collect();
            name.contains("(awake-")
                .then(|| (fields[38].to_owned(), fields[11].parse().unwrap()))
        };
        stats.filter_map(keeper).collect()
    }

    #[test]
    fn a_core_is_awake_until_it_may_sleep() {
        let begun = Instant::now();
        let awake = Awake::keep(&[cores::allowed()[0]]).unwrap();
        while keepers().iter().all(|(_, ticks)| *ticks == 0) {
            assert!(
                begun.elapsed() < PATIENCE,
                "the thread has not run: {:?}",
                keepers()
            );
            std::thread::yield_now();
        }
        let policies: Vec<String> = keepers().into_iter().map(|(policy, _)| policy).collect();
        assert_eq!(policies, [SCHED_IDLE]);
        drop(awake);
        assert_eq!(keepers(), []);
    }
}
