//! What a primary knows of one standby, in its term.

use platform_model::{Position, ReplicaId};

use crate::config::Member;
use crate::moment::Moment;
use crate::report::Unusable;

/// How far the primary is with a standby.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PeerPhase {
    /// It was asked how it stands.
    Asking,
    /// Its log is a prefix of the primary's: it is sent what it lacks.
    Streaming,
    /// It has entries to undo.
    Rewinding,
    /// It cannot be brought up: it must be copied anew under another name.
    Unusable,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Peer {
    pub member: Member,
    pub phase: PeerPhase,
    /// It said that its data is a consistent prefix.
    pub whole: bool,
    pub sent: Position,
    /// Durable there, by its own word of this term, with the primary's chain.
    pub acked: Position,
    /// Its promise counts until then.
    pub promised_until: Moment,
    pub heard: Moment,
    /// When it was last sent anything that asks for an answer.
    pub asked: Moment,
    /// When it was last sent a keep-alive: what answers one waits for no disk.
    pub(crate) kept: Moment,
    /// When it last acknowledged more, or had all that is durable here.
    pub(crate) advanced: Moment,
    /// When it was last asked how it stands.
    pub queried: Moment,
    /// When the stream last went back because of a gap: many messages meet one gap.
    pub went_back: Moment,
    /// When it last acknowledged more, or was sent something with nothing under way.
    pub progressed: Moment,
    /// It said that it is about to stop: until then it is not counted on.
    pub leaving_until: Moment,
    /// Why it is unusable; said again and again.
    pub(crate) why: Option<Unusable>,
    /// Chunks that were found equal since it was last made whole.
    pub verified: Vec<(u32, Position, u64)>,
}

impl Peer {
    pub(crate) fn new(member: Member, now: Moment) -> Self {
        Self {
            member,
            phase: PeerPhase::Asking,
            whole: false,
            sent: Position(0),
            acked: Position(0),
            promised_until: Moment::default(),
            heard: now,
            asked: Moment::default(),
            kept: Moment::default(),
            advanced: now,
            queried: Moment::default(),
            went_back: Moment::default(),
            progressed: now,
            leaving_until: Moment::default(),
            why: None,
            verified: Vec::new(),
        }
    }

    pub fn replica(&self) -> ReplicaId {
        self.member.replica
    }
}
