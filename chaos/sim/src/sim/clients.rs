//! Clients: each asks one thing at a time, of the node that it believes to serve.

use super::content::Tx;

/// How an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Under way; its client may have given up waiting.
    Asked,
    Answered,
    /// Surely never took place.
    Refused,
}

/// One operation of one client: a read of two rows, or a transaction that reads one and writes one or two.
#[derive(Debug, Clone, Copy)]
pub struct Op {
    /// From 1.
    pub id: u32,
    pub client: u8,
    pub invoked: u64,
    pub completed: u64,
    pub state: State,
    pub tx: Option<Tx>,
    pub read_count: u8,
    pub reads: [(u8, u64); 2],
    /// When it was asked, the newest acknowledged erase of each of those rows.
    pub erased: [u64; 2],
}

impl Op {
    pub fn reads(&self) -> &[(u8, u64)] {
        &self.reads[..usize::from(self.read_count)]
    }

    /// What becomes of each row.
    pub fn effects(&self) -> impl Iterator<Item = (u8, u64)> + '_ {
        self.tx.iter().flat_map(|tx| tx.effects())
    }

    pub fn is_sync(&self) -> bool {
        self.tx.is_none_or(|tx| tx.sync)
    }
}

/// An answer that waits on a node until what it stands on is committed or durable.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    pub op: u32,
    /// Position and chain of the newest sync write that it stands on; 0 for none.
    pub committed: (u64, u64),
    /// Of the own write, if it is one.
    pub own: Option<(u64, u64)>,
}

/// One client.
#[derive(Debug, Clone, Copy, Default)]
pub struct Client {
    /// The operation that it waits for; 0 for none.
    pub waits_for: u32,
}
