//! What replicas say to each other.

use platform_model::{Epoch, Generation, Position, ReplicaId, Term};

use crate::config::Member;
use crate::entry::{Content, Entry, Head};
use crate::log::EpochEnd;
use crate::meta::Upkeep;
use crate::moment::Moment;
use crate::names::{Group, NodeKey};
use crate::refusal::Refusal;

/// One message with its address. A frame is about one term: that of the primary that speaks or is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Frame<C: Content> {
    pub group: Group,
    pub term: Term,
    pub from: Member,
    pub to: ReplicaId,
    pub message: Message<C>,
}

impl<C: Content> Frame<C> {
    /// The frame that tells the sender of this one why it was refused. None if this one is such an answer itself.
    pub fn refused(&self, by: NodeKey, refusal: Refusal) -> Option<(NodeKey, Self)> {
        if matches!(self.message, Message::Refused(_)) {
            return None;
        }
        let from = Member {
            node: by,
            replica: self.to,
        };
        let answer = Self {
            group: self.group,
            term: self.term,
            from,
            to: self.from.replica,
            message: Message::Refused(refusal),
        };
        Some((self.from.node, answer))
    }
}

/// Travels with everything that a primary asks: the answer to it promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ask {
    /// When it was sent, by the primary's clock. The answer carries it back.
    pub sent: Moment,
    /// How long the promise is to last, in microseconds.
    pub lease_micros: u64,
    /// What the standby has acknowledged in this term: one that has less is not who it says.
    pub known: Position,
}

/// The promise in an answer: for so long the standby will not become primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Promise {
    /// [`Ask::sent`] of what is answered.
    pub echo: Moment,
    pub micros: u64,
}

/// How a replica stands, durably.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Status {
    pub last: Head,
    pub upkeep: Upkeep,
    pub ends: Vec<EpochEnd>,
    pub promise: Promise,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Message<C: Content> {
    // From the primary.
    /// Begins a term for the standby, and asks how it stands.
    Query(Ask),
    /// Entries that follow each other.
    Append {
        ask: Ask,
        entries: Vec<Entry<C>>,
    },
    /// Nothing new; says whether its sender serves.
    KeepAlive {
        ask: Ask,
        serves: bool,
    },
    /// Undo everything between `fork` and `end`, which is the end of the log that the standby told of: one that has
    /// gone on since has nothing to undo.
    Rewind {
        fork: Head,
        end: Head,
    },
    /// Rows of the keys that a rewinding standby asked for, from one snapshot that is committed.
    Restored {
        fork: Head,
        stamp: Head,
        page: C::Page,
    },
    /// A copy begins: store the log from here on.
    CopyBase {
        base: Head,
    },
    /// One chunk of a copy, from one snapshot that is committed.
    Page {
        chunk: u32,
        stamp: Head,
        page: C::Page,
        last: bool,
    },
    /// To the target of a handover: everything up to `last` is yours, I serve no more.
    Release {
        generation: Generation,
        epoch: Epoch,
        last: Head,
    },

    // From a standby.
    Status(Status),
    /// Everything up to `last` is durable here.
    Ack {
        last: Head,
        promise: Promise,
    },
    /// Rows wanted to undo what was written past the fork.
    FetchKeys {
        fork: Head,
        keys: C::Keys,
    },
    /// The next chunk of a copy.
    FetchPage {
        chunk: u32,
    },
    /// The digest of a chunk, just after the barrier at `position`.
    Digest {
        chunk: u32,
        position: Position,
        digest: u64,
    },
    /// It is about to stop, on purpose: ask that it is dropped.
    Leaving,

    // Either way.
    /// What was sent was refused.
    Refused(Refusal),
}

impl<C: Content> Message<C> {
    /// As traces and the transition table say it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Query(_) => "query",
            Self::Append { .. } => "append",
            Self::KeepAlive { .. } => "keep-alive",
            Self::Rewind { .. } => "rewind",
            Self::Restored { .. } => "restored",
            Self::CopyBase { .. } => "copy-base",
            Self::Page { .. } => "page",
            Self::Release { .. } => "release",
            Self::Status(_) => "status",
            Self::Ack { .. } => "ack",
            Self::FetchKeys { .. } => "fetch-keys",
            Self::FetchPage { .. } => "fetch-page",
            Self::Digest { .. } => "digest",
            Self::Leaving => "leaving",
            Self::Refused(_) => "refused",
        }
    }
}
