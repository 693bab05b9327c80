//! Names that only the protocol uses.

use std::fmt;

/// Which world and shard a frame belongs to: fingerprints that the host makes of their ids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Group {
    pub world: u64,
    pub shard: u64,
}

/// A node, by a number that its host gives it. Only compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeKey(pub u16);

/// Log index of the committed step that an order of the control plane carries out, the world's incarnation in its
/// high part. A replica keeps the highest durably and refuses lower ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderIndex(pub u64);

/// Names one batch that is being made durable. Batches become durable in the order of their tickets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

impl fmt::Display for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl fmt::Display for OrderIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}
