//! Verify: one barrier per chunk in the log; each replica digests the chunk as it is just after that entry. The
//! certificate of a standby is the list (chunk, position, digest) that was found equal, in this term, for this
//! replica id; a copy or a rewind makes it void.

use platform_model::{Position, ReplicaId};

use crate::action::Action;
use crate::entry::{Body, Content};
use crate::frame::Message;
use crate::limits::CHUNKS_MAX;
use crate::moment::Moment;
use crate::primary::{Primary, Stage};
use crate::refusal::Refusal;
use crate::replica::{Out, Replica, Role};
use crate::report::{Report, Unusable};

/// Barriers that a primary remembers, the newest.
const BARRIERS_MAX: usize = 64;

/// A chunk that is being verified.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Barrier {
    chunk: u32,
    position: Position,
    own: Option<u64>,
    /// Digests that came before the own one was known: which peer, what.
    early: Vec<(ReplicaId, u64)>,
}

impl Primary {
    pub(crate) fn await_digest(&mut self, chunk: u32, position: Position) {
        if self.barriers.len() >= BARRIERS_MAX {
            self.barriers.remove(0);
        }
        self.barriers.push(Barrier {
            chunk,
            position,
            own: None,
            early: Vec::new(),
        });
    }
}

impl<C: Content> Replica<C> {
    pub(crate) fn verify(&mut self, now: Moment, chunk: u32, out: &mut Out<C>) -> Result<(), Refusal> {
        self.may_write(now)?;
        out.push(Action::Seal(Body::Barrier { chunk }));
        Ok(())
    }

    /// The host digested a chunk here.
    pub(crate) fn digested(
        &mut self,
        chunk: u32,
        position: Position,
        digest: u64,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        let other = Refusal::OtherPosition { chunk, position };
        match &mut self.role {
            Role::Primary(primary) => {
                let awaited = |barrier: &&mut Barrier| barrier.position == position && barrier.chunk == chunk;
                let barrier = primary.barriers.iter_mut().find(awaited).ok_or(other)?;
                barrier.own = Some(digest);
                let early = std::mem::take(&mut barrier.early);
                for (replica, theirs) in early {
                    let known = primary_peer(&self.role, replica);
                    if let Some(index) = known {
                        self.judge(index, chunk, position, digest == theirs, out);
                    }
                }
                Ok(())
            }
            Role::Follower(follower) => {
                let leader = follower.leader;
                if !self.is_whole() {
                    return Err(Refusal::NotWhole);
                }
                if let Some((leader, term)) = leader {
                    let message = Message::Digest {
                        chunk,
                        position,
                        digest,
                    };
                    self.send(leader, term, message, out);
                }
                Ok(())
            }
            _ => Err(self.not_now()),
        }
    }

    /// A standby digested a chunk.
    pub(crate) fn digest_of(
        &mut self,
        index: usize,
        chunk: u32,
        position: Position,
        digest: u64,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        let Role::Primary(primary) = &mut self.role else {
            return Err(self.not_now());
        };
        let replica = primary.peers[index].replica();
        let awaited = |barrier: &&mut Barrier| barrier.position == position && barrier.chunk == chunk;
        let barrier = primary
            .barriers
            .iter_mut()
            .find(awaited)
            .ok_or(Refusal::OtherPosition { chunk, position })?;
        match barrier.own {
            Some(own) => self.judge(index, chunk, position, own == digest, out),
            None => barrier.early.push((replica, digest)),
        }
        Ok(())
    }

    fn judge(&mut self, index: usize, chunk: u32, position: Position, equal: bool, out: &mut Out<C>) {
        let Role::Primary(primary) = &mut self.role else {
            return;
        };
        let term = primary.term;
        let serving = primary.stage == Stage::Serving;
        let peer = &mut primary.peers[index];
        let replica = peer.replica();
        if !equal {
            peer.verified.clear();
            out.push(Action::Report(Report::Mismatch {
                replica,
                chunk,
                position,
            }));
            self.give_up(index, Unusable::Mismatch, out);
            return;
        }
        peer.verified.retain(|(other, ..)| *other != chunk);
        if peer.verified.len() < CHUNKS_MAX && serving {
            peer.verified.push((chunk, position, 0));
        }
        let chunks = u32::try_from(peer.verified.len()).unwrap_or(u32::MAX);
        out.push(Action::Report(Report::Certified {
            replica,
            term,
            chunks,
        }));
    }
}

/// Where the primary keeps what it knows of the standby.
fn primary_peer(role: &Role, replica: ReplicaId) -> Option<usize> {
    match role {
        Role::Primary(primary) => primary.peer_index(replica),
        _ => None,
    }
}
