//! The orchestrator's way: a report comes out of the REPORTS stream, its event is appended to a real journal, and once the journal's
//! thread has told that it is synced, the orchestrator's own publisher hands it to the EVENTS stream, whose acknowledgement
//! ends the time. Only the decision is not part of it: one event is what each report comes to. Agents are those of the bus, on a
//! thread of their own, since they are other processes: the next report follows the receipt of the last.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hpcbench_core::event::Draft;
use hpcbench_core::message::ReportId;
use hpcbench_core::{Actor, Epoch, Seq, Timestamp};
use hpcbench_journal::{DirStorage, Entry, Journal, Opening, SyncOutcome};
use hpcbench_nats::{Agent, AgentBus, Incoming, Receipt, Report};
use serde_json::Map;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use crate::DATA;
use crate::publisher::{LogReader, Publisher};
use crate::server::{PATIENCE, Server, node};
use crate::slot::BusSlot;

/// Since a report's arrival.
#[derive(Default)]
pub(crate) struct Times {
    pub(crate) synced: Vec<Duration>,
    pub(crate) published: Vec<Duration>,
}

impl Times {
    pub(crate) fn add(&mut self, other: Self) {
        self.synced.extend(other.synced);
        self.published.extend(other.published);
    }
}

/// Lets so many agents report.
pub(crate) async fn times(server: &Server, root: &Path, nodes: usize, turn: Duration) -> Times {
    let dir = tempfile::tempdir_in(root).unwrap();
    let (synced, told) = mpsc::unbounded_channel();
    let journal = open(dir.path(), synced);
    let bus = server.orchestrator().await;
    bus.catch_up(Seq(1), &LogReader::new(dir.path().to_path_buf()))
        .await
        .unwrap();
    let reports = bus.reports().await.unwrap();
    let slot = BusSlot::new();
    slot.fill(bus);
    let publisher = Rc::new(Publisher::start(dir.path().to_path_buf(), slot));
    let until = Instant::now() + turn;
    let mut agents = Vec::new();
    for index in 0..nodes {
        agents.push(report_until(server.agent(node(index)), until));
    }
    let done = on_their_own_thread(agents);
    let way = Way {
        journal,
        publisher,
        waiting: VecDeque::new(),
        times: Rc::default(),
    };
    way.go(reports, told, done).await
}

/// Runs these until all have ended, which the receiver is told.
fn on_their_own_thread<F>(agents: Vec<F>) -> oneshot::Receiver<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (ended, done) = oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(futures::future::join_all(agents));
        // Whoever waits for it is there until then.
        let _ = ended.send(());
    });
    done
}

async fn report_until(agent: impl Future<Output = Agent>, until: Instant) {
    let agent = agent.await;
    let mut id = ReportId {
        boot: format!("{}-1-1-1", agent.node()),
        counter: 0,
    };
    while Instant::now() < until {
        id.counter += 1;
        let payload = DATA.into();
        agent
            .report(Actor::ClientPool, &id, payload, PATIENCE)
            .await
            .unwrap();
    }
}

pub(crate) fn open(run_dir: &Path, synced: mpsc::UnboundedSender<Vec<Arc<Entry>>>) -> Journal {
    let opening = Opening {
        node: node(0),
        actor: "orchestrator".to_owned(),
        correlation: "run".to_owned(),
        data: Map::new(),
        dead_through: Epoch(u32::MAX),
        clock: &|| Timestamp::from_micros(1_764_016_496_000_000),
        wait: &mut |_| {},
        history: &mut drop,
    };
    let on_sync = Box::new(move |outcome| match outcome {
        SyncOutcome::Synced { entries, .. } => drop(synced.send(entries)),
        other => panic!("{other:?}"),
    });
    Journal::open(Arc::new(DirStorage::new(run_dir)), opening, on_sync)
        .unwrap()
        .journal
}

/// The orchestrator's part.
struct Way {
    journal: Journal,
    publisher: Rc<Publisher>,
    /// Reports whose event is not synced yet.
    waiting: VecDeque<(Seq, Instant, Receipt)>,
    times: Rc<RefCell<Times>>,
}

impl Way {
    async fn go(
        mut self,
        mut reports: Incoming<Report>,
        mut told: mpsc::UnboundedReceiver<Vec<Arc<Entry>>>,
        done: impl Future,
    ) -> Times {
        let mut done = std::pin::pin!(done);
        loop {
            tokio::select! {
                report = reports.next() => self.append(report.unwrap()),
                entries = told.recv() => self.synced(entries.unwrap()),
                _ = &mut done => break,
            }
        }
        let head = self.journal.head().seq;
        self.publisher.flush(head, PATIENCE).await;
        // Their tasks are told of it in the same turn as this one.
        while Rc::strong_count(&self.times) > 1 {
            tokio::task::yield_now().await;
        }
        self.journal.close().unwrap();
        self.times.take()
    }

    fn append(&mut self, report: Report) {
        let arrived = Instant::now();
        let draft = Draft {
            at: Timestamp::from_micros(1_764_016_496_000_000),
            kind: "trial.prepared".to_owned(),
            version: 1,
            actor: report.actor.as_str().to_owned(),
            node: report.node,
            correlation: "trial/0123456789ab-r1/1".to_owned(),
            causation: Some(Seq(1)),
            data: RawValue::from_string(DATA.to_owned()).unwrap(),
        };
        let entries = self.journal.append(vec![draft]).unwrap();
        self.waiting
            .push_back((entries[0].event.seq, arrived, report.receipt));
    }

    fn synced(&mut self, entries: Vec<Arc<Entry>>) {
        let Some(through) = entries.last().map(|entry| entry.event.seq) else {
            return;
        };
        self.publisher.publish(entries);
        while let Some((seq, arrived, receipt)) = self.waiting.pop_front_if(|(seq, ..)| *seq <= through) {
            self.times.borrow_mut().synced.push(arrived.elapsed());
            actix::spawn(async move { drop(receipt.acknowledge().await) });
            let (publisher, times) = (Rc::clone(&self.publisher), Rc::clone(&self.times));
            actix::spawn(async move {
                publisher.flush(seq, PATIENCE).await;
                times.borrow_mut().published.push(arrived.elapsed());
            });
        }
    }
}
