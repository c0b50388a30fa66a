//! What nats-server complains about. A refused message shows only here, never as the failure of its publish.

use tokio::sync::watch;

/// The last complaint. One of several that come at once may be overlooked: whoever waits has a time limit too.
#[derive(Debug, Clone)]
pub(super) struct Complaints(watch::Sender<String>);

impl Complaints {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(String::new()))
    }

    pub(super) fn add(&self, text: String) {
        tracing::warn!(complaint = %text, "nats-server refused a message or subscription");
        self.0.send_replace(text);
    }

    /// Starts to listen for complaints about `subject`.
    pub(super) fn about(&self, subject: &str) -> Listener {
        // nats-server quotes the subject: no other one can contain it.
        Listener {
            complaints: self.0.subscribe(),
            needle: format!("\"{subject}\""),
        }
    }
}

/// Listens for complaints about one subject.
pub(super) struct Listener {
    complaints: watch::Receiver<String>,
    needle: String,
}

impl Listener {
    /// Waits for a complaint; for ever if none comes.
    pub(super) async fn heard(mut self) -> String {
        loop {
            if self.complaints.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            let text = self.complaints.borrow_and_update().clone();
            if text.contains(&self.needle) {
                return text;
            }
        }
    }
}
