//! What a replica wants done.

use platform_model::{Epoch, Generation, Position, ReplicaId, Term};

use crate::entry::{Body, Content, Entry, Head};
use crate::frame::Frame;
use crate::meta::Meta;
use crate::names::{NodeKey, Ticket};
use crate::report::Report;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action<C: Content> {
    /// Make this durable, atomically, after all batches before it; then say `Persisted`.
    Persist { ticket: Ticket, writes: Vec<Write<C>> },
    /// Send to the node. May be lost.
    Send { node: NodeKey, frame: Frame<C> },
    /// Seal an entry with this body at the tail and hand it to `Append`, before anything else is sealed. Always the
    /// last of a step's actions.
    Seal(Body<C>),
    /// Ask the control plane. May be lost; it is asked again until the outcome is known.
    Propose(Proposal),
    /// Tell the control plane. May be lost.
    Report(Report),
    /// The answer to `Prepare`.
    Prepared {
        epoch: Epoch,
        replica: ReplicaId,
        last: Head,
    },
    /// The target of a handover has everything.
    Confirm {
        generation: Generation,
        epoch: Epoch,
        replica: ReplicaId,
        last: Head,
    },
    /// Everything up to here is committed: sync answers may leave.
    Committed(Position),
    /// Everything up to here is durable at the primary: async answers may leave, if the lease holds.
    Durable(Position),
    /// A term begins to serve.
    Serving(Term),
    /// The term has ended: window, waiting set and open transactions end with it.
    TermEnded(Term),
    /// Read a chunk for a copy, then say `PageRead`.
    ReadPage { to: ReplicaId, chunk: u32 },
    /// Read keys for a rewind, then say `KeysRead`.
    ReadKeys {
        to: ReplicaId,
        fork: Head,
        keys: C::Keys,
    },
    /// Collect what the entries in `(fork, end]` wrote or cleared, then say `KeysCollected`.
    CollectKeys { fork: Head, end: Head },
    /// Keep the entries in `(fork, end]` in a file: they are cut off.
    Export { fork: Position, end: Position },
}

/// One part of an atomic batch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Write<C: Content> {
    Meta(Box<Meta>),
    /// Appends the entry to the stored log; with `apply` its writes go to the data too.
    Entry {
        entry: Entry<C>,
        apply: bool,
    },
    /// Drops stored entries past the position.
    Truncate {
        after: Position,
    },
    /// Drops everything, log and data; the log continues after `base`.
    Reset {
        base: Head,
    },
    /// Clears the page's range and puts its rows.
    Page {
        chunk: u32,
        page: C::Page,
    },
    /// Puts or clears exactly the keys that were asked for.
    Restore {
        page: C::Page,
    },
    /// Applies stored entries after `after`, in order.
    ApplyStored {
        after: Position,
    },
}

/// What a primary asks of the control plane: compare-and-set on the generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Proposal {
    pub generation: Generation,
    pub epoch: Epoch,
    pub by: ReplicaId,
    pub change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// The first primary has formed.
    Born,
    /// A copy has become a consistent prefix.
    Complete(ReplicaId),
    /// A standby has everything and has promised.
    Add(ReplicaId),
    /// A member of the effective set does not answer.
    Drop(ReplicaId),
    /// The data of a standby was found to differ.
    Damaged(ReplicaId),
}
