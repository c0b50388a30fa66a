//! Messages as they arrive.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::stream::{BoxStream, Stream, StreamExt};

/// Messages of one kind, in the order of their arrival. It ends only with the handle that it came from.
pub struct Incoming<T>(BoxStream<'static, T>);

impl<T> Incoming<T> {
    pub(crate) fn new(messages: impl Stream<Item = T> + Send + 'static) -> Self {
        Self(messages.boxed())
    }

    /// The next message; `None` when the handle is gone. Safe to drop before it is ready: no message is lost.
    pub async fn next(&mut self) -> Option<T> {
        self.0.next().await
    }
}

impl<T> Stream for Incoming<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_next_unpin(cx)
    }
}

impl<T> fmt::Debug for Incoming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Incoming")
    }
}
