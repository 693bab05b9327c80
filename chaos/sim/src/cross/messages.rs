//! What shards, directories, people and the driver of relocations say to each other.

use cell_relay::{Answer, ClaimId, Entry, EventKey, Floors, OperationId};

use super::values::{CrossEvent, Range, Shard, Stamp};

/// Whom a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    /// Whoever serves it.
    Shard(Shard),
    /// The driver of relocations.
    Driver,
}

#[derive(Debug, Clone)]
pub(crate) enum CrossMessage {
    /// What people do.
    Emit {
        by: u8,
        to: u8,
        poison: bool,
        sync: bool,
    },
    Claim {
        user: u8,
        digest: u8,
        claim: ClaimId,
    },
    Unclaim {
        user: u8,
    },
    /// An operator tries a parked event again, or drops it.
    Unpark {
        user: u8,
        source: Shard,
        key: EventKey,
    },
    Deliver {
        source: Shard,
        user: u8,
        key: EventKey,
        low: EventKey,
        event: CrossEvent,
    },
    Delivered {
        user: u8,
        key: EventKey,
        answer: Answer,
    },
    /// Has all been delivered that he emitted before this epoch?
    AskPassed {
        from: Shard,
        user: u8,
        user_epoch: u64,
    },
    Passed {
        user: u8,
        user_epoch: u64,
    },
    AskEntry {
        from: To,
        user: u8,
        asked: Stamp,
    },
    EntryIs {
        user: u8,
        entry: Entry<Shard>,
        asked: Stamp,
    },
    /// Compare-and-sets of an entry.
    Start {
        user: u8,
        operation: OperationId,
        to: Shard,
    },
    Commit {
        user: u8,
        operation: OperationId,
        to: Shard,
    },
    Cancel {
        user: u8,
        operation: OperationId,
    },
    /// To the source: send a first copy, or set the marker and send the whole.
    Copy {
        user: u8,
        operation: OperationId,
        to: Shard,
        complete: bool,
    },
    Incoming {
        user: u8,
        operation: OperationId,
        complete: bool,
        from: Shard,
        served_epoch: u64,
        range: Box<(Range, Floors<Shard>)>,
    },
    /// The target has a copy, committed.
    Arrived {
        operation: OperationId,
        complete: bool,
    },
    /// The law permits no copy there.
    Unlawful {
        operation: OperationId,
    },
    /// The target serves this user epoch: the source may erase.
    Erase {
        user: u8,
        to: Shard,
        user_epoch: u64,
    },
    Take {
        from: Shard,
        user: u8,
        digest: u8,
        claim: ClaimId,
    },
    TakenIs {
        user: u8,
        digest: u8,
        claim: ClaimId,
        yours: bool,
    },
    /// The authority's reconciler wants a decision.
    Decide {
        user: u8,
        digest: u8,
        claim: ClaimId,
    },
    /// The claim is dropped, committed.
    DroppedIs {
        digest: u8,
        claim: ClaimId,
    },
    /// Planted: time frees a row.
    Expire {
        digest: u8,
        claim: ClaimId,
    },
}
