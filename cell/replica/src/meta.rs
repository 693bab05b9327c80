//! What a replica keeps durably beside its log and data: `(shard, "m", ...)`, its own, never copied or restored.

use platform_model::{Epoch, Generation, Incarnation, Position, ReplicaId, Term};

use crate::config::Configuration;
use crate::entry::{Content, Head};
use crate::log::Log;
use crate::names::OrderIndex;

/// Whether log and data are a consistent prefix of the shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Upkeep {
    /// The data is the state after the last entry of the log.
    #[default]
    Whole,
    /// Pages come in. The log is stored from `base` on and not applied.
    Copying {
        /// Where the log began; none until the primary has said it.
        base: Option<Position>,
        /// Chunks below this one are here.
        next_chunk: u32,
        /// The newest entry whose effect a page shows.
        stamp: Head,
    },
    /// Entries past `fork` are to be undone; they and their effects are still here.
    Rewinding { fork: Head, end: Head },
    /// Data shows some of what happened up to `until`: a prefix again once exactly that entry is applied.
    Mending { until: Head },
}

/// Small durable state. Written whole whenever it changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Meta {
    /// The name of this copy; none on an empty disk.
    pub replica: Option<ReplicaId>,
    /// The highest term that was followed or led.
    pub term: Term,
    /// How often this copy has begun to lead.
    pub incarnation: Incarnation,
    /// By Prepare: nothing below is acknowledged or promised.
    pub promised: Epoch,
    /// The highest epoch that this copy was asked to lead: by Prepare, or as the target of a handover.
    pub candidate: Epoch,
    /// The highest order that was carried out.
    pub order: OrderIndex,
    /// The longest lease that was promised under, in microseconds, since this copy led last and had waited out what it had
    /// promised until then.
    pub lease_micros_max: u64,
    /// The term of this epoch was given up for the handover of this generation.
    pub released: Option<(Epoch, Generation)>,
    pub config: Option<Configuration>,
    /// Whose acknowledgements and promises count, while this copy leads.
    pub effective: Vec<ReplicaId>,
    /// An addition of its own whose outcome is not known: the generation that it was proposed at, and who.
    pub proposal: Option<(Generation, ReplicaId)>,
    pub upkeep: Upkeep,
}

/// What a host finds on disk when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Durable<C: Content> {
    pub meta: Meta,
    pub log: Log<C>,
}

impl<C: Content> Default for Durable<C> {
    fn default() -> Self {
        Self {
            meta: Meta::default(),
            log: Log::default(),
        }
    }
}
