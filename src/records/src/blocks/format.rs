//! The frame around records on disk.

/// First bytes of every block file.
pub(super) const MAGIC: [u8; 8] = *b"HPCBREC\n";

/// Bytes of the file header: magic and schema version.
pub(super) const FILE_HEADER_BYTES: usize = MAGIC.len() + 4;

/// Bytes of a block's header.
pub(super) const BLOCK_HEADER_BYTES: usize = 12;

/// A block is written as soon as its payload has reached this size.
pub const TARGET_BLOCK_BYTES: usize = 1 << 20;

/// Largest encoding of one record; about two million stream events.
pub const MAX_RECORD_BYTES: usize = 64 << 20;

/// Largest payload of a block: one that was almost full when the largest record came.
pub(super) const MAX_PAYLOAD_BYTES: usize = TARGET_BLOCK_BYTES + MAX_RECORD_BYTES;

/// Smallest encoding of one record; a block that claims more records than its payload can hold is damaged.
pub(super) const MIN_RECORD_BYTES: usize = 16;

/// The header of one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockHeader {
    pub(super) payload_bytes: u32,
    pub(super) records: u32,
    pub(super) crc: u32,
}

impl BlockHeader {
    pub(super) fn of(payload: &[u8], records: u32) -> Self {
        let payload_bytes = payload.len() as u32;
        Self {
            payload_bytes,
            records,
            crc: crc(payload_bytes, records, payload),
        }
    }

    pub(super) fn to_bytes(self) -> [u8; BLOCK_HEADER_BYTES] {
        let mut bytes = [0; BLOCK_HEADER_BYTES];
        bytes[..4].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.records.to_le_bytes());
        bytes[8..].copy_from_slice(&self.crc.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: [u8; BLOCK_HEADER_BYTES]) -> Self {
        let number = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        Self {
            payload_bytes: number(0),
            records: number(4),
            crc: number(8),
        }
    }

    /// Whether the sizes are possible at all.
    pub(super) fn is_plausible(self) -> bool {
        let payload = self.payload_bytes as usize;
        payload <= MAX_PAYLOAD_BYTES && (self.records as usize).saturating_mul(MIN_RECORD_BYTES) <= payload
    }

    pub(super) fn matches(self, payload: &[u8]) -> bool {
        self.payload_bytes as usize == payload.len()
            && self.crc == crc(self.payload_bytes, self.records, payload)
    }
}

fn crc(payload_bytes: u32, records: u32, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&payload_bytes.to_le_bytes());
    hasher.update(&records.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}
