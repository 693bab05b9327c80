//! What waits for the disk: the machine's batches in order, in the shape in which the writer takes them.

use bytes::Bytes;
use cell_replica::{Head, Ticket};
use cell_store::Snapshot;
use platform_model::{Epoch, Incarnation, Position, ReplicaId};
use std::sync::Arc;

use super::content::Rows;
use super::notes::{ChunkStart, Receipt};
use super::payload::Payload;
use crate::entry::EntryKind;
use crate::history::EpochHistory;

/// One batch of the machine, or something that is done between two of them.
#[derive(Debug)]
pub(crate) enum Item {
    Batch {
        ticket: Ticket,
        parts: Vec<Part>,
    },
    /// Keep entries that are about to be cut off in a file.
    Export {
        fork: Position,
        end: Position,
    },
    /// Nothing, under the fence of a shared store: it shows that the fence stands.
    Renew,
    /// The receipt of a copy that was to be erased and is not here: of nothing, and behind what may remove it still.
    Gone(Receipt),
}

/// One part of an atomic batch.
#[derive(Debug)]
pub(crate) enum Part {
    Meta(MetaPart),
    Entry {
        payload: Payload,
        apply: bool,
    },
    Truncate {
        after: Position,
    },
    Reset {
        base: Head,
        /// What the copy is while its rows are being removed: nothing.
        wiping: Bytes,
        /// An order to erase, that wants a receipt.
        erases: Option<(ReplicaId, u64)>,
    },
    Page {
        rows: Rows,
        /// Where the next chunk begins; none of the last page, which is fetched again if what follows it is interrupted.
        next: Option<ChunkStart>,
    },
    Restore {
        rows: Rows,
    },
    ApplyStored {
        after: Position,
    },
}

/// The protocol's state, encoded.
#[derive(Debug)]
pub(crate) struct MetaPart {
    pub bytes: Bytes,
    pub epoch: Epoch,
    pub incarnation: Incarnation,
    pub replica: Option<ReplicaId>,
}

impl Item {
    /// What it adds to a batch, in bytes, about.
    pub(crate) fn bytes(&self) -> usize {
        let part = |part: &Part| match part {
            Part::Entry { payload, .. } => payload.bytes(),
            Part::Page { rows, .. } | Part::Restore { rows } => rows.bytes(),
            _ => 1_000,
        };
        match self {
            Self::Batch { parts, .. } => parts.iter().map(part).sum(),
            Self::Gone(_) => 100,
            Self::Export { .. } | Self::Renew => 0,
        }
    }

    /// Mutations, about.
    pub(crate) fn mutations(&self) -> usize {
        let part = |part: &Part| match part {
            Part::Entry { payload, .. } => payload.writes.len() + 50,
            Part::Page { rows, .. } | Part::Restore { rows } => rows.rows.len() + rows.cleared.len(),
            _ => 4,
        };
        match self {
            Self::Batch { parts, .. } => parts.iter().map(part).sum(),
            Self::Gone(_) => 1,
            Self::Export { .. } | Self::Renew => 0,
        }
    }

    /// Whether it goes alone: it may take several batches, or a snapshot is opened just after it.
    pub(crate) fn goes_alone(&self) -> bool {
        let alone = |part: &Part| match part {
            Part::Meta(_) => false,
            Part::Entry { payload, .. } => {
                matches!(payload.kind, EntryKind::Barrier { .. }) || payload.clears_ranges()
            }
            _ => true,
        };
        match self {
            Self::Batch { parts, .. } => parts.iter().any(alone),
            Self::Export { .. } => true,
            Self::Renew | Self::Gone(_) => false,
        }
    }
}

/// A chunk to be digested, from the state just after its barrier.
pub(crate) struct ToDigest {
    pub chunk: u32,
    pub position: Position,
    pub start: Bytes,
    pub end: Bytes,
    pub snapshot: Arc<dyn Snapshot>,
}

/// What has become durable.
#[derive(Default)]
pub(crate) struct Written {
    pub upto: Option<Ticket>,
    pub digests: Vec<ToDigest>,
    /// Rows came that were in no entry: what the epochs are now.
    pub history: Option<EpochHistory>,
    pub receipt: Option<Receipt>,
}
