//! The handle of whoever controls a run from outside.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::link::{Address, Identity, Link};
use crate::subject::Topic;
use crate::{BusError, ControlBus, Pong, Rendezvous};

/// A connection that may ask to cancel a run, and whether its orchestrator is there.
pub struct Control {
    link: Link,
}

impl Control {
    /// Connects within `deadline` to the bus that `run_directory`'s `bus.json` names.
    pub async fn connect(run_directory: &Path, deadline: Duration) -> Result<Self, BusError> {
        let found = Rendezvous::read(run_directory)?;
        let address = Address {
            run: found.run,
            url: found.url,
            directory: run_directory.to_owned(),
        };
        let identity = Identity {
            credential: found.credentials.control,
            renewed: |found| Some(&found.credentials.control),
        };
        Ok(Self {
            link: Link::connect(address, identity, deadline).await?,
        })
    }
}

#[async_trait]
impl ControlBus for Control {
    async fn cancel(&self, payload: Bytes, deadline: Duration) -> Result<Bytes, BusError> {
        self.link
            .ask(&Topic::Cancel.of(self.link.run()), payload, deadline)
            .await
    }

    async fn ping(&self, deadline: Duration) -> Result<Pong, BusError> {
        let subject = Topic::Ping.of(self.link.run());
        let answer = self.link.ask(&subject, Bytes::new(), deadline).await?;
        serde_json::from_slice(&answer).map_err(|source| BusError::Answer {
            what: subject.to_string(),
            source,
        })
    }
}
