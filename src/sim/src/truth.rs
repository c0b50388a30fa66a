//! What the service really did, request by request, so that a client's measurements can be checked against it.
//!
//! Memory is bounded: the oldest requests are dropped first, and of the kept ones the oldest lose their send times.

use std::collections::{HashMap, VecDeque};

use hpcbench_timing::Realtime;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::scheduler::Peaks;

/// Most send times that are kept over all requests: 32 MB.
pub(crate) const MAX_SENDS: usize = 4_000_000;

/// Names a request in the ring; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TruthKey(u64);

/// Where the arrival time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StampSource {
    /// The kernel's receive stamp.
    Kernel,
    /// The time of the read.
    Read,
}

/// How far a request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Waiting,
    Running,
    /// The response was written to its end.
    Completed,
    /// It was answered with an error, or the stream carried one.
    Error,
    /// The service cut the connection.
    Cut,
    /// The client went away.
    Aborted,
}

/// One request. Times are `CLOCK_REALTIME` in nanoseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    #[serde(skip)]
    id: String,
    endpoint: &'static str,
    /// HTTP status; null when the connection was closed without one.
    status: Option<u16>,
    outcome: Outcome,
    arrival_ns: i64,
    stamp_source: StampSource,
    /// Time in the queue; null while it waits.
    queued_ns: Option<i64>,
    /// Immediately before the write that carried the first token.
    first_sent_ns: Option<i64>,
    last_sent_ns: Option<i64>,
    input_tokens: u32,
    tokens: u32,
    /// Writes that carried tokens.
    chunks: u32,
    /// How late the latest of these writes was against the schedule.
    max_late_ns: i64,
    #[serde(skip)]
    sends: Vec<i64>,
}

/// Sums over all requests since the last reset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Totals {
    pub(crate) requests: u64,
    pub(crate) tokens: u64,
    pub(crate) completed: u64,
    pub(crate) errors: u64,
    pub(crate) cut: u64,
    pub(crate) aborted: u64,
    /// Requests that are no longer kept.
    pub(crate) dropped: u64,
    /// Requests that are kept without their send times.
    pub(crate) sends_dropped: u64,
}

/// A request as it arrived.
#[derive(Debug)]
pub(crate) struct NewEntry {
    pub(crate) id: String,
    pub(crate) endpoint: &'static str,
    pub(crate) arrival: Realtime,
    pub(crate) source: StampSource,
    pub(crate) input_tokens: u32,
}

/// The ring of requests.
#[derive(Debug)]
pub(crate) struct Truth {
    entries: VecDeque<Entry>,
    /// Key of the oldest entry that is kept.
    base: u64,
    /// Key of the oldest entry that still has its send times.
    sends_base: u64,
    sends: usize,
    limit: usize,
    send_limit: usize,
    totals: Totals,
    /// Older keys are from before the last reset.
    reset_at: u64,
}

