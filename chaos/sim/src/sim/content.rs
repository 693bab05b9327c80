//! What the simulated shard stores: sixteen numbered rows, written by small transactions.

use cell_replica::{Body, Content, Entry, Head};
use platform_model::{Position, Term};

use super::random::mix;

/// Rows of a shard.
pub const KEYS: usize = 16;
/// Rows of one chunk of a copy.
pub const CHUNK_KEYS: usize = 4;
/// Chunks of a shard.
pub const CHUNKS: u32 = (KEYS / CHUNK_KEYS) as u32;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SimContent;

/// A transaction: absolute values. 0 is an absent row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tx {
    /// Names the client's operation.
    pub id: u32,
    pub sync: bool,
    pub count: u8,
    pub writes: [(u8, u64); 2],
}

impl Tx {
    pub fn writes(&self) -> &[(u8, u64)] {
        &self.writes[..usize::from(self.count)]
    }
}

/// Some rows of one snapshot: those in `mask`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rows {
    pub mask: u32,
    pub rows: [u64; KEYS],
}

impl Content for SimContent {
    type Data = Tx;
    type Page = Rows;
    /// A mask of rows.
    type Keys = u32;
}

pub type SimEntry = Entry<SimContent>;

/// Rows of a chunk, as a mask.
pub fn chunk_mask(chunk: u32) -> u32 {
    ((1 << CHUNK_KEYS) - 1) << (chunk as usize * CHUNK_KEYS)
}

/// Digest of the rows in `mask`.
pub fn digest(rows: &[u64; KEYS], mask: u32) -> u64 {
    rows.iter()
        .enumerate()
        .filter(|(key, value)| mask & (1 << key) != 0 && **value != 0)
        .fold(0, |sum, (key, value)| sum ^ mix(value ^ ((key as u64 + 1) << 56)))
}

/// Applies an entry's writes.
pub fn apply(rows: &mut [u64; KEYS], entry: &SimEntry) {
    if let Body::Data(tx) = &entry.body {
        for (key, value) in tx.writes() {
            rows[usize::from(*key)] = *value;
        }
    }
}

/// What an entry writes, as a mask.
pub fn written(entry: &SimEntry) -> u32 {
    match &entry.body {
        Body::Data(tx) => tx.writes().iter().fold(0, |mask, (key, _)| mask | 1 << key),
        _ => 0,
    }
}

/// Seals an entry on top of `last`.
pub fn seal(last: Head, term: Term, body: Body<SimContent>) -> SimEntry {
    let position = Position(last.position.0 + 1);
    let salt = match &body {
        Body::Term => 1,
        Body::Data(tx) => mix(u64::from(tx.id) + 2),
        Body::Trim(upto) => mix(upto.0) ^ 3,
        Body::Barrier { chunk } => mix(u64::from(*chunk)) ^ 4,
    };
    let chain = mix(last.chain ^ salt ^ mix(term.epoch.0 << 32 ^ term.incarnation.0 ^ position.0 << 8));
    Entry {
        head: Head {
            position,
            term,
            chain,
        },
        before: last.chain,
        body,
    }
}
