//! What the protocol carries without looking into it: entries as handles, pages of rows, keys to be undone.
//!
//! The machine keeps a handle of every entry of the kept log in memory, never its bytes: those lie in the store, and the
//! newest of a primary in a bounded cache.

use bytes::Bytes;
use cell_replica::Content;

/// The content of a shard's replication.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ShardContent;

impl Content for ShardContent {
    type Data = Handle;
    type Page = Rows;
    type Keys = Touched;
}

/// An entry's transactions, as the machine holds them. What they are, the entry's chain says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handle {
    /// Of the stored entry.
    pub bytes: u32,
    /// Whether one of the transactions is acknowledged by the standbys before it is answered.
    pub sync: bool,
}

/// Rows of one snapshot, keys without the shard in front. Whoever takes them first clears `ranges` and `cleared`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Rows {
    /// `[start, end)`.
    pub ranges: Vec<(Bytes, Bytes)>,
    pub cleared: Vec<Bytes>,
    pub rows: Vec<(Bytes, Bytes)>,
    /// Time of the newest entry that they show.
    pub time_ms: u64,
    /// Bytes of the shard that lie behind them, about.
    pub left_bytes: u64,
}

impl Rows {
    /// Keys and values, in bytes.
    pub fn bytes(&self) -> usize {
        let rows = self.rows.iter().map(|(key, value)| key.len() + value.len());
        rows.chain(self.cleared.iter().map(Bytes::len)).sum()
    }
}

/// Keys and ranges that entries wrote or cleared, without the shard in front.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Touched {
    pub keys: Vec<Bytes>,
    pub ranges: Vec<(Bytes, Bytes)>,
}