impl Truth {
    pub(crate) fn new(limit: usize, send_limit: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            base: 0,
            sends_base: 0,
            sends: 0,
            limit,
            send_limit,
            totals: Totals::default(),
            reset_at: 0,
        }
    }

    /// Enters a request that waits.
    pub(crate) fn arrive(&mut self, new: NewEntry) -> TruthKey {
        if self.entries.len() >= self.limit {
            self.drop_oldest();
        }
        self.totals.requests += 1;
        let key = TruthKey(self.base + self.entries.len() as u64);
        self.entries.push_back(Entry {
            id: new.id,
            endpoint: new.endpoint,
            status: None,
            outcome: Outcome::Waiting,
            arrival_ns: new.arrival.0,
            stamp_source: new.source,
            queued_ns: None,
            first_sent_ns: None,
            last_sent_ns: None,
            input_tokens: new.input_tokens,
            tokens: 0,
            chunks: 0,
            max_late_ns: 0,
            sends: Vec::new(),
        });
        key
    }

    /// The request enters the batch after `queued` nanoseconds.
    pub(crate) fn admit(&mut self, key: TruthKey, queued: i64) {
        if let Some(entry) = self.entry(key) {
            entry.outcome = Outcome::Running;
            entry.queued_ns = Some(queued);
        }
    }

    /// Tokens are written at `wall`, `late` nanoseconds after they were due.
    pub(crate) fn sent(&mut self, key: TruthKey, wall: Realtime, tokens: u32, late: i64) {
        if key.0 < self.reset_at {
            return;
        }
        self.totals.tokens += u64::from(tokens);
        let Some(entry) = self.entry(key) else { return };
        entry.first_sent_ns.get_or_insert(wall.0);
        entry.last_sent_ns = Some(wall.0);
        entry.tokens += tokens;
        entry.chunks += 1;
        entry.max_late_ns = entry.max_late_ns.max(late);
        if key.0 >= self.sends_base {
            if let Some(entry) = self.entry(key) {
                entry.sends.push(wall.0);
            }
            self.sends += 1;
            self.forget_sends();
        }
    }

    /// The request is over.
    pub(crate) fn finish(&mut self, key: TruthKey, outcome: Outcome, status: Option<u16>) {
        if key.0 < self.reset_at {
            return;
        }
        match outcome {
            Outcome::Completed => self.totals.completed += 1,
            Outcome::Error => self.totals.errors += 1,
            Outcome::Cut => self.totals.cut += 1,
            Outcome::Aborted => self.totals.aborted += 1,
            Outcome::Waiting | Outcome::Running => {}
        }
        if let Some(entry) = self.entry(key) {
            entry.outcome = outcome;
            entry.status = status;
        }
    }

    /// Forgets everything. Requests that are under way are no longer followed.
    pub(crate) fn reset(&mut self) {
        self.base += self.entries.len() as u64;
        (self.sends_base, self.reset_at) = (self.base, self.base);
        self.sends = 0;
        self.entries.clear();
        self.totals = Totals::default();
    }

    /// The whole truth as JSON.
    pub(crate) fn to_json(&self, peaks: Peaks, running: usize, waiting: usize, with_sends: bool) -> Vec<u8> {
        let document = Document {
            max_concurrency: peaks.concurrency,
            max_running: peaks.running,
            max_waiting: peaks.waiting,
            running,
            waiting,
            totals: self.totals,
            requests: Requests {
                truth: self,
                with_sends,
            },
        };
        // Strings and numbers always serialise.
        serde_json::to_vec(&document).unwrap_or_default()
    }

    fn entry(&mut self, key: TruthKey) -> Option<&mut Entry> {
        let place = key.0.checked_sub(self.base)?;
        self.entries.get_mut(usize::try_from(place).ok()?)
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.entries.pop_front() else {
            return;
        };
        self.sends -= oldest.sends.len();
        self.base += 1;
        self.sends_base = self.sends_base.max(self.base);
        self.totals.dropped += 1;
    }

    fn forget_sends(&mut self) {
        while self.sends > self.send_limit {
            let place = (self.sends_base - self.base) as usize;
            let Some(entry) = self.entries.get_mut(place) else {
                return;
            };
            self.sends -= std::mem::take(&mut entry.sends).len();
            self.sends_base += 1;
            self.totals.sends_dropped += 1;
        }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    max_concurrency: usize,
    max_running: usize,
    max_waiting: usize,
    running: usize,
    waiting: usize,
    totals: Totals,
    requests: Requests<'a>,
}

struct Requests<'a> {
    truth: &'a Truth,
    with_sends: bool,
}

#[derive(Serialize)]
struct WithSends<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    /// Null when they were dropped.
    sends: Option<&'a [i64]>,
}

