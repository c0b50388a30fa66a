//! The thread that samples the node and its GPUs.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hpcbench_telemetry::Sample;
use hpcbench_telemetry::clock::monotonic_ns;
use hpcbench_telemetry::gpu::{Gpus, ThrottleClock};
use hpcbench_telemetry::host::HostSampler;

use super::recorder::Recorder;
use crate::shell::describe;

/// The shortest time between two samples.
const SHORTEST: Duration = Duration::from_millis(50);

/// Which GPUs were throttled since when; none while nothing is observed.
pub(super) type Throttling = Arc<Mutex<Option<ThrottleClock>>>;

/// The thread. Dropping it ends it.
pub(super) struct Sampler {
    stop: Sender<()>,
    thread: JoinHandle<Option<String>>,
}

impl Sampler {
    /// Starts it; `gpus`: whether GPUs are looked for.
    pub(super) fn start(
        recorder: Arc<Recorder>,
        throttling: Throttling,
        interval: Duration,
        gpus: bool,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let interval = interval.max(SHORTEST);
        let thread = std::thread::Builder::new()
            .name("telemetry".to_owned())
            .spawn(move || sample(&recorder, &throttling, interval, gpus, &stopped))?;
        Ok(Self { stop, thread })
    }

    /// Ends it. Returns why there are no samples of GPUs. Blocks as long as a sample takes.
    pub(super) fn end(self) -> Option<String> {
        drop(self.stop);
        self.thread
            .join()
            .unwrap_or_else(|_| Some("the sampling thread panicked".to_owned()))
    }
}

fn sample(
    recorder: &Recorder,
    throttling: &Mutex<Option<ThrottleClock>>,
    interval: Duration,
    gpus: bool,
    stopped: &Receiver<()>,
) -> Option<String> {
    let (gpus, absent) = look_for(gpus);
    let mut host = HostSampler::default();
    let mut next = Instant::now();
    loop {
        let mut samples = Vec::new();
        host.sample(monotonic_ns(), &mut samples);
        if let Some(gpus) = &gpus {
            look(gpus, throttling, &mut samples);
        }
        recorder.record(samples);
        recorder.flush();
        // A sample that took too long is not made up for.
        next = (next + interval).max(Instant::now());
        match stopped.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return absent,
        }
    }
}

/// The GPUs, or why they are not looked at.
fn look_for(wanted: bool) -> (Option<Gpus>, Option<String>) {
    if !wanted {
        return (None, Some("GPUs are not sampled on this node".to_owned()));
    }
    match Gpus::open() {
        Ok(gpus) => {
            tracing::info!("GPUs: {}", gpus.describe());
            for divided in gpus.divided() {
                tracing::info!("GPU {divided} is divided (MIG): its power and energy are not sampled");
            }
            (Some(gpus), None)
        }
        Err(absent) => (None, Some(describe(&absent))),
    }
}

fn look(gpus: &Gpus, throttling: &Mutex<Option<ThrottleClock>>, samples: &mut Vec<Sample>) {
    for reading in gpus.read() {
        let at_ns = monotonic_ns();
        samples.extend(reading.samples(at_ns));
        let mut throttling = throttling.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(clock), Some(throttle)) = (throttling.as_mut(), reading.throttle) {
            clock.look(reading.index, at_ns, throttle);
        }
    }
}
