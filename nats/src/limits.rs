//! Every limit of the bus, by name.

use std::time::Duration;

/// Largest payload of a message, in bytes. Larger data goes into side files.
pub const MAX_PAYLOAD: usize = 1024 * 1024;

/// Longest event type, in bytes.
pub const MAX_EVENT_TYPE_LENGTH: usize = 96;

/// Largest size of the EVENTS stream, in bytes. Beyond it the oldest events leave the cache; the log keeps them.
pub const MAX_EVENTS_BYTES: i64 = 128 * 1024 * 1024;

/// Largest size of the REPORTS stream, in bytes. Beyond it agents keep their reports and try again.
pub const MAX_REPORTS_BYTES: i64 = 64 * 1024 * 1024;

/// Most consumers of the EVENTS stream at one time: each observer holds one.
pub const MAX_OBSERVERS: i32 = 256;

/// Events that may be published without an acknowledgement yet.
pub const PUBLISH_WINDOW: usize = 256;

/// How often a stream that should be empty and is not is made anew.
pub const MAX_CREATIONS: usize = 5;

/// Log lines that one step of a catch-up reads.
pub const CATCH_UP_BATCH: usize = 1024;

/// Messages that wait in a subscription before the client drops new ones.
pub const SUBSCRIPTION_CAPACITY: usize = 8192;

/// Operations that wait for the connection's writer.
pub const CLIENT_CAPACITY: usize = 2048;

/// Reports that may be delivered and not acknowledged yet.
pub const MAX_REPORTS_IN_FLIGHT: i64 = 1024;

/// How long a delivered report may stay without acknowledgement before it is delivered again.
pub const REPORT_ACK_WAIT: Duration = Duration::from_secs(10);

/// First and longest wait for a report's receipt before the report is sent again. It doubles each time, so that an
/// orchestrator whose disk stalls does not find the stream full of copies.
pub const RECEIPT_WAIT: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(15));

/// How long whoever is asked may take to answer; later answers are refused.
pub const MAX_ANSWER_DELAY: Duration = Duration::from_mins(1);

/// How long JetStream may take to answer one request or to acknowledge one message.
pub const JETSTREAM_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a message may wait for room in the connection's queue.
pub const ENQUEUE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long one attempt to connect may take.
pub const CONNECT_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// Shortest and longest pause between two attempts to connect.
pub const RECONNECT_DELAY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How often an idle connection proves that the other end lives.
pub const PING_INTERVAL: Duration = Duration::from_secs(10);

/// How long one pull request to a stream stays open; a lost one is noticed after [`PULL_HEARTBEAT`].
pub const PULL_EXPIRY: Duration = Duration::from_secs(30);

/// How often nats-server proves that an idle pull request lives.
pub const PULL_HEARTBEAT: Duration = Duration::from_secs(5);

/// Pause before a failed stream is opened again.
pub const REOPEN_DELAY: Duration = Duration::from_millis(200);

/// Largest `bus.json`, in bytes.
pub const MAX_RENDEZVOUS_BYTES: u64 = 64 * 1024;

/// Room for a message's headers, in bytes: nats-server counts them as payload.
pub const HEADER_ROOM: usize = 4096;

/// Reports that one pull request asks for.
pub const REPORTS_PER_PULL: usize = 128;

/// Events that one pull request of an observer asks for.
pub const EVENTS_PER_PULL: usize = 512;

/// How long nats-server keeps an observer's consumer that nobody asks.
pub const OBSERVER_IDLE: Duration = Duration::from_mins(1);

/// Disk space for all streams, in bytes.
pub const MAX_FILE_STORE: u64 = 256 * 1024 * 1024;

/// Memory for the observers' consumers, in bytes.
pub const MAX_MEMORY_STORE: u64 = 32 * 1024 * 1024;

/// Pause between two looks for a starting nats-server.
pub const READY_POLL: Duration = Duration::from_millis(5);

/// Largest first line of nats-server on a new connection, in bytes.
pub const MAX_INFO_LINE: usize = 64 * 1024;
