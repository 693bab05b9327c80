//! Takeover in a shared store: a cell whose nodes share one store moves a shard without a copy.
//!
//! Only the control plane gives epochs. The taker sets the fence to exactly (epoch, node); from then on the commits of
//! the one before fail. The holder may read until d(1-r) after it *sent* its last successful fenced commit (an idle
//! one renews by an empty one); the taker waits d(1+r) after its fence commit *returned*: whatever the holder sent
//! successfully it sent before that. No lease record, no clock in the store.
//!
//! Each counts its own `d`, for two of one cell may be of different releases: the fence says the holder's, and the taker
//! waits for whichever is longer.
//!
//! A holder that gives the shard up on purpose says so in the fence, once it reads no more: then nobody has to be waited
//! for. Whoever has not waited himself may not say it, for the one before him may still read; nor may he let in who
//! writes, or hand the shard over to a copy elsewhere, which then would not wait either.

use platform_model::Epoch;

use crate::limits::RENEWALS_PER_LEASE;
use crate::moment::{Moment, counted, kept};

/// How a commit of the store ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreAnswer {
    Done,
    /// Of a fence: done, and nobody can be reading. It is the first, or whoever held before had given the shard up.
    Free,
    /// The fence is not the own one: nothing was written.
    Fenced,
    /// It may have been written.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SharedEvent {
    /// The control plane gave this node the epoch.
    Assigned {
        epoch: Epoch,
    },
    /// The commit that sets the fence returned. Whoever held it before may read for `held_micros` after a proof.
    FenceReturned {
        epoch: Epoch,
        answer: StoreAnswer,
        held_micros: u64,
    },
    /// A fenced commit that was sent at `sent` returned.
    CommitReturned {
        epoch: Epoch,
        sent: Moment,
        answer: StoreAnswer,
    },
    /// The shard is another's, or the process ends: it is given up on purpose.
    GiveUp,
    Tick,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SharedAction {
    /// Set the fence to (epoch, this node) if it is of a lower epoch, or this node's already.
    SetFence {
        epoch: Epoch,
    },
    /// Commit nothing, under the fence.
    Renew {
        epoch: Epoch,
    },
    /// Say in the fence that nobody reads any more, if it is this node's still.
    Release {
        epoch: Epoch,
    },
    Serving {
        epoch: Epoch,
    },
    Ended {
        epoch: Epoch,
    },
}

/// Why an event of a shared store changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SharedRefusal {
    #[error("{given} was given out before {held}")]
    OldEpoch { given: Epoch, held: Epoch },
    #[error("nothing of {epoch} is under way")]
    NotAwaited { epoch: Epoch },
}

/// Planted bugs of the takeover.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct SharedPlants {
    /// The taker does not wait.
    pub no_wait: bool,
    /// The lease counts from the answer of a commit instead of from its start.
    pub counts_from_answer: bool,
    /// Whoever waits already says that nobody reads.
    pub releases_while_waiting: bool,
    /// Whoever waits lets in who writes.
    pub writes_while_waiting: bool,
    /// Whoever waits hands over to a copy elsewhere.
    pub hands_over_while_waiting: bool,
    /// The taker waits for a lease of his own length.
    pub waits_the_own_lease: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum SharedRole {
    Idle,
    Fencing { asked: Moment },
    Waiting { until: Moment },
    Holding,
}

/// One node's part in one shard of a shared store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SharedHolder {
    epoch: Epoch,
    lease_micros: u64,
    role: SharedRole,
    /// When the last successful fenced commit was sent.
    proved: Moment,
    renewed: Moment,
    plants: SharedPlants,
}

impl SharedHolder {
    pub fn new(lease_micros: u64, plants: SharedPlants) -> Self {
        Self {
            epoch: Epoch(0),
            lease_micros,
            role: SharedRole::Idle,
            proved: Moment::default(),
            renewed: Moment::default(),
            plants,
        }
    }

    /// Whether a read whose snapshot was opened before may be answered.
    pub fn may_read(&self, now: Moment) -> bool {
        self.reads_until().is_some_and(|until| now < until)
    }

    /// Until when [`Self::may_read`] says yes if nothing else happens.
    pub fn reads_until(&self) -> Option<Moment> {
        let proved = self.role == SharedRole::Holding && self.proved > Moment::default();
        proved.then(|| self.proved.plus(counted(self.lease_micros)))
    }

    /// How long whoever has set the fence waits until it holds; none if it waits for nothing.
    pub fn waits_until(&self) -> Option<Moment> {
        match self.role {
            SharedRole::Waiting { until } => Some(until),
            _ => None,
        }
    }

    /// Whether clients may be let in: nobody else may still read. The fence decides of what they write in the end.
    pub fn may_write(&self) -> bool {
        self.role == SharedRole::Holding || (self.plants.writes_while_waiting && self.waits_until().is_some())
    }

