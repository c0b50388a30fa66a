//! Records on their way to disk, off the hot path.

use std::collections::VecDeque;
use std::sync::mpsc::{SyncSender, TrySendError};

use hpcbench_records::Record;
use hpcbench_timing::Monotonic;

/// Records that are handed over together.
const BATCH_RECORDS: usize = 128;

/// Longest time that a record waits for others, nanoseconds.
const MAX_BATCH_AGE: i64 = 200_000_000;

/// Memory that records may take which the disk has not kept up with, per thread.
const MAX_WAITING_BYTES: usize = 256 * 1024 * 1024;

/// Rough size of a record without its events.
const RECORD_BYTES: usize = 640;

/// Size of one event of a stream in memory.
const EVENT_BYTES: usize = 38;

/// A batch for the writer: the thread that it comes from, and its records.
pub(crate) type Batch = (u16, Vec<Record>);

/// Why records cannot be handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SinkError {
    /// The disk is so slow that the waiting records would fill the memory.
    TooSlow,
    /// The writer has ended, after an error of its own.
    Closed,
}

/// Collects a thread's records and hands them to the writer without ever waiting for it.
#[derive(Debug)]
pub(super) struct RecordSink {
    thread: u16,
    writer: SyncSender<Batch>,
    batch: Vec<Record>,
    oldest: Monotonic,
    /// Full batches that the writer had no room for, and their bytes.
    waiting: VecDeque<(usize, Vec<Record>)>,
    waiting_bytes: usize,
    batch_bytes: usize,
}

impl RecordSink {
    pub(super) fn new(thread: u16, writer: SyncSender<Batch>) -> Self {
        Self {
            thread,
            writer,
            batch: Vec::with_capacity(BATCH_RECORDS),
            oldest: Monotonic(0),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            batch_bytes: 0,
        }
    }

    /// Takes a record.
    pub(super) fn push(&mut self, record: Record, now: Monotonic) -> Result<(), SinkError> {
        if self.batch.is_empty() {
            self.oldest = now;
        }
        let text_bytes = record.output_text.as_ref().map_or(0, String::len);
        self.batch_bytes += RECORD_BYTES + record.events.len() * EVENT_BYTES + text_bytes;
        self.batch.push(record);
        if self.batch.len() >= BATCH_RECORDS {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Hands over what has waited long enough.
    pub(super) fn tick(&mut self, now: Monotonic) -> Result<(), SinkError> {
        let old = !self.batch.is_empty() && now.nanos_since(self.oldest) > MAX_BATCH_AGE;
        if old || !self.waiting.is_empty() {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.close_batch();
        while let Some((bytes, batch)) = self.waiting.pop_front() {
            match self.writer.try_send((self.thread, batch)) {
                Ok(()) => self.waiting_bytes -= bytes,
                Err(TrySendError::Full((_, batch))) => {
                    self.waiting.push_front((bytes, batch));
                    break;
                }
                Err(TrySendError::Disconnected(_)) => return Err(SinkError::Closed),
            }
        }
        if self.waiting_bytes > MAX_WAITING_BYTES {
            Err(SinkError::TooSlow)
        } else {
            Ok(())
        }
    }

    /// Takes a record after the measurement, when waiting for the writer does no harm.
    pub(super) fn push_patiently(&mut self, record: Record) -> Result<(), SinkError> {
        self.batch.push(record);
        if self.batch.len() >= BATCH_RECORDS {
            self.finish()
        } else {
            Ok(())
        }
    }

    /// Hands over everything, however long it takes.
    pub(super) fn finish(&mut self) -> Result<(), SinkError> {
        self.close_batch();
        self.waiting_bytes = 0;
        for (_, batch) in self.waiting.drain(..) {
            self.writer
                .send((self.thread, batch))
                .map_err(|_| SinkError::Closed)?;
        }
        Ok(())
    }

    fn close_batch(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH_RECORDS));
        let bytes = std::mem::take(&mut self.batch_bytes);
        self.waiting_bytes += bytes;
        self.waiting.push_back((bytes, batch));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use hpcbench_records::{Phase, Status, StreamEvents, Times, TokenUsage};

    use super::*;

    fn record(events: usize) -> Record {
        let events = StreamEvents {
            t: vec![0; events],
            ..StreamEvents::default()
        };
        Record {
            request_id: String::new(),
            seq: 0,
            node: String::new(),
            thread: 0,
            endpoint: 0,
            conversation: None,
            turn: 0,
            prompt_id: 0,
            phase: Phase::Window,
            cohort: true,
            stream: true,
            times: Times::default(),
            conn_id: 0,
            conn_reused: false,
            retries: 0,
            status: Status::Ok,
            error_kind: None,
            error_text: None,
            http_status: None,
            finish_reason: None,
            tokens: TokenUsage::default(),
            bytes_sent: 0,
            bytes_received: 0,
            server_ns: std::collections::BTreeMap::default(),
            output_text: None,
            events,
        }
    }

    #[test]
    fn records_go_in_batches_or_after_a_while() {
        let (sender, batches) = sync_channel(4);
        let mut sink = RecordSink::new(3, sender);
        for _ in 0..BATCH_RECORDS - 1 {
            sink.push(record(0), Monotonic(0)).unwrap();
        }
        sink.tick(Monotonic(MAX_BATCH_AGE)).unwrap();
        assert!(batches.try_recv().is_err());
        sink.push(record(0), Monotonic(0)).unwrap();
        assert_eq!(
            batches.try_recv().map(|(thread, batch)| (thread, batch.len())),
            Ok((3, BATCH_RECORDS))
        );
        sink.push(record(0), Monotonic(10)).unwrap();
        sink.tick(Monotonic(11 + MAX_BATCH_AGE)).unwrap();
        assert_eq!(batches.try_recv().unwrap().1.len(), 1);
    }

    #[test]
    fn a_slow_writer_is_never_waited_for_and_nothing_is_lost() {
        let (sender, batches) = sync_channel(1);
        let mut sink = RecordSink::new(0, sender);
        for _ in 0..3 * BATCH_RECORDS {
            sink.push(record(0), Monotonic(0)).unwrap();
        }
        assert_eq!(batches.try_recv().unwrap().1.len(), BATCH_RECORDS);
        sink.tick(Monotonic(0)).unwrap();
        assert_eq!(batches.try_recv().unwrap().1.len(), BATCH_RECORDS);
        sink.finish().unwrap();
        assert_eq!(batches.try_recv().unwrap().1.len(), BATCH_RECORDS);
    }

    #[test]
    fn a_writer_that_is_too_slow_or_gone_is_an_error() {
        let (sender, batches) = sync_channel(1);
        let mut sink = RecordSink::new(0, sender);
        let large = MAX_WAITING_BYTES / EVENT_BYTES / BATCH_RECORDS + 1;
        let result = (0..3 * BATCH_RECORDS).try_for_each(|_| sink.push(record(large), Monotonic(0)));
        assert_eq!(result, Err(SinkError::TooSlow));
        drop(batches);
        assert_eq!(sink.tick(Monotonic(0)), Err(SinkError::Closed));
    }
}
