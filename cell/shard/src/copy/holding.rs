//! Holding a shard in a store that the nodes of a cell share: what is read is answered only for so long after the last
//! batch that the fence let through was sent. One that writes nothing sends an empty batch in time; one that gives the
//! shard up says so in the fence, once it reads no more.
//!
//! Whoever has taken the fence and waits until the one before reads no more writes what is his own (his term, his state,
//! what is trimmed), lets nobody in, and hands the shard to nobody.

use cell_replica::shared::{SharedAction, SharedEvent, SharedHolder, StoreAnswer};
use cell_replica::{Configuration, Moment, Phase};
use cell_store::WriteBatch;
use platform_model::Term;

use super::core::Core;
use super::item::Item;
use super::writer::Writer;
use crate::fence::FenceValue;
use crate::gate::ALWAYS;

impl Core {
    /// Until when reads may be answered as far as the fence goes.
    pub(crate) fn held_until(&self) -> u64 {
        match &self.holder {
            None => ALWAYS,
            Some(holder) => holder.reads_until().map_or(0, |until| until.0),
        }
    }

    /// A batch that was sent at `sent` got through the fence.
    pub(crate) fn proved(&mut self, sent: Option<Moment>) {
        let (now, Some(sent)) = (self.now(), sent) else {
            return;
        };
        let Some(holder) = &mut self.holder else { return };
        let proof = SharedEvent::CommitReturned {
            epoch: holder.epoch(),
            sent,
            answer: StoreAnswer::Done,
        };
        // One that has given the shard up takes no proof any more.
        let _ = holder.step(now, proof);
        self.publish();
    }

    /// Until when whoever held the shard before may still read; none if nobody may, or nothing comes of it here any more.
    pub(crate) fn waits_until(&self) -> Option<Moment> {
        let holder = self.holder.as_ref().filter(|_| !self.closing);
        holder.and_then(SharedHolder::waits_until)
    }

    /// The machine serves: who comes to the door is let in, as soon as nobody else may still read. Until then the fence
    /// alone is this node's: its term begins in the log meanwhile, and no write of a client is let in.
    pub(crate) fn open_in_turn(&mut self, term: Term) {
        if self.holder.as_ref().is_none_or(SharedHolder::may_write) {
            self.open_term(term);
        } else {
            self.opens_later = Some(term);
        }
    }

    /// A handover that comes while whoever held the shard before may still read is kept for later: the copy elsewhere
    /// that it is for would serve as soon as this one gives its term up, and wait for nobody.
    pub(crate) fn put_off(&mut self, config: Configuration) -> Option<Configuration> {
        let may = self.holder.as_ref().is_none_or(SharedHolder::may_hand_over);
        let hands_over = matches!(config.phase, Phase::Handover { .. });
        let newest = self.put_off.as_ref().map(|kept| kept.generation);
        if newest.is_some_and(|newest| config.generation < newest) {
            return None;
        }
        self.put_off = (hands_over && !may).then(|| config.clone());
        self.put_off.is_none().then_some(config)
    }

    /// Sends an empty batch if it is time, and nothing else is about to be sent. Whoever has waited holds from now on.
    pub(crate) fn renew(&mut self) {
        let now = self.now();
        let waits = self.waits_until().is_some();
        let is_proved_otherwise = self.machine.term().is_none() || !self.items.is_empty();
        if self.closing || (is_proved_otherwise && !waits) {
            return;
        }
        let Some(holder) = &mut self.holder else { return };
        let actions = holder.step(now, SharedEvent::Tick).unwrap_or_default();
        let renews = |action: &SharedAction| matches!(action, SharedAction::Renew { .. });
        if actions.iter().any(renews) {
            self.items.push_back(Item::Renew);
            self.wake.notify_one();
        }
        if self.waits_until().is_some() {
            return;
        }
        if let Some(term) = self.opens_later.take() {
            self.open_term(term);
            self.publish();
        }
        if let Some(config) = self.put_off.take() {
            self.configured(config);
        }
    }

    /// Nothing is read here any more. Whether that may be said in the fence.
    pub(crate) fn give_up(&mut self) -> bool {
        let now = self.now();
        let Some(holder) = &mut self.holder else {
            return false;
        };
        let actions = holder.step(now, SharedEvent::GiveUp).unwrap_or_default();
        self.publish();
        let says = |action: &SharedAction| matches!(action, SharedAction::Release { .. });
        actions.iter().any(says)
    }
}

impl Writer {
    /// Proves the fence, unless what was written just now has. The first time nobody reads any more by another's lease:
    /// the own one is said.
    pub(crate) async fn renew(&mut self) -> Result<(), super::writer::Failed> {
        let mut batch = WriteBatch::new();
        if let Some(micros) = self.says.take() {
            batch.put(self.keys.lease.clone(), self.fence.lease(micros));
        } else if self.proved.is_some() {
            return Ok(());
        }
        self.commit(batch, None).await
    }

    /// Says in the fence that the shard was given up. Tried once: without it the next one waits.
    pub(crate) async fn release(&mut self) {
        let next = FenceValue {
            released: true,
            ..self.fence.next_attempt()
        };
        let mut batch = WriteBatch::new();
        batch.put(self.keys.fence.clone(), next.encode());
        if let Err(error) = self.store.commit(batch, self.fences()).await {
            tracing::info!(shard = %self.shard, %error, "the fence does not say that the shard was given up");
        }
    }
}
