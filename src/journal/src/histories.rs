//! Random histories of writers, crashes and takeovers on the simulated disk, each following from a seed.
//!
//! Several writers live at once, as after a network split: each may append, write, look for its successor, be killed;
//! new ones claim epochs while old ones go on writing. Whatever happens: what was acknowledged stays in the
//! history, the log verifies, and a follower ends with the same history as a reader.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use hpcbench_core::event::Draft;
use hpcbench_core::{Epoch, Seq, Timestamp};
use serde_json::Map;
use serde_json::value::to_raw_value;

use crate::commit::{Committer, Stop};
use crate::open::{Begun, Opening, begin};
use crate::sequence::Sequence;
use crate::sim::{Rng, SimDisk};
use crate::{Entry, Followed, Follower, JournalError, LineHash, Reader, Storage, verify_log};

const STEPS: u64 = 40;
/// Of so many events one ends the run.
const ENDS_ONCE_IN: u64 = 20;
/// In each test run; `HPCBENCH_HISTORIES` asks for more, `HPCBENCH_SEED` for one.
const HISTORIES: u64 = 10_000;

struct Writer {
    committer: Committer,
    sequence: Sequence,
    durable: Seq,
    /// The run has ended: it appends nothing more.
    has_ended: bool,
    /// Appended, not yet written.
    waiting: Vec<Arc<Entry>>,
    /// Written and synced; the successor has not been looked for.
    written: Vec<Arc<Entry>>,
}

struct World {
    disk: SimDisk,
    rng: Rng,
    writers: Vec<Writer>,
    /// Epochs that are claimed and whose openers have not gone on yet.
    claims: Vec<Epoch>,
    acknowledged: BTreeMap<Seq, LineHash>,
    follower: Follower,
    followed: Vec<LineHash>,
}

fn draft(rng: &mut Rng, kind: &str) -> Draft {
    let text = "x".repeat(rng.below(700) as usize);
    Draft {
        at: Timestamp::from_micros(rng.below(1 << 50) as i64),
        kind: kind.to_owned(),
        version: 1,
        actor: "orchestrator".to_owned(),
        node: "node".parse().unwrap(),
        correlation: "run".to_owned(),
        causation: None,
        data: to_raw_value(&serde_json::json!({ "text": text })).unwrap(),
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let disk = SimDisk::new(rng.number());
        if rng.below(3) == 0 {
            disk.fail_per_mille(rng.below(60));
        }
        let follower = Follower::over(Arc::new(disk.clone()));
        let (writers, acknowledged, followed) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self {
            disk,
            rng,
            writers,
            claims: Vec::new(),
            acknowledged,
            follower,
            followed,
        }
    }

    fn storage(&self) -> Arc<dyn Storage> {
        Arc::new(self.disk.clone())
    }

    /// One of the living writers does one thing.
    fn write(&mut self) {
        if self.writers.is_empty() {
            return;
        }
        let at = self.rng.below(self.writers.len() as u64) as usize;
        let World {
            rng,
            writers,
            acknowledged,
            ..
        } = self;
        let writer = &mut writers[at];
        let result = match rng.below(4) {
            0 | 1 => {
                for _ in 0..=rng.below(4) {
                    if writer.has_ended {
                        break;
                    }
                    writer.has_ended = rng.below(ENDS_ONCE_IN) == 0;
                    let kind = if writer.has_ended {
                        "run.completed"
                    } else {
                        "thing.happened"
                    };
                    let entry = writer.sequence.push(draft(rng, kind), writer.durable).unwrap();
                    writer.waiting.push(Arc::new(entry));
                }
                Ok(())
            }
            2 if writer.written.is_empty() && !writer.waiting.is_empty() => {
                let batch = std::mem::take(&mut writer.waiting);
                let result = writer.committer.write(&batch);
                writer.written = batch;
                result
            }
            _ if !writer.written.is_empty() => writer.committer.look_for_successor().map(|_| {
                for entry in writer.written.drain(..) {
                    writer.durable = entry.event.seq;
                    let before = acknowledged.insert(entry.event.seq, entry.hash);
                    assert!(before.is_none(), "seq {} was acknowledged twice", entry.event.seq);
                }
            }),
            _ => Ok(()),
        };
        if let Err(Stop::Fenced { .. } | Stop::Failed(_)) = result {
            self.writers.remove(at);
        }
    }

    /// The highest epoch up to which all writers are dead.
    fn dead_through(&mut self) -> Epoch {
        if self.rng.below(4) == 0 {
            return Epoch(0);
        }
        let writers = self.writers.iter().map(|writer| writer.sequence.epoch());
        let living = writers.chain(self.claims.iter().copied()).min();
        living.map_or(Epoch(u32::MAX), |epoch| Epoch(epoch.0 - 1))
    }

    fn follow(&mut self) {
        loop {
            match self.follower.poll() {
                Ok(Some(Followed::Event(entry))) => self.followed.push(entry.hash),
                Ok(Some(Followed::Discarded { from })) => self.followed.truncate(from.0 as usize - 1),
                Ok(None) => return,
                Err(JournalError::Storage(_)) if self.disk.is_halted() => return,
                Err(error) => panic!("following failed: {error:?}"),
            }
        }
    }

    fn check(&self) {
        let report = verify_log(self.storage()).unwrap();
        assert!(report.ok, "{report:#?}");
        let history: Vec<_> = Reader::new(self.storage())
            .unwrap()
            .map(|entry| entry.unwrap().hash)
            .collect();
        assert_eq!(report.events, history.len() as u64);
        self.check_acknowledged(&history);
    }

    fn check_acknowledged(&self, history: &[LineHash]) {
        for (seq, hash) in &self.acknowledged {
            assert_eq!(
                history.get(seq.0 as usize - 1),
                Some(hash),
                "acknowledged seq {seq} is not in the history"
            );
        }
    }
}

