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

/// Roots of a shard: each a range of rows that begins in one chunk and ends in the next.
pub const ROOTS: u8 = (KEYS / CHUNK_KEYS) as u8;
/// In the place of a row: the write clears the whole range of the root that the rest of the number names.
pub const ERASES: u8 = 0x80;

/// A transaction: absolute values. 0 is an absent row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tx {
    /// Names the client's operation.
    pub id: u32,
    pub sync: bool,
    pub count: u8,
    pub writes: [(u8, u64); 2],
    /// Of the wall clock, in microseconds; never less than that of the entry before.
    pub time: u64,
}

impl Tx {
    pub fn writes(&self) -> &[(u8, u64)] {
        &self.writes[..usize::from(self.count)]
    }

    /// What becomes of each row, in order: a range is all of its rows.
    pub fn effects(&self) -> impl Iterator<Item = (u8, u64)> + '_ {
        self.writes()
            .iter()
            .flat_map(|(place, value)| rows_in(rows_at(*place)).map(|row| (row, *value)))
    }

    /// The rows of the ranges that it clears, as a mask.
    pub fn erased(&self) -> u32 {
        let ranges = self.writes().iter().filter(|(place, _)| place & ERASES != 0);
        ranges.fold(0, |mask, (place, _)| mask | rows_at(*place))
    }
}

/// Rows of a root, as a mask.
pub fn root_mask(root: u8) -> u32 {
    let first = usize::from(root) * CHUNK_KEYS + CHUNK_KEYS / 2;
    (0..CHUNK_KEYS).fold(0, |mask, row| mask | 1 << ((first + row) % KEYS))
}

/// The rows that a write is about.
fn rows_at(place: u8) -> u32 {
    if place & ERASES != 0 {
        root_mask(place & !ERASES)
    } else {
        1 << place
    }
}

/// Rows of a mask, ascending.
pub fn rows_in(mut mask: u32) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let row = u8::try_from(mask.trailing_zeros()).ok().filter(|row| *row < 32)?;
        mask &= mask - 1;
        Some(row)
    })
}

/// Some rows of one snapshot: those in `mask`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rows {
    pub mask: u32,
    pub rows: [u64; KEYS],
    /// Of the newest entry that they show.
    pub time: u64,
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
        for (key, value) in tx.effects() {
            rows[usize::from(key)] = value;
        }
    }
}

/// What an entry writes, as a mask.
pub fn written(entry: &SimEntry) -> u32 {
    match &entry.body {
        Body::Data(tx) => tx.effects().fold(0, |mask, (key, _)| mask | 1 << key),
        _ => 0,
    }
}

/// Seals an entry on top of `last`.
pub fn seal(last: Head, term: Term, body: Body<SimContent>) -> SimEntry {
    let position = Position(last.position.0 + 1);
    let salt = match &body {
        Body::Term => 1,
        Body::Data(tx) => mix(u64::from(tx.id) + 2 + (tx.time << 20)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erase_clears_the_whole_range_of_its_root_which_lies_in_two_chunks() {
        let tx = Tx {
            id: 1,
            sync: true,
            count: 1,
            writes: [(ERASES | 3, 0), (0, 0)],
            time: 0,
        };
        let rows: Vec<u8> = tx.effects().map(|(row, _)| row).collect();
        assert_eq!(rows, [0, 1, 14, 15]);
        assert_eq!(tx.erased(), root_mask(3));
        assert!(chunk_mask(3) & tx.erased() != 0 && chunk_mask(0) & tx.erased() != 0);
        let all = (0..ROOTS).fold(0, |mask, root| mask | root_mask(root));
        assert_eq!(all, (1 << KEYS) - 1, "each row is of one root");
    }
}
