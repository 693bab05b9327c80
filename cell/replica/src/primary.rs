//! Leading: what a term holds, how it begins and ends.
//!
//! A term is (epoch, incarnation). The incarnation is raised durably each time a copy begins to lead, so that no two
//! terms ever share a name, and with it goes the effective set: durable before it is used.

use platform_model::{Epoch, Generation, Incarnation, Position, ReplicaId, Term};

use crate::action::Action;
use crate::config::{Configuration, StandbyState};
use crate::entry::Content;
use crate::moment::Moment;
use crate::peer::{Peer, PeerPhase};
use crate::persist::Done;
use crate::plant::Plant;
use crate::replica::{Out, Replica, Role};
use crate::report::Unusable;
use crate::verify::Barrier;

/// How far a term is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Term and effective set are being made durable.
    Raising,
    /// It learns how every member of the effective set stands.
    Reconciling,
    /// The `term` entry is under way to all of them.
    Opening,
    Serving,
    /// A handover: no writes; it waits until all is committed.
    Draining,
    /// A handover: no reads either. Only a committed configuration ends this.
    Released,
}

impl Stage {
    pub fn name(self) -> &'static str {
        match self {
            Self::Raising => "raising",
            Self::Reconciling => "reconciling",
            Self::Opening => "opening",
            Self::Serving => "serving",
            Self::Draining => "draining",
            Self::Released => "released",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Primary {
    pub term: Term,
    pub stage: Stage,
    pub peers: Vec<Peer>,
    /// 0 until the `term` entry is acknowledged by all.
    pub committed: Position,
    /// Of the `term` entry; 0 until it is sealed.
    pub start: Position,
    /// The primary before handed over: it serves no more, so the own promise to it need not be waited out.
    pub(crate) released_to_me: bool,
    /// What a standby that is to be added must have acknowledged.
    pub(crate) joined_at: Position,
    pub(crate) proposed: Moment,
    pub(crate) released_at: Moment,
    pub(crate) barriers: Vec<Barrier>,
}

impl Primary {
    pub(crate) fn new(term: Term, stage: Stage) -> Self {
        Self {
            term,
            stage,
            peers: Vec::new(),
            committed: Position(0),
            start: Position(0),
            released_to_me: false,
            joined_at: Position(0),
            proposed: Moment::default(),
            released_at: Moment::default(),
            barriers: Vec::new(),
        }
    }

    pub fn peer(&self, replica: ReplicaId) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.member.replica == replica)
    }

    pub(crate) fn peer_index(&self, replica: ReplicaId) -> Option<usize> {
        self.peers.iter().position(|peer| peer.member.replica == replica)
    }

    /// Knows exactly the standbys of the configuration; what is known of those that stay is kept.
    pub(crate) fn meet(&mut self, config: &Configuration, now: Moment) {
        // One that stands on another node now is met anew: what the node before says counts no more.
        let stays = |peer: &Peer| {
            let standby = config.standby(peer.replica());
            standby.is_some_and(|standby| standby.member == peer.member)
        };
        self.peers.retain(stays);
        for standby in &config.standbys {
            if self.peer(standby.member.replica).is_none() {
                self.peers.push(Peer::new(standby.member, now));
            }
        }
        let damaged = |peer: &&mut Peer| {
            let standby = config.standby(peer.replica());
            standby.is_some_and(|standby| standby.state == StandbyState::Damaged)
        };
        for peer in self.peers.iter_mut().filter(damaged) {
            // Whoever found it out may be gone.
            peer.phase = PeerPhase::Unusable;
            peer.why = Some(Unusable::Mismatch);
        }
    }
}

