//! Reading ahead on a thread of its own: a long log is read on one core while what it says is made sense of on another.

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::vec;

/// Items that are handed over at once, at most: each handing over may wake the other thread.
const BATCH: usize = 512;
/// A batch ends with the item that makes it this large, bytes.
const BATCH_BYTES: usize = 256 << 10;
/// Batches that are read ahead, at most: with the two in hand some megabytes, but for lines of megabytes.
const BATCHES_AHEAD: usize = 4;

/// Items that a thread takes from an iterator before they are asked for. The thread ends when this is dropped.
pub(super) struct Ahead<T> {
    batch: vec::IntoIter<T>,
    batches: Receiver<Vec<T>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Ahead<T> {
    /// Begins to read. An item's size in memory is roughly `bytes` of it.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub(super) fn of(
        items: impl Iterator<Item = T> + Send + 'static,
        bytes: fn(&T) -> usize,
    ) -> io::Result<Self> {
        let (sender, batches) = sync_channel(BATCHES_AHEAD);
        let thread = Builder::new()
            .name("read-ahead".to_owned())
            .spawn(move || hand_over(items, bytes, &sender))?;
        Ok(Self {
            batch: Vec::new().into_iter(),
            batches,
            thread: Some(thread),
        })
    }
}

fn hand_over<T>(mut items: impl Iterator<Item = T>, bytes: fn(&T) -> usize, sender: &SyncSender<Vec<T>>) {
    loop {
        let batch = next_batch(&mut items, bytes);
        // Nobody takes any more where the other side is gone.
        if batch.is_empty() || sender.send(batch).is_err() {
            return;
        }
    }
}

fn next_batch<T>(items: &mut impl Iterator<Item = T>, bytes: fn(&T) -> usize) -> Vec<T> {
    let mut batch = Vec::new();
    let mut room = BATCH_BYTES;
    while room > 0
        && batch.len() < BATCH
        && let Some(item) = items.next()
    {
        room = room.saturating_sub(bytes(&item));
        batch.push(item);
    }
    batch
}

impl<T> Iterator for Ahead<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        loop {
            if let Some(item) = self.batch.next() {
                return Some(item);
            }
            let Ok(batch) = self.batches.recv() else {
                // A thread that panicked has not read everything.
                let ended = self.thread.take().map_or(Ok(()), JoinHandle::join);
                ended.unwrap_or_else(|panic| resume_unwind(panic));
                return None;
            };
            self.batch = batch.into_iter();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_in_order() {
        for count in [0, 1, BATCH, BATCH + 1, 3_000] {
            let mut ahead = Ahead::of(0..count, |_| 1).unwrap();
            assert!(ahead.by_ref().eq(0..count));
            assert_eq!(ahead.next(), None);
        }
    }

    #[test]
    fn large_items_are_handed_over_alone() {
        let mut sizes = [1, BATCH_BYTES, BATCH_BYTES - 1, 1, 5].into_iter();
        let mut next = || next_batch(&mut sizes, |size| *size);
        assert_eq!(next(), [1, BATCH_BYTES]);
        assert_eq!(next(), [BATCH_BYTES - 1, 1]);
        assert_eq!(next(), [5]);
        assert_eq!(next(), [0; 0]);
    }

    #[test]
    fn one_that_is_dropped_reads_no_further() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let endless = (0_u64..).inspect(move |_| sender.send(()).unwrap());
        let mut ahead = Ahead::of(endless, |_| 1).unwrap();
        assert_eq!(ahead.next(), Some(0));
        drop(ahead);
        // The channel ends with the iterator, which is with the thread.
        let read = receiver.iter().count();
        assert!(read <= (BATCHES_AHEAD + 3) * BATCH, "{read}");
    }

    #[test]
    fn a_panic_is_none_the_less_one() {
        let items = (0..10).inspect(|number| assert!(*number < 5, "too much"));
        let ahead = Ahead::of(items, |_| 1).unwrap();
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ahead.count()));
        assert!(panic.is_err());
    }
}