    /// Whether the shard may be handed over to a copy elsewhere, which then serves at once.
    pub fn may_hand_over(&self) -> bool {
        self.plants.hands_over_while_waiting || self.waits_until().is_none()
    }

    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// # Errors
    /// A refused event has changed nothing.
    pub fn step(&mut self, now: Moment, event: SharedEvent) -> Result<Vec<SharedAction>, SharedRefusal> {
        match event {
            SharedEvent::Assigned { epoch } => self.assigned(now, epoch),
            SharedEvent::FenceReturned {
                epoch,
                answer,
                held_micros,
            } => self.fence_returned(now, epoch, answer, held_micros),
            SharedEvent::CommitReturned { epoch, sent, answer } => {
                self.commit_returned(now, epoch, sent, answer)
            }
            SharedEvent::GiveUp => Ok(self.give_up()),
            SharedEvent::Tick => Ok(self.tick(now)),
        }
    }

    fn give_up(&mut self) -> Vec<SharedAction> {
        let epoch = self.epoch;
        let waits = matches!(self.role, SharedRole::Waiting { .. });
        let says = self.role == SharedRole::Holding || (waits && self.plants.releases_while_waiting);
        let mut actions = self.end();
        if says {
            actions.push(SharedAction::Release { epoch });
        }
        actions
    }

    fn assigned(&mut self, now: Moment, epoch: Epoch) -> Result<Vec<SharedAction>, SharedRefusal> {
        if epoch <= self.epoch {
            return Err(SharedRefusal::OldEpoch {
                given: epoch,
                held: self.epoch,
            });
        }
        let mut actions = self.end();
        self.epoch = epoch;
        self.role = SharedRole::Fencing { asked: now };
        actions.push(SharedAction::SetFence { epoch });
        Ok(actions)
    }

    fn fence_returned(
        &mut self,
        now: Moment,
        epoch: Epoch,
        answer: StoreAnswer,
        held_micros: u64,
    ) -> Result<Vec<SharedAction>, SharedRefusal> {
        let fencing = matches!(self.role, SharedRole::Fencing { .. });
        if epoch != self.epoch || !fencing {
            return Err(SharedRefusal::NotAwaited { epoch });
        }
        match answer {
            StoreAnswer::Done | StoreAnswer::Free => {
                let wait = if answer == StoreAnswer::Free || self.plants.no_wait {
                    0
                } else if self.plants.waits_the_own_lease {
                    kept(self.lease_micros)
                } else {
                    kept(self.lease_micros.max(held_micros))
                };
                self.role = SharedRole::Waiting {
                    until: now.plus(wait),
                };
                Ok(self.tick(now))
            }
            StoreAnswer::Fenced => Ok(self.end()),
            // It is set again on a tick: setting it twice is setting it once.
            StoreAnswer::Unknown => Ok(Vec::new()),
        }
    }

    fn commit_returned(
        &mut self,
        now: Moment,
        epoch: Epoch,
        sent: Moment,
        answer: StoreAnswer,
    ) -> Result<Vec<SharedAction>, SharedRefusal> {
        if epoch != self.epoch || self.role != SharedRole::Holding {
            return Err(SharedRefusal::NotAwaited { epoch });
        }
        match answer {
            StoreAnswer::Done | StoreAnswer::Free => {
                let from = if self.plants.counts_from_answer { now } else { sent };
                self.proved = self.proved.max(from);
                Ok(Vec::new())
            }
            StoreAnswer::Fenced => Ok(self.end()),
            StoreAnswer::Unknown => Ok(Vec::new()),
        }
    }

    fn tick(&mut self, now: Moment) -> Vec<SharedAction> {
        let epoch = self.epoch;
        let pace = self.lease_micros / RENEWALS_PER_LEASE;
        match self.role {
            SharedRole::Fencing { asked } if now.since(asked) >= pace => {
                self.role = SharedRole::Fencing { asked: now };
                vec![SharedAction::SetFence { epoch }]
            }
            SharedRole::Waiting { until } if now >= until => {
                self.role = SharedRole::Holding;
                self.proved = Moment::default();
                self.renewed = now;
                vec![SharedAction::Serving { epoch }, SharedAction::Renew { epoch }]
            }
            // One that writes proves the fence with what it writes.
            SharedRole::Holding if now.since(self.renewed.max(self.proved)) >= pace => {
                self.renewed = now;
                vec![SharedAction::Renew { epoch }]
            }
            _ => Vec::new(),
        }
    }

    fn end(&mut self) -> Vec<SharedAction> {
        let held = matches!(self.role, SharedRole::Holding);
        self.role = SharedRole::Idle;
        let epoch = self.epoch;
        if held {
            vec![SharedAction::Ended { epoch }]
        } else {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests;