/// A new writer takes over, while the old ones go on.
fn take_over(world: &RefCell<World>) {
    let dead_through = world.borrow_mut().dead_through();
    let mut history = Vec::new();
    let storage = world.borrow().storage();
    let opening = Opening {
        node: "node".parse().unwrap(),
        actor: "orchestrator".to_owned(),
        correlation: "run".to_owned(),
        data: Map::new(),
        dead_through,
        clock: &|| Timestamp::from_micros(0),
        wait: &mut |former| {
            world.borrow_mut().claims.push(former.next());
            let turns = world.borrow_mut().rng.below(6);
            for _ in 0..turns {
                world.borrow_mut().write();
            }
            // Another one takes over while this one waits.
            let another = world.borrow_mut().rng.below(4) == 0;
            if another {
                take_over(world);
            }
            world.borrow_mut().claims.pop();
        },
        history: &mut |entry| {
            history.push(entry.hash);
            if world.borrow_mut().rng.below(8) == 0 {
                world.borrow_mut().write();
            }
        },
    };
    match begin(storage, opening) {
        Ok(Begun {
            committer,
            sequence,
            started,
            ..
        }) => {
            let mut world = world.borrow_mut();
            assert_eq!(started.event.seq.0, history.len() as u64 + 1);
            world.check_acknowledged(&history);
            world.acknowledged.insert(started.event.seq, started.hash);
            let (waiting, written) = (Vec::new(), Vec::new());
            let durable = started.event.seq;
            world.writers.push(Writer {
                committer,
                sequence,
                durable,
                has_ended: false,
                waiting,
                written,
            });
        }
        Err(JournalError::Storage(_) | JournalError::Poisoned(_) | JournalError::Fenced { .. }) => {}
        Err(error) => panic!("opening failed: {error:?}"),
    }
}

/// The machine stops at some point within the next operations.
fn stop_soon(world: &RefCell<World>) {
    {
        let mut world = world.borrow_mut();
        let operations = world.rng.below(12) + 1;
        world.disk.halt_after(operations);
    }
    while !world.borrow().disk.is_halted() {
        if world.borrow_mut().rng.coin() {
            take_over(world);
        } else {
            world.borrow_mut().write();
        }
    }
    crash(world);
}

fn crash(world: &RefCell<World>) {
    let mut world = world.borrow_mut();
    world.writers.clear();
    if world.rng.coin() {
        world.disk.power_cut();
    } else {
        world.disk.restart();
    }
}

fn play(seed: u64) {
    let world = RefCell::new(World::new(seed));
    for _ in 0..STEPS {
        let choice = world.borrow_mut().rng.below(24);
        match choice {
            0..=2 => take_over(&world),
            3 => stop_soon(&world),
            4 => crash(&world),
            5 => world.borrow().check(),
            6..=7 => world.borrow_mut().follow(),
            _ => world.borrow_mut().write(),
        }
    }
    crash(&world);
    world.borrow().check();
    world.borrow().disk.fail_per_mille(0);
    take_over(&world);
    world.borrow().check();
    let mut world = world.into_inner();
    world.follow();
    let history: Vec<_> = Reader::new(world.storage())
        .unwrap()
        .map(|entry| entry.unwrap().hash)
        .collect();
    assert_eq!(world.followed, history);
}

/// Tells the seed of a history that panics.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed of this history: HPCBENCH_SEED={}", self.0);
        }
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn acknowledged_events_survive_every_history() {
    let seeds = match variable("HPCBENCH_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("HPCBENCH_HISTORIES").unwrap_or(HISTORIES),
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    std::thread::scope(|scope| {
        for first in 0..threads {
            let seeds = seeds.clone().skip(first as usize).step_by(threads as usize);
            scope.spawn(move || {
                for seed in seeds {
                    let _seed = Seed(seed);
                    play(seed);
                }
            });
        }
    });
}
