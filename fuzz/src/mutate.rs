//! Changing seeds at random, in the ways that break parsers.

/// Pieces that mean something to one of the parsers.
const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\n\n",
    b": ",
    b":",
    b"data: ",
    b"data:[DONE]",
    b"event: x\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"-1",
    b"1e999",
    b"9223372036854775807",
    b"18446744073709551616",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b"\\ud83d",
    b"\\u0000",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xf0\x9f\x98\x80",
    b"\xef\xbb\xbf",
    b"&a",
    b"*a",
    b"<<: ",
    b"!!str ",
    b"- ",
    b"? ",
    b"|",
    b">",
    b"%YAML 1.1\n",
    b"---\n",
    b"content-length: 5\r\n",
    b"transfer-encoding: chunked\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
];

/// Longest input that is made, bytes.
const MAX_BYTES: usize = 16 * 1024;

/// Makes inputs out of seeds. The same seed of its own makes the same inputs.
#[derive(Debug)]
pub struct Mutator(u64);

impl Mutator {
    /// One that makes the inputs of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// A changed copy of one of the seeds.
    pub fn input(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds.get(self.below(seeds.len())).cloned().unwrap_or_default();
        for _ in 0..=self.below(6) {
            self.change(&mut bytes, seeds);
        }
        bytes.truncate(MAX_BYTES);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(bytes.len() + 1);
        match self.next() % 8 {
            0 => bytes.truncate(at),
            1 => {
                let end = (at + self.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 => bytes.insert(at, self.next() as u8),
            3 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (self.0 % 8);
                }
            }
            4 => {
                let piece = PIECES.get(self.below(PIECES.len())).copied().unwrap_or_default();
                bytes.splice(at..at, piece.iter().copied());
            }
            // A part again, many times over: long lines, deep nesting.
            5 => {
                let end = (at + 1 + self.below(8)).min(bytes.len());
                let part = bytes.get(at..end).unwrap_or_default().repeat(1 + self.below(200));
                bytes.splice(at..at, part);
            }
            6 => {
                let other = seeds.get(self.below(seeds.len())).map_or(&[][..], Vec::as_slice);
                let tail = other.get(self.below(other.len())..).unwrap_or_default();
                bytes.truncate(at);
                bytes.extend_from_slice(tail);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = self.0 as u8;
                }
            }
        }
    }
}
