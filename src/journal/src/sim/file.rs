//! One file of the simulated disk.

use std::ops::Range;

use super::Rng;

/// What the disk writes at once.
const SECTOR_BYTES: usize = 512;

/// A file as readers see it, and what of it is not on the disk.
#[derive(Debug)]
pub(super) struct SimFile {
    bytes: Vec<u8>,
    /// Parts that were not synced.
    unsynced: Vec<Part>,
    durable_name: bool,
    /// Cut off by a truncation that was not synced.
    cut: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Part {
    range: Range<usize>,
    state: PartState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartState {
    /// The next sync writes it.
    Dirty,
    /// A sync failed, and the system took the pages for written: later syncs succeed without writing them.
    Forgotten,
}

impl SimFile {
    pub(super) fn durable(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            unsynced: Vec::new(),
            durable_name: true,
            cut: Vec::new(),
        }
    }

    pub(super) fn unsynced_name() -> Self {
        Self {
            durable_name: false,
            ..Self::durable(Vec::new())
        }
    }

    pub(super) fn has_durable_name(&self) -> bool {
        self.durable_name
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.unsynced.push(Part {
            range: start..self.bytes.len(),
            state: PartState::Dirty,
        });
    }

    /// Writes the same bytes again, so that a sync has to write them.
    pub(super) fn rewrite(&mut self, from: usize, to: usize) {
        for part in &mut self.unsynced {
            if part.range.start >= from && part.range.end <= to {
                part.state = PartState::Dirty;
            } else if part.range.start < to && from < part.range.end {
                // A part of a part: what is written again is dirty, and so it is at best for the rest.
                let rest = if part.range.start < from {
                    part.range.start..from
                } else {
                    to..part.range.end
                };
                part.range = part.range.start.max(from)..part.range.end.min(to);
                let state = std::mem::replace(&mut part.state, PartState::Dirty);
                self.unsynced.push(Part { range: rest, state });
                return self.rewrite(from, to);
            }
        }
    }

    pub(super) fn sync(&mut self, rng: &mut Rng, done: bool) {
        if done {
            self.cut.clear();
            self.unsynced.retain(|part| part.state == PartState::Forgotten);
            return;
        }
        self.unsynced.retain_mut(|part| match rng.below(3) {
            0 => false,
            1 => true,
            _ => {
                part.state = PartState::Forgotten;
                true
            }
        });
    }

    pub(super) fn truncate(&mut self, length: usize, rng: &mut Rng, done: bool) {
        let length = length.min(self.bytes.len());
        if done {
            self.bytes.truncate(length);
            self.cut.clear();
        } else if rng.coin() {
            self.cut = self.bytes.split_off(length);
        }
        for part in &mut self.unsynced {
            part.range.end = part.range.end.min(length);
        }
        self.unsynced.retain(|part| part.range.start < part.range.end);
    }

    /// What is left of the file after a power cut; `false` if not even its name is.
    pub(super) fn survives(&mut self, rng: &mut Rng) -> bool {
        if !self.durable_name && rng.coin() {
            return false;
        }
        self.durable_name = true;
        if rng.coin() {
            self.bytes.append(&mut self.cut);
        }
        self.cut.clear();
        let Some(first) = self.unsynced.iter().map(|part| part.range.start).min() else {
            return true;
        };
        self.lose_sectors(rng);
        // The length is written apart from the bytes: what it covers and was not written reads as zeros.
        let lost = self.bytes.len() - first;
        let length = match rng.below(3) {
            0 => first,
            1 => self.bytes.len(),
            _ => first + rng.below(lost as u64 + 1) as usize,
        };
        let durable_after = self.durable_end();
        self.bytes.truncate(length.max(durable_after));
        self.unsynced.clear();
        true
    }

    fn lose_sectors(&mut self, rng: &mut Rng) {
        let share = rng.below(101);
        for part in &self.unsynced {
            let mut at = part.range.start;
            while at < part.range.end {
                let end = (at / SECTOR_BYTES + 1) * SECTOR_BYTES;
                let end = end.min(part.range.end);
                if rng.below(100) < share {
                    self.bytes[at..end].fill(0);
                }
                at = end;
            }
        }
    }

    /// The end of the last byte that is surely on the disk.
    fn durable_end(&self) -> usize {
        let mut end = self.bytes.len();
        let mut parts: Vec<_> = self.unsynced.iter().map(|part| part.range.clone()).collect();
        parts.sort_by_key(|range| range.end);
        while let Some(last) = parts.pop() {
            if last.end < end {
                break;
            }
            end = end.min(last.start);
        }
        end
    }
}
