//! Rows on nodes, their clients and the service.

use std::path::Path;

use hpcbench_core::event::{Body, Event, ServiceImage};

use super::{Story, Timeline};
use crate::words::{Colour, after_readiness, bytes, count, seconds};

impl Timeline {
    pub(super) fn take_node(&mut self, event: &Event) {
        match &event.body {
            Body::AgentRequested(e) => {
                let text = format!("{}{}", e.node, start(e.launch));
                self.begin(Story::Agent(e.node.clone()), event, text);
            }
            Body::NodeJoined(e) => {
                let (cpus, memory) = (count(e.facts.cpus.into(), "CPU"), bytes(e.facts.memory_bytes));
                let text = format!(
                    "{} on {}: {cpus}, {memory}, Linux {}",
                    e.node, e.facts.host, e.facts.kernel
                );
                self.end(&Story::Agent(e.node.clone()), event, text);
            }
            Body::NodeLost(e) => {
                // What it was about to do is never completed.
                for story in [Story::Collection, Story::Leaving, Story::Client] {
                    self.give_up(&story(e.node.clone()));
                }
                let text = format!("{}: {}", e.node, e.reason);
                self.end(&Story::Agent(e.node.clone()), event, text)
                    .paint(Colour::Bad);
            }
            Body::CollectionRequested(e) => {
                self.begin(
                    Story::Collection(e.node.clone()),
                    event,
                    format!("logs of {}", e.node),
                );
            }
            Body::CollectionStarted(e) => {
                let text = format!("logs of {}: {}", e.node, e.categories.join(", "));
                self.end(&Story::Collection(e.node.clone()), event, text);
            }
            Body::CollectionStopRequested(e) => {
                self.begin(Story::Leaving(e.node.clone()), event, e.node.to_string());
            }
            Body::CollectionStopped(e) => {
                let dropped = match e.dropped_bytes {
                    0 => String::new(),
                    dropped => format!(", {} given up", bytes(dropped)),
                };
                let text = format!("{}: {} of logs{dropped}", e.node, count(e.lines, "line"));
                self.go_on(Story::Leaving(e.node.clone()), event, Some(text));
            }
            Body::NodeLeft(e) => {
                let story = Story::Leaving(e.node.clone());
                let open = self.open.get(&story);
                let text = open.map_or_else(|| e.node.to_string(), |row| row.text.clone());
                self.end(&story, event, text);
            }
            Body::ClientRequested(e) => {
                let endpoints = count(e.endpoints.len() as u64, "endpoint");
                let text = format!("clients on {} try {endpoints}", e.node);
                self.begin(Story::Client(e.node.clone()), event, text);
            }
            Body::ClientConnected(e) => {
                let endpoints = count(e.probes.len() as u64, "endpoint");
                let text = format!("clients on {} reach {endpoints}", e.node);
                self.end(&Story::Client(e.node.clone()), event, text);
            }
            Body::ClientFailed(e) => {
                let text = format!("clients on {}: {}", e.node, e.reason);
                self.end(&Story::Client(e.node.clone()), event, text)
                    .paint(Colour::Bad);
            }
            _ => {}
        }
    }

    pub(super) fn take_service(&mut self, event: &Event) {
        match &event.body {
            Body::ServiceRequested(e) => {
                let of = match &e.rank {
                    Some(rank) if rank.head != e.instance => format!(" for {}", rank.head),
                    _ => String::new(),
                };
                let text = format!("{} on {}{of}{}", e.instance, e.node, start(e.launch));
                self.begin(Story::Service(e.instance.clone()), event, text);
            }
            Body::ServiceLaunched(e) => {
                let process = e
                    .pid
                    .map_or_else(|| "runs already".to_owned(), |pid| format!("process {pid}"));
                let image = e.image.as_ref().map_or_else(String::new, image_words);
                let text = format!("{}, {process}{image}{}", e.instance, start(e.launch));
                self.images.insert(e.instance.clone(), image);
                self.go_on(Story::Service(e.instance.clone()), event, Some(text));
            }
            Body::ServiceReady(e) => {
                let (after, at) = (seconds(e.seconds), e.endpoints.join(", "));
                let text = format!(
                    "{} at {at}, {after} after its launch{}{}{}",
                    e.instance,
                    after_readiness(e),
                    self.images.remove(&e.instance).unwrap_or_default(),
                    start(e.launch)
                );
                self.end(&Story::Service(e.instance.clone()), event, text)
                    .paint(Colour::Good);
            }
            Body::ServiceFailed(e) => {
                let text = format!("{}{}: {}", e.instance, start(e.launch), e.reason);
                let row = self.end(&Story::Service(e.instance.clone()), event, text);
                row.paint(Colour::Bad);
                row.add_log(&e.log_tail);
            }
            Body::ServiceStopRequested(e) => {
                self.begin(
                    Story::ServiceStop(e.instance.clone()),
                    event,
                    e.instance.to_string(),
                );
            }
            Body::ServiceExited(e) if e.expected => {
                let text = format!("{} with {}", e.instance, e.how);
                self.end(&Story::ServiceStop(e.instance.clone()), event, text);
            }
            Body::ServiceExited(e) => {
                let text = format!("{} unasked with {}", e.instance, e.in_words());
                let row = self.end(&Story::Service(e.instance.clone()), event, text);
                row.paint(Colour::Bad);
                row.add_log(&e.log_tail);
            }
            _ => {}
        }
    }
}

/// The image's name and the beginning of its digest.
fn image_words(image: &ServiceImage) -> String {
    const DIGITS: usize = 12;
    let name = Path::new(&image.path).file_name().unwrap_or_default();
    let digest = image
        .sha256
        .as_deref()
        .map_or("a sandbox", |digits| digits.get(..DIGITS).unwrap_or(digits));
    format!(", image {} ({digest})", name.to_string_lossy())
}

/// Which start it is, from the second on.
fn start(launch: u32) -> String {
    if launch > 1 {
        format!(", start {launch}")
    } else {
        String::new()
    }
}
