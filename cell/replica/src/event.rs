//! What happens to a replica.

use platform_model::{Epoch, Generation, Position, ReplicaId};

use crate::config::Configuration;
use crate::entry::{Content, Entry, Head};
use crate::frame::Frame;
use crate::moment::Moment;
use crate::names::{OrderIndex, Ticket};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event<C: Content> {
    /// A configuration that the control plane has committed.
    Configured(Configuration),
    /// The control plane answers a report of this copy, made at `asked`: no configuration is newer than this.
    Confirmed { asked: Moment, generation: Generation },
    /// A frame came in. If it is refused the host answers with `Message::Refused`.
    Received(Frame<C>),
    /// Every batch up to this ticket is durable.
    Persisted(Ticket),
    /// A batch failed or its outcome is unknown: what is durable is not known any more.
    DiskFailed,
    /// The host sealed an entry at the tail, and it may begin to be written: transactions, or what
    /// [`crate::Action::Seal`] asked for.
    Append(Entry<C>),
    /// Order of the control plane: become a candidate for `epoch`, serve and follow nothing below.
    Prepare { order: OrderIndex, epoch: Epoch },
    /// Order of the control plane: erase this copy.
    Erase { order: OrderIndex, replica: ReplicaId },
    /// Time has passed.
    Tick,
    /// Rows of a chunk, from a snapshot whose log ends at `stamp`.
    PageRead {
        to: ReplicaId,
        chunk: u32,
        stamp: Head,
        page: C::Page,
        last: bool,
    },
    /// What the entries in `(fork, end]` wrote or cleared.
    KeysCollected { fork: Head, end: Head, keys: C::Keys },
    /// Rows of those keys, from a snapshot whose log ends at `stamp`.
    KeysRead {
        to: ReplicaId,
        fork: Head,
        stamp: Head,
        page: C::Page,
    },
    /// The digest of a chunk as it was just after the barrier at `position`.
    Digested {
        chunk: u32,
        position: Position,
        digest: u64,
    },
    /// The host wants this chunk verified on every replica.
    Verify { chunk: u32 },
    /// No reader of the log needs anything up to here.
    MayTrim { upto: Position },
    /// The process is about to stop on purpose.
    Leave,
}

impl<C: Content> Event<C> {
    /// As traces and the transition table say it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Configured(_) => "configured",
            Self::Confirmed { .. } => "confirmed",
            Self::Received(frame) => frame.message.name(),
            Self::Persisted(_) => "persisted",
            Self::DiskFailed => "disk-failed",
            Self::Append(_) => "sealed",
            Self::Prepare { .. } => "prepare",
            Self::Erase { .. } => "erase",
            Self::Tick => "tick",
            Self::PageRead { .. } => "page-read",
            Self::KeysCollected { .. } => "keys-collected",
            Self::KeysRead { .. } => "keys-read",
            Self::Digested { .. } => "digested",
            Self::Verify { .. } => "verify",
            Self::MayTrim { .. } => "may-trim",
            Self::Leave => "leave",
        }
    }
}
