//! One entry of the change log, as replication sees it: its head, its chain, and a body that it does not look into.

use std::fmt::Debug;
use std::hash::Hash;

use platform_model::{Position, Term};

/// What the host puts into entries and pages. The protocol carries it and never looks into it.
pub trait Content: Clone + Debug + PartialEq + Eq + Hash {
    /// The transactions of an entry (or a handle to them).
    type Data: Clone + Debug + PartialEq + Eq + Hash;
    /// Rows of a range of keys, of one snapshot.
    type Page: Clone + Debug + PartialEq + Eq + Hash;
    /// Keys and ranges that entries wrote or cleared.
    type Keys: Clone + Debug + PartialEq + Eq + Hash;
}

/// Where an entry stands and what it stands on. Two logs with equal chains at a position are equal up to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Head {
    pub position: Position,
    pub term: Term,
    /// Checksum over the entry and the chain before it; the host computes and verifies it.
    pub chain: u64,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Body<C: Content> {
    /// The first entry of a term; also the record of the epoch history.
    Term,
    /// Transactions.
    Data(C::Data),
    /// Every replica drops its log up to here.
    Trim(Position),
    /// Every replica digests this chunk of keys from the state just after this entry.
    Barrier { chunk: u32 },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry<C: Content> {
    pub head: Head,
    /// The chain of the entry before.
    pub before: u64,
    pub body: Body<C>,
}
