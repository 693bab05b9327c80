//! Who counts. The effective set is every standby that is in-sync in the newest configuration that the primary
//! knows, or in a proposal of its own whose outcome it does not know: so it always contains the in-sync set of the
//! control plane. Only the primary proposes an addition; a standby leaves only when the primary has read a committed
//! configuration without it.

use platform_model::{Position, ReplicaId};

use crate::action::{Action, Change, Proposal};
use crate::config::{Configuration, Phase, StandbyState};
use crate::entry::Content;
use crate::limits::{JOIN_LAG_ENTRIES, STALLED_LEASES, SUSPECT_PER_LEASE};
use crate::moment::Moment;
use crate::peer::{Peer, PeerPhase};
use crate::persist::Done;
use crate::plant::Plant;
use crate::primary::{Primary, Stage};
use crate::replica::{Out, Replica, Role};
use crate::report::Unusable;

impl<C: Content> Replica<C> {
    /// Proposes what is due: at most one change, again after a while, until a newer configuration is read.
    pub(crate) fn tend(&mut self, now: Moment, out: &mut Out<C>) {
        let Some(config) = &self.meta.config else { return };
        let Role::Primary(primary) = &self.role else {
            return;
        };
        let (generation, epoch) = (config.generation, config.epoch);
        let due = primary.proposed == Moment::default() || now.since(primary.proposed) >= self.retry_micros();
        if primary.stage < Stage::Reconciling || primary.stage == Stage::Released || !due {
            return;
        }
        let steady = config.phase == Phase::Steady && primary.stage == Stage::Serving;
        if let Some(change) = self.change_due(now, config, primary) {
            let Some(by) = self.meta.replica else { return };
            let proposal = Proposal {
                generation,
                epoch,
                by,
                change,
            };
            out.push(Action::Propose(proposal));
            self.proposed(now, change);
        } else if steady && self.meta.proposal.is_none() {
            self.join(now, out);
        }
    }

    fn proposed(&mut self, now: Moment, change: Change) {
        if let Change::Drop(member) = change
            && self.plants.has(Plant::AcksByAStaleSet)
        {
            self.meta.effective.retain(|other| *other != member);
        }
        if let Role::Primary(primary) = &mut self.role {
            primary.proposed = now;
        }
    }

    fn change_due(&self, now: Moment, config: &Configuration, primary: &Primary) -> Option<Change> {
        if config.unborn && primary.committed >= primary.start && primary.start > Position(0) {
            return Some(Change::Born);
        }
        if let Some(change) = self.damage_due(config, primary) {
            return Some(change);
        }
        let suspect_micros = config.lease_micros / SUSPECT_PER_LEASE;
        let lost = |peer: &Peer| {
            now < peer.leaving_until
                || peer.phase == PeerPhase::Unusable
                || now.since(peer.heard) > suspect_micros
                || now.since(peer.advanced) > config.lease_micros * STALLED_LEASES
        };
        let lost_member = self
            .meta
            .effective
            .iter()
            .find(|member| primary.peer(**member).is_none_or(lost));
        if let Some(member) = lost_member {
            return Some(Change::Drop(*member));
        }
        if primary.stage != Stage::Serving || config.phase != Phase::Steady {
            return None;
        }
        if let Some((at, member)) = self.meta.proposal {
            let ready = at == config.generation && self.has_joined(now, primary, member);
            return ready.then_some(Change::Add(member));
        }
        let complete = |peer: &&Peer| {
            peer.whole && peer.phase == PeerPhase::Streaming && is_copying(config, peer.replica())
        };
        primary
            .peers
            .iter()
            .find(complete)
            .map(|peer| Change::Complete(peer.replica()))
    }

    /// A standby whose data differs must not only leave: whoever leads next could not know why it left, would find its
    /// log in order and take it back.
    fn damage_due(&self, config: &Configuration, primary: &Primary) -> Option<Change> {
        let due = |peer: &&Peer| {
            let state = config.standby(peer.replica()).map(|standby| standby.state);
            peer.why == Some(Unusable::Mismatch) && state > Some(StandbyState::Damaged)
        };
        let found = primary.peers.iter().find(due).map(Peer::replica);
        found
            .filter(|_| !self.plants.has(Plant::MismatchForgotten))
            .map(Change::Damaged)
    }

    /// Whether a standby in the effective set has promised and has all that there was when it was put in.
    fn has_joined(&self, now: Moment, primary: &Primary, member: ReplicaId) -> bool {
        let stored = self.pending.iter().all(|pending| pending.done != Done::Joined);
        stored
            && primary
                .peer(member)
                .is_some_and(|peer| peer.acked >= primary.joined_at && now < peer.promised_until)
    }

    /// Puts a standby that has nearly caught up into the effective set, durably, before anything is proposed.
    fn join(&mut self, now: Moment, out: &mut Out<C>) {
        let Some(config) = &self.meta.config else { return };
        let Role::Primary(primary) = &self.role else {
            return;
        };
        let (generation, durable) = (config.generation, self.durable);
        let suspect_micros = config.lease_micros / SUSPECT_PER_LEASE;
        let fit = |peer: &&Peer| {
            let state = config.standby(peer.replica()).map(|standby| standby.state);
            state == Some(StandbyState::CatchingUp)
                && peer.whole
                && peer.phase == PeerPhase::Streaming
                && now >= peer.leaving_until
                && durable.0.saturating_sub(peer.acked.0) <= JOIN_LAG_ENTRIES
                && now.since(peer.heard) <= suspect_micros
                && now < peer.promised_until
        };
        let Some(member) = primary.peers.iter().find(fit).map(Peer::replica) else {
            return;
        };
        self.meta.proposal = Some((generation, member));
        if !self.meta.effective.contains(&member) {
            self.meta.effective.push(member);
        }
        if let Role::Primary(primary) = &mut self.role {
            primary.joined_at = durable;
            primary.proposed = Moment::default();
        }
        self.persist_meta(Done::Joined, out);
    }

    /// Whether the configuration still calls the peer a copy in the making.
    pub(crate) fn is_copying(&self, index: usize) -> bool {
        let Role::Primary(primary) = &self.role else {
            return false;
        };
        let (Some(config), Some(peer)) = (&self.meta.config, primary.peers.get(index)) else {
            return false;
        };
        is_copying(config, peer.replica())
    }
}

fn is_copying(config: &Configuration, replica: ReplicaId) -> bool {
    config
        .standby(replica)
        .is_some_and(|standby| standby.state == StandbyState::Copying)
}
