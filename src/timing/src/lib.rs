//! Clocks, kernel receive time stamps and a precise timer: what the load engine and the simulated service need
//! to know *when* bytes arrived, instead of when a busy thread got round to reading them.
//!
//! - [`Monotonic`] and [`Realtime`]: points in time of the two clocks, never mixed up.
//! - [`enable_receive_stamps`] and [`recv_stamped`]: `SO_TIMESTAMPING` (software, receive side) on TCP sockets.
//! - [`PairedClock`]: carries a kernel stamp, which is `CLOCK_REALTIME`, over to the monotonic clock, and says
//!   when that cannot be trusted.
//! - [`DeadlineTimer`]: a pollable timer that is better than the millisecond of `epoll_wait`.

mod arrival;
mod clock;
mod paired;
mod stamp;
mod timer;

pub use arrival::{Arrival, ArrivalSource};
pub use clock::{Monotonic, Realtime, thread_cpu_nanos};
pub use paired::{ClockReading, MAX_READING_WIDTH_NANOS, Observation, PairedClock, STEP_NANOS};
pub use stamp::{Received, StampKeeper, enable_receive_stamps, recv_stamped};
pub use timer::DeadlineTimer;
