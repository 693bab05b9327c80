//! Switchover, the replicas' part. Once a `Handover` is *committed* the primary stops writes, waits until all is
//! committed, stops reads, notes durably that it gave its term up, and sends `Release`. The target confirms to the
//! control plane, whose configuration makes it the primary; holding the Release it need not wait out its promise.
//!
//! The old primary goes on only under a configuration that is newer than the handover: an unanswered cancel is no
//! cancel.

use platform_model::{Epoch, Generation, Term};

use crate::action::Action;
use crate::config::Phase;
use crate::entry::{Content, Head};
use crate::frame::Message;
use crate::moment::Moment;
use crate::persist::Done;
use crate::plant::Plant;
use crate::primary::Stage;
use crate::refusal::Refusal;
use crate::replica::{Out, Replica, Role};

/// What the target of a handover holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Release {
    /// The term that was given up.
    pub term: Term,
    pub generation: Generation,
    /// The epoch that the target will lead.
    pub epoch: Epoch,
}

/// A release that came before the configuration that it is about: who leads read that first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Early {
    pub term: Term,
    generation: Generation,
    epoch: Epoch,
    last: Head,
}

impl<C: Content> Replica<C> {
    /// Follows a handover as far as it is: called whenever something may have changed.
    pub(crate) fn drain(&mut self, now: Moment, out: &mut Out<C>) {
        let Some(config) = &self.meta.config else { return };
        let (generation, phase) = (config.generation, config.phase);
        let end = self.log.end();
        let all = self.durable == end;
        let Role::Primary(primary) = &mut self.role else {
            return;
        };
        let hands_over = matches!(phase, Phase::Handover { .. });
        match primary.stage {
            Stage::Serving if hands_over => primary.stage = Stage::Draining,
            Stage::Draining if !hands_over => primary.stage = Stage::Serving,
            _ => {}
        }
        if primary.stage == Stage::Draining && all && primary.committed == end {
            primary.stage = Stage::Released;
            primary.released_at = now;
            // It served itself until now: a standby from here on, it is no witness yet that nobody serves.
            self.heard = now;
            self.meta.released = Some((primary.term.epoch, generation));
            self.persist_meta(Done::Released(generation), out);
        }
    }

    pub(crate) fn release_stored(&mut self, generation: Generation, out: &mut Out<C>) {
        let Some(config) = &self.meta.config else { return };
        let Phase::Handover { target, epoch } = config.phase else {
            return;
        };
        let Role::Primary(primary) = &self.role else {
            return;
        };
        if primary.stage != Stage::Released || config.generation != generation {
            return;
        }
        let (term, last) = (primary.term, self.log.last());
        let Some(peer) = primary.peer(target) else { return };
        let message = Message::Release {
            generation,
            epoch,
            last,
        };
        self.send(peer.member, term, message, out);
    }

    /// The primary gave its term up to this copy.
    pub(crate) fn release(
        &mut self,
        generation: Generation,
        epoch: Epoch,
        last: Head,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        if self.is_unread(generation) {
            return self.note_early(generation, epoch, last);
        }
        let meant = self.meta.config.as_ref().is_some_and(|config| {
            let to_me =
                matches!(config.phase, Phase::Handover { target, .. } if Some(target) == self.meta.replica);
            config.generation == generation && to_me
        });
        if !meant || !self.is_whole() {
            return Err(self.not_now());
        }
        let (position, end) = (last.position, self.durable);
        if position != end || self.log.end() != end {
            return Err(Refusal::Gap { position, end });
        }
        if self.log.last() != last {
            return Err(Refusal::ChainMisfit { position });
        }
        let term = self.meta.term;
        let Role::Follower(follower) = &mut self.role else {
            return Err(self.not_now());
        };
        if follower.release.is_some() {
            if let Some(confirmed) = follower.confirmed {
                self.confirm(confirmed, out);
            }
            return Ok(());
        }
        follower.release = Some(Release {
            term,
            generation,
            epoch,
        });
        self.meta.candidate = self.meta.candidate.max(epoch);
        self.persist_meta(Done::Confirmed(generation), out);
        Ok(())
    }

    /// Whether a configuration was not read here yet.
    fn is_unread(&self, generation: Generation) -> bool {
        let known = self.meta.config.as_ref();
        known.is_some_and(|known| known.generation < generation)
    }

    /// Kept until its configuration is read: asking for it again would cost the shard a pause.
    fn note_early(&mut self, generation: Generation, epoch: Epoch, last: Head) -> Result<(), Refusal> {
        let (term, not_now) = (self.meta.term, self.not_now());
        let Role::Follower(follower) = &mut self.role else {
            return Err(not_now);
        };
        follower.early = Some(Early {
            term,
            generation,
            epoch,
            last,
        });
        Ok(())
    }

    /// A configuration was read: a release that came before it is taken now, as if it came now.
    pub(crate) fn take_early(&mut self, out: &mut Out<C>) {
        let Some(config) = &self.meta.config else { return };
        let (generation, epoch) = (config.generation, config.epoch);
        let Role::Follower(follower) = &mut self.role else {
            return;
        };
        let Some(early) = follower.early.take_if(|early| early.generation <= generation) else {
            return;
        };
        if early.generation == generation && early.term.epoch == epoch && self.heeds(early.term) {
            // One that does not fit is said again.
            let _ = self.release(early.generation, early.epoch, early.last, out);
        }
    }

    /// Tells the control plane that everything is here.
    pub(crate) fn confirm(&mut self, generation: Generation, out: &mut Out<C>) {
        let current = self
            .meta
            .config
            .as_ref()
            .is_some_and(|config| config.generation == generation);
        let Some(replica) = self.meta.replica else { return };
        let last = self.log.last();
        let Role::Follower(follower) = &mut self.role else {
            return;
        };
        if let Some(held) = &follower.release
            && held.generation == generation
            && current
        {
            follower.confirmed = Some(generation);
            let epoch = held.epoch;
            out.push(Action::Confirm {
                generation,
                epoch,
                replica,
                last,
            });
        }
    }

    /// Whether the primary before gave its term up to this copy, for this epoch.
    pub(crate) fn holds_release(&self, epoch: Epoch) -> bool {
        matches!(&self.role, Role::Follower(follower)
            if follower.release.as_ref().is_some_and(|held| held.epoch == epoch))
    }

    /// It says again that it gave up, for the first time may have been lost. It never goes on by itself.
    pub(crate) fn released_tick(&mut self, now: Moment, out: &mut Out<C>) {
        let retry = self.retry_micros();
        let impatient = self.plants.has(Plant::ResumeDuringHandover);
        let Role::Primary(primary) = &mut self.role else {
            return;
        };
        if now.since(primary.released_at) >= retry {
            primary.released_at = now;
            if impatient && primary.start.0 > 0 {
                primary.stage = Stage::Serving;
                return;
            }
            if let Some((_, generation)) = self.meta.released {
                self.release_stored(generation, out);
            }
        }
    }
}
