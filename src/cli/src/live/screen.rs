//! A handle for everything that has something to say while a run is shown.

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use crate::terminal;

/// Texts that may wait for a slow terminal; what is more is not shown. Warnings are in the log in any case.
pub(super) const MAX_WAITING: usize = 1024;

/// Says things on standard error, above the bars if there are any, without ever waiting for the terminal.
#[derive(Debug, Clone)]
pub(crate) struct Screen(pub(super) Sender<String>);

impl Screen {
    /// Says something. When nothing is shown live any more it is printed at once.
    pub(crate) fn say(&self, text: &str) {
        if let Err(TrySendError::Closed(text)) = self.0.try_send(text.to_owned()) {
            terminal::say(&text);
        }
    }
}