impl Serialize for Requests<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.truth.entries.len()))?;
        let mut seen: HashMap<&str, u32> = HashMap::with_capacity(self.truth.entries.len());
        for (key, entry) in (self.truth.base..).zip(&self.truth.entries) {
            let times = seen.entry(&entry.id).or_default();
            *times += 1;
            // An id that a client used again: the later ones are told apart.
            match *times {
                1 => map.serialize_key(&entry.id)?,
                again => map.serialize_key(&format_args!("{}#{again}", entry.id))?,
            }
            if self.with_sends {
                let sends = (key >= self.truth.sends_base).then_some(&entry.sends[..]);
                map.serialize_value(&WithSends { entry, sends })?;
            } else {
                map.serialize_value(entry)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn new(id: &str) -> NewEntry {
        NewEntry {
            id: id.to_owned(),
            endpoint: "/v1/completions",
            arrival: Realtime(100),
            source: StampSource::Kernel,
            input_tokens: 3,
        }
    }

    fn shown(truth: &Truth, with_sends: bool) -> Value {
        serde_json::from_slice(&truth.to_json(Peaks::default(), 1, 2, with_sends)).unwrap()
    }

    #[test]
    fn follows_a_request() {
        let mut truth = Truth::new(10, 10);
        let key = truth.arrive(new("r"));
        truth.admit(key, 5);
        truth.sent(key, Realtime(150), 1, 2);
        truth.sent(key, Realtime(160), 2, 1);
        truth.finish(key, Outcome::Completed, Some(200));
        let mut expected = json!({
            "endpoint": "/v1/completions", "status": 200, "outcome": "completed", "arrival_ns": 100,
            "stamp_source": "kernel", "queued_ns": 5, "first_sent_ns": 150, "last_sent_ns": 160, "input_tokens": 3,
            "tokens": 3, "chunks": 2, "max_late_ns": 2,
        });
        assert_eq!(shown(&truth, false)["requests"]["r"], expected);
        expected["sends"] = json!([150, 160]);
        assert_eq!(shown(&truth, true)["requests"]["r"], expected);
        let totals = truth.totals;
        assert_eq!((totals.requests, totals.tokens, totals.completed), (1, 3, 1));
    }

    #[test]
    fn an_id_used_again_is_told_apart() {
        let mut truth = Truth::new(10, 10);
        for id in ["a", "a", "b", "a"] {
            truth.arrive(new(id));
        }
        let value = shown(&truth, false);
        let keys: Vec<_> = value["requests"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, ["a", "a#2", "b", "a#3"]);
    }

    #[test]
    fn the_oldest_go_first_and_are_counted() {
        let mut truth = Truth::new(2, 3);
        let keys: Vec<_> = ["a", "b", "c"].map(|id| truth.arrive(new(id))).into();
        assert_eq!(truth.totals.dropped, 1);
        truth.sent(keys[0], Realtime(1), 1, 0);
        for wall in 2..5 {
            truth.sent(keys[1], Realtime(wall), 1, 0);
        }
        truth.sent(keys[2], Realtime(5), 1, 0);
        let value = shown(&truth, true);
        assert_eq!(value["requests"]["b"]["sends"], Value::Null);
        assert_eq!(value["requests"]["b"]["tokens"], 3);
        assert_eq!(value["requests"]["c"]["sends"], json!([5]));
        assert_eq!((truth.totals.tokens, truth.totals.sends_dropped), (5, 1));
    }

    #[test]
    fn reset_forgets_what_is_under_way() {
        let mut truth = Truth::new(10, 10);
        let key = truth.arrive(new("a"));
        truth.reset();
        truth.arrive(new("b"));
        truth.admit(key, 9);
        truth.sent(key, Realtime(1), 1, 0);
        truth.finish(key, Outcome::Completed, Some(200));
        let value = shown(&truth, false);
        assert_eq!(value["requests"]["b"]["outcome"], "waiting");
        let totals = truth.totals;
        assert_eq!((totals.requests, totals.tokens, totals.completed), (1, 0, 0));
    }

    proptest! {
        #[test]
        fn memory_stays_bounded(
            limit in 1..6_usize,
            send_limit in 0..8_usize,
            operations in proptest::collection::vec((0..3_u8, 0..20_u64), 0..200),
        ) {
            let mut truth = Truth::new(limit, send_limit);
            let mut next = 0;
            for (kind, key) in operations {
                match kind {
                    0 => { truth.arrive(new("x")); next += 1; }
                    1 if key < next => truth.sent(TruthKey(key), Realtime(1), 1, 0),
                    2 if key == 0 => truth.reset(),
                    _ => {}
                }
                let held: usize = truth.entries.iter().map(|entry| entry.sends.len()).sum();
                prop_assert_eq!(held, truth.sends);
                prop_assert!(truth.entries.len() <= limit && held <= send_limit);
            }
        }
    }
}
