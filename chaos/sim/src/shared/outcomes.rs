//! How a node hears what became of its batches, and how it finds out where it does not hear: it raises its attempt, and then
//! reads under which number the newest batch stands, and under whose fence.

use cell_replica::shared::{SharedEvent, StoreAnswer};

use super::plant::SharedPlant;
use super::store::{Batch, Fence, Landed};
use super::{Happening, Sent, Sought, World};

impl World {
    pub(super) fn answered(&mut self, node: usize, sent: Sent, landed: Option<Landed>) {
        // One that was given up is not heard any more.
        if self.writers[node].under_way != Some(sent) {
            return;
        }
        self.writers[node].under_way = None;
        if let Some(Landed::Done(fence) | Landed::Taken { fence, .. }) = landed {
            self.writers[node].fence = Some(fence);
        }
        let answer = match landed {
            Some(Landed::Taken { free: true, .. }) => {
                self.run.released += 1;
                StoreAnswer::Free
            }
            Some(Landed::Done(_) | Landed::Taken { .. }) => StoreAnswer::Done,
            Some(Landed::Fenced) => StoreAnswer::Fenced,
            None => StoreAnswer::Unknown,
        };
        let epoch = sent.epoch;
        let event = match sent.batch {
            Batch::Take(epoch) => SharedEvent::FenceReturned {
                epoch,
                answer,
                held_micros: match landed {
                    Some(Landed::Taken { held_micros, .. }) => held_micros,
                    _ => 0,
                },
            },
            _ => SharedEvent::CommitReturned {
                epoch,
                sent: sent.at,
                answer,
            },
        };
        if let Some(Landed::Taken { number, .. }) = landed {
            // The fence is set: what is read now nobody else changes.
            self.writers[node].number = number;
        }
        self.drive(node, event);
        self.settle(node, sent.batch, answer);
    }

    /// What the client of a write hears; and the outcome of one that is unknown.
    fn settle(&mut self, node: usize, batch: Batch, answer: StoreAnswer) {
        match (batch, answer) {
            (Batch::Take(_), StoreAnswer::Done) if self.holders[node].waits_until().is_some() => {
                self.write_own(node);
            }
            (Batch::Write { value, number }, StoreAnswer::Done) => {
                self.writers[node].number = number;
                self.store.acknowledge(node, value);
            }
            (Batch::Own { number }, StoreAnswer::Done) => self.writers[node].number = number,
            (Batch::Write { .. } | Batch::Own { .. }, StoreAnswer::Unknown) => self.seek(node, batch),
            // The attempt may have been raised all the same: only an answer counts, and what stands is read first.
            (Batch::Raise, StoreAnswer::Unknown) => {
                let own = |fence: &Fence| {
                    let known = self.writers[node].fence;
                    known.is_some_and(|known| known.node == fence.node && known.epoch == fence.epoch)
                };
                if let Some(fence) = Some(self.store.fence).filter(own) {
                    self.writers[node].fence = Some(fence);
                }
                self.send(node, Batch::Raise);
            }
            (Batch::Raise, StoreAnswer::Done) => {
                if let Some(sought) = self.writers[node].sought {
                    // It may stand still before it reads, or the cluster be out of reach.
                    let late = self.random.chance(100);
                    let at = self.now + self.random.between(200, if late { 500_000 } else { 6_000 });
                    self.queue.push(at, Happening::Looks { node, sought });
                }
            }
            // A renewal whose outcome is unknown changes nothing that could be missed.
            _ => {}
        }
    }

    fn seek(&mut self, node: usize, batch: Batch) {
        let (value, number) = match batch {
            Batch::Write { value, number } => (Some(value), number),
            Batch::Own { number } => (None, number),
            _ => return,
        };
        self.run.unknown += u64::from(value.is_some());
        let sought = Sought { value, number };
        self.writers[node].sought = Some(sought);
        if self.plant == Some(SharedPlant::AttemptNotRaised) {
            self.found_out(node, sought);
        } else {
            self.send(node, Batch::Raise);
        }
    }

    /// The number of the newest batch says what became of the one that is sought, as long as the fence is this node's:
    /// whoever has taken the shard since goes on with the same numbers.
    pub(super) fn found_out(&mut self, node: usize, sought: Sought) {
        let writer = &mut self.writers[node];
        if writer.sought != Some(sought) {
            return;
        }
        writer.sought = None;
        if writer.fence != Some(self.store.fence) && self.plant != Some(SharedPlant::CounterWithoutTheFence) {
            // Its client hears that nobody knows.
            self.run.taken_meanwhile += 1;
            return;
        }
        let is_there = self.store.number >= sought.number;
        if is_there {
            writer.number = sought.number;
        }
        match sought.value {
            Some(value) if is_there => self.store.acknowledge(node, value),
            Some(value) => {
                self.store.refused.insert(value);
            }
            None => {}
        }
    }
}
