//! Reading ahead on a thread of its own: a long log is read on one core while what it says is made sense of on another.

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::vec;

/// Items that are handed over at once: each handing over may wake the other thread.
const BATCH: usize = 32;
/// Batches that are read ahead, at most. Of usual lines that is a fraction of a megabyte, of the longest that a run writes some hundred.
const BATCHES_AHEAD: usize = 4;

/// Items that a thread takes from an iterator before they are asked for. The thread ends when this is dropped.
pub(super) struct Ahead<T> {
    batch: vec::IntoIter<T>,
    batches: Receiver<Vec<T>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Ahead<T> {
    /// Begins to read.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub(super) fn of(items: impl Iterator<Item = T> + Send + 'static) -> io::Result<Self> {
        let (sender, batches) = sync_channel(BATCHES_AHEAD);
        let thread = Builder::new()
            .name("read-ahead".to_owned())
            .spawn(move || hand_over(items, &sender))?;
        Ok(Self {
            batch: Vec::new().into_iter(),
            batches,
            thread: Some(thread),
        })
    }
}

fn hand_over<T>(mut items: impl Iterator<Item = T>, sender: &SyncSender<Vec<T>>) {
    loop {
        let batch: Vec<T> = items.by_ref().take(BATCH).collect();
        // Nobody takes any more where the other side is gone.
        if batch.is_empty() || sender.send(batch).is_err() {
            return;
        }
    }
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
            let mut ahead = Ahead::of(0..count).unwrap();
            assert!(ahead.by_ref().eq(0..count));
            assert_eq!(ahead.next(), None);
        }
    }

    #[test]
    fn one_that_is_dropped_reads_no_further() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let endless = (0_u64..).inspect(move |_| sender.send(()).unwrap());
        let mut ahead = Ahead::of(endless).unwrap();
        assert_eq!(ahead.next(), Some(0));
        drop(ahead);
        // The channel ends with the iterator, which is with the thread.
        let read = receiver.iter().count();
        assert!(read <= (BATCHES_AHEAD + 3) * BATCH, "{read}");
    }

    #[test]
    fn a_panic_is_none_the_less_one() {
        let items = (0..10).inspect(|number| assert!(*number < 5, "too much"));
        let ahead = Ahead::of(items).unwrap();
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ahead.count()));
        assert!(panic.is_err());
    }
}