impl<C: Content> Replica<C> {
    /// The configuration says that this copy leads.
    pub(crate) fn lead(&mut self, now: Moment, config: &Configuration, out: &mut Out<C>) {
        let epoch = config.epoch;
        let resumes = self.may_resume(config);
        if let Role::Primary(primary) = &self.role
            && primary.term.epoch == epoch
            && !resumes
        {
            self.reconfigured(now, config, out);
            return;
        }
        if epoch < self.meta.promised || epoch < self.meta.term.epoch || !self.is_whole() {
            self.follow(out);
            return;
        }
        let asked = self.meta.candidate >= epoch || self.meta.term.epoch == epoch || config.unborn;
        if !asked && !self.plants.has(crate::Plant::EmptyDiskUnderAnOldName) {
            // Whoever is made primary was asked first and remembers it: this disk is older than that.
            self.forgot(now, out);
            return;
        }
        match self.meta.released {
            Some((of, at)) if of == epoch && at >= config.generation => self.stay_released(now, config, out),
            _ => self.raise(now, config, out),
        }
    }

    fn raise(&mut self, now: Moment, config: &Configuration, out: &mut Out<C>) {
        let epoch = config.epoch;
        if self.meta.term.epoch != epoch {
            self.meta.proposal = None;
        }
        let released_to_me = self.holds_release(epoch);
        self.end_term(out);
        self.meta.released = None;
        let planted = self.plants.has(Plant::TwoContentsAtOnePosition);
        if !planted || self.meta.incarnation == Incarnation::default() {
            self.meta.incarnation = self.meta.incarnation.next();
        }
        self.meta.term = Term {
            epoch,
            incarnation: self.meta.incarnation,
        };
        self.meta.effective = self.effective_in(config);
        let mut primary = Primary::new(self.meta.term, Stage::Raising);
        primary.released_to_me = released_to_me;
        primary.meet(config, now);
        self.role = Role::Primary(Box::new(primary));
        self.persist_meta(Done::Raised(self.meta.term), out);
    }

    /// It restarted after it gave its term up: it waits for a configuration.
    fn stay_released(&mut self, now: Moment, config: &Configuration, out: &mut Out<C>) {
        self.end_term(out);
        let mut primary = Primary::new(self.meta.term, Stage::Released);
        primary.meet(config, now);
        primary.released_at = now;
        self.role = Role::Primary(Box::new(primary));
    }

    /// Whether a newer configuration has ended the handover that this copy released its term for, in its favour.
    fn may_resume(&self, config: &Configuration) -> bool {
        let given_up = |(of, at): (Epoch, Generation)| of == config.epoch && at < config.generation;
        let released = matches!(&self.role, Role::Primary(primary) if primary.stage == Stage::Released);
        released && self.meta.released.is_some_and(given_up)
    }

    /// In-sync in the newest configuration that is known, or in a proposal of its own whose outcome is not.
    pub(crate) fn effective_in(&self, config: &Configuration) -> Vec<ReplicaId> {
        let mut members: Vec<ReplicaId> = config.in_sync().collect();
        if let Some((_, member)) = self.meta.proposal
            && !members.contains(&member)
        {
            members.push(member);
        }
        members
    }

    pub(crate) fn raised(&mut self, now: Moment, term: Term, out: &mut Out<C>) {
        let Role::Primary(primary) = &mut self.role else {
            return;
        };
        if primary.term != term || primary.stage != Stage::Raising {
            return;
        }
        primary.stage = Stage::Reconciling;
        self.query_all(now, out);
        self.reconciled(out);
    }

    /// A newer configuration of the epoch that it leads.
    fn reconfigured(&mut self, now: Moment, config: &Configuration, out: &mut Out<C>) {
        self.meta.effective = self.effective_in(config);
        let Role::Primary(primary) = &mut self.role else {
            return;
        };
        primary.meet(config, now);
        primary.proposed = Moment::default();
        self.drain(now, out);
        self.reconciled(out);
        self.advance(out);
        self.tend(now, out);
    }

    /// It leads no more.
    pub(crate) fn end_term(&mut self, out: &mut Out<C>) {
        if let Role::Primary(primary) = &self.role {
            out.push(Action::TermEnded(primary.term));
            self.waiting.clear();
            self.role = Role::Follower(crate::follower::Follower::default());
        }
    }

    /// More is known of this copy than is on its disk: it is not what it was.
    pub(crate) fn forgot(&mut self, now: Moment, out: &mut Out<C>) {
        self.end_term(out);
        self.role = Role::Amnesiac;
        self.told = Moment::default();
        self.tell_amnesia(now, out);
    }
}
