//! A copy of the shard in another cell, to which the holder can hand over: it holds the holder's release and so serves at
//! once, and waits for nobody. What it writes lies elsewhere; here it counts as one more server.

use cell_replica::shared::SharedEvent;
use platform_model::Epoch;

use super::{Happening, World};

impl World {
    /// The node gives its term up to the copy elsewhere, once it has nothing under way.
    pub(super) fn hand_over(&mut self, node: usize, epoch: Epoch) {
        let holder = &self.holders[node];
        if self.epoch != epoch || holder.epoch() != epoch {
            return;
        }
        let leads = holder.may_write() || holder.waits_until().is_some();
        if !leads || !holder.may_hand_over() {
            return;
        }
        let writer = &self.writers[node];
        if writer.under_way.is_some() || writer.sought.is_some() {
            let at = self.now + self.random.between(500, 5_000);
            self.queue.push(at, Happening::HandOver { node, epoch });
            return;
        }
        self.drive(node, SharedEvent::GiveUp);
        let at = self.now + self.random.between(200, 6_000);
        self.queue.push(at, Happening::Elsewhere { epoch });
    }

    /// The configuration makes it the primary, unless another one was committed first.
    pub(super) fn serve_elsewhere(&mut self, epoch: Epoch) {
        if self.epoch == epoch {
            self.run.handovers += 1;
            self.elsewhere_until = self.now + self.random.between(20_000, 200_000);
        }
    }
}
