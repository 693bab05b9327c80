//! What shards, directory and the driver of relocations say to each other.

use cell_relay::{Answer, ClaimId, Entry, EventKey, OperationId};

use super::shard::Person;

/// Names one shard: 0 to 2 hold people, [`DIRECTORY`] holds entries and claims.
pub(crate) type Shard = usize;

pub(crate) const SHARDS: Shard = 4;
pub(crate) const DIRECTORY: Shard = 3;

#[derive(Debug, Clone)]
pub(crate) enum Message {
    Deliver {
        source: Shard,
        user: u8,
        key: EventKey,
        payload: u32,
    },
    Delivered {
        user: u8,
        key: EventKey,
        answer: Answer,
    },
    /// Steps of a relocation, from its driver.
    Start {
        user: u8,
        operation: OperationId,
        to: Shard,
    },
    Fence {
        user: u8,
        operation: OperationId,
    },
    Incoming {
        user: u8,
        operation: OperationId,
        person: Box<Person>,
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
    /// A shard asks for a person's entry, and is told it.
    AskEntry {
        from: Shard,
        user: u8,
        asked: EventKey,
    },
    EntryIs {
        user: u8,
        entry: Entry<Shard>,
        asked: EventKey,
    },
    /// The target has begun to serve this user epoch: the source may erase.
    Erase {
        user: u8,
        to: Shard,
        user_epoch: u64,
    },
    /// Claims.
    Take {
        from: Shard,
        user: u8,
        digest: u64,
        claim: ClaimId,
    },
    TakenIs {
        user: u8,
        digest: u64,
        claim: ClaimId,
        yours: bool,
    },
    /// The authority's reconciler wants a decision.
    Decide {
        user: u8,
        digest: u64,
        claim: ClaimId,
    },
    /// The claim is dropped, committed.
    DroppedIs {
        digest: u64,
        claim: ClaimId,
    },
}
