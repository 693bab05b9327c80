//! The simulator of a takeover in a shared store: nodes of one cell, one store that checks fences, a control plane that
//! gives the shard to one node after another, commits that take their time or whose outcome is unknown, clocks that
//! drift, nodes that stand still. The rule is the real one, `cell_replica::shared`.
//!
//! What must hold: at most one node would answer a read at any moment; no commit is done under a fence that is not set;
//! the fence is what the control plane gave and nothing else; what was acknowledged is in the log, and what a client was
//! told is not there never comes there.

mod plant;
mod store;

use cell_replica::Moment;
use cell_replica::shared::{SharedAction, SharedEvent, SharedHolder, SharedPlants, StoreAnswer};
use platform_model::Epoch;

pub use self::plant::SharedPlant;
use self::store::{Batch, Fence, Landed, Store};
use crate::sim::queue::Queue;
use crate::sim::random::Random;

const NODES: usize = 3;
const LEASE: u64 = 200_000;
const END: u64 = 6_000_000;
const TICK: u64 = 10_000;
/// A batch without an answer for so long has an unknown outcome.
const PATIENCE: u64 = 60_000;

/// How a seed ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SharedRun {
    pub broken: Option<String>,
    pub steps: u64,
    pub takeovers: u64,
    pub commits: u64,
    /// Writes whose outcome was unknown at first.
    pub unknown: u64,
    /// Takeovers that had nobody to wait for.
    pub released: u64,
}

#[derive(Debug)]
enum Happening {
    Assign,
    Tick(usize),
    /// A batch reaches the store.
    AtStore {
        node: usize,
        sent: Sent,
        answers: bool,
    },
    /// An answer reaches its node, or its patience ends.
    Answered {
        node: usize,
        sent: Sent,
        landed: Option<Landed>,
    },
    Told {
        node: usize,
        event: SharedEvent,
    },
}

/// A batch on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sent {
    number: u64,
    batch: Batch,
    under: Fence,
    at: Moment,
    /// Of the assignment under which it was sent.
    epoch: Epoch,
}

/// The writer of a node: one batch at a time.
#[derive(Debug, Clone, Copy, Default)]
struct Writer {
    fence: Option<Fence>,
    under_way: Option<Sent>,
    /// A write whose outcome is sought.
    sought: Option<u64>,
}

struct World {
    now: u64,
    queue: Queue<Happening>,
    random: Random,
    plant: Option<SharedPlant>,
    holders: Vec<SharedHolder>,
    writers: Vec<Writer>,
    rates: Vec<i64>,
    paused_until: Vec<u64>,
    store: Store,
    epoch: Epoch,
    holder: usize,
    numbers: u64,
    run: SharedRun,
}

/// Runs one seed.
pub fn run(seed: u64, plant: Option<SharedPlant>) -> SharedRun {
    let mut world = World::new(seed, plant);
    world.queue.push(1_000, Happening::Assign);
    for node in 0..NODES {
        world.queue.push(1_000, Happening::Tick(node));
    }
    while let Some((micros, happening)) = world.queue.pop() {
        world.now = micros;
        world.run.steps += 1;
        world.happen(happening);
        world.judge();
        if micros > END || world.run.broken.is_some() {
            break;
        }
    }
    world.run
}

impl World {
    fn new(seed: u64, plant: Option<SharedPlant>) -> Self {
        let mut random = Random::new(seed, 31);
        let plants = SharedPlants {
            no_wait: plant == Some(SharedPlant::TakerDoesNotWait),
            counts_from_answer: plant == Some(SharedPlant::LeaseFromTheAnswer),
            releases_while_waiting: plant == Some(SharedPlant::ReleaseWhileWaiting),
        };
        let mut rate = || i64::try_from(random.below(19_000)).unwrap_or(0) - 9_500;
        let rates = (0..NODES).map(|_| rate()).collect();
        let mut store = Store::new();
        store.drops_the_fence = plant == Some(SharedPlant::DropTheFence);
        store.own_epochs = plant == Some(SharedPlant::EpochOfItsOwn);
        Self {
            now: 0,
            queue: Queue::default(),
            random,
            plant,
            holders: vec![SharedHolder::new(LEASE, plants); NODES],
            writers: vec![Writer::default(); NODES],
            rates,
            paused_until: vec![0; NODES],
            store,
            epoch: Epoch(0),
            holder: 0,
            numbers: 0,
            run: SharedRun::default(),
        }
    }

    fn local(&self, node: usize) -> Moment {
        let drift = i128::from(self.now) * i128::from(self.rates[node]) / 1_000_000;
        Moment(u64::try_from(i128::from(self.now) + drift + 1_000_000_000).unwrap_or(0))
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Assign => self.assign(),
            Happening::Tick(node) => {
                let at = self.now + TICK + self.random.below(TICK);
                self.queue.push(at, Happening::Tick(node));
                if self.random.chance(8) {
                    self.paused_until[node] = self.now + self.random.between(20_000, 700_000);
                }
                self.drive(node, SharedEvent::Tick);
                self.write_something(node);
            }
            Happening::AtStore { node, sent, answers } => {
                let landed = self.store.land(node, sent.under, sent.batch);
                self.run.commits +=
                    u64::from(matches!(sent.batch, Batch::Write(_)) && landed != Landed::Fenced);
                if answers {
                    let late = self.random.chance(80);
                    let at = self.now + self.random.between(200, if late { 50_000 } else { 6_000 });
                    let landed = Some(landed);
                    self.queue.push(at, Happening::Answered { node, sent, landed });
                }
            }
            Happening::Answered { node, .. } | Happening::Told { node, .. }
                if self.paused_until[node] > self.now =>
            {
                self.queue.push(self.paused_until[node], happening);
            }
            Happening::Answered { node, sent, landed } => self.answered(node, sent, landed),
            Happening::Told { node, event } => self.drive(node, event),
        }
    }

    fn judge(&mut self) {
        let reads = |node: &usize| self.holders[*node].may_read(self.local(*node));
        let readers: Vec<usize> = (0..NODES).filter(reads).collect();
        if readers.len() > 1 {
            self.run.broken = Some(format!(
                "one-server-of-reads: nodes {readers:?} answer reads at the same time"
            ));
        }
        if let Some(broken) = self.store.broken.take() {
            self.run.broken.get_or_insert(broken);
        }
    }

    /// The control plane gives the shard to a node; whoever had it hears of that too, some time.
    fn assign(&mut self) {
        let soon = self.random.chance(300);
        let at = self.now
            + if soon {
                self.random.between(5_000, 90_000)
            } else {
                self.random.between(90_000, 900_000)
            };
        self.queue.push(at, Happening::Assign);
        self.epoch = self.epoch.next();
        let (node, epoch) = (self.random.pick(NODES), self.epoch);
        let before = std::mem::replace(&mut self.holder, node);
        self.store.given.insert(epoch, node);
        self.tell(node, SharedEvent::Assigned { epoch });
        if before != node {
            self.tell(before, SharedEvent::GiveUp);
        }
    }

    fn tell(&mut self, node: usize, event: SharedEvent) {
        let late = self.random.chance(150);
        let delay = self.random.between(200, if late { 400_000 } else { 6_000 });
        self.queue.push(self.now + delay, Happening::Told { node, event });
    }

    fn drive(&mut self, node: usize, event: SharedEvent) {
        if self.paused_until[node] > self.now {
            return;
        }
        let now = self.local(node);
        // What is not awaited any more is refused, and changes nothing.
        let actions = self.holders[node].step(now, event).unwrap_or_default();
        for action in actions {
            match action {
                SharedAction::SetFence { epoch } => {
                    // An opening of its own: nothing of the one before is known.
                    self.writers[node] = Writer::default();
                    self.send(node, Batch::Take(epoch));
                }
                SharedAction::Renew { .. } => self.send(node, Batch::Renew),
                SharedAction::Release { .. } => self.send(node, Batch::Release),
                SharedAction::Serving { .. } => self.run.takeovers += 1,
                SharedAction::Ended { .. } => {}
            }
        }
    }

    fn write_something(&mut self, node: usize) {
        let may = self.holders[node].may_write() && self.paused_until[node] <= self.now;
        if may && self.random.chance(300) {
            self.numbers += 1;
            let value = self.numbers;
            self.send(node, Batch::Write(value));
        }
    }

    /// Sends a batch unless another is under way, or the outcome of one is sought.
    fn send(&mut self, node: usize, batch: Batch) {
        let writer = &self.writers[node];
        let seeks = writer.sought.is_some() && !matches!(batch, Batch::Raise | Batch::Release);
        let taking = matches!(batch, Batch::Take(_));
        if !taking && (seeks || writer.fence.is_none() || writer.under_way.is_some()) {
            return;
        }
        self.numbers += 1;
        let sent = Sent {
            number: self.numbers,
            batch,
            under: writer.fence.unwrap_or(self.store.fence),
            at: self.local(node),
            epoch: self.holders[node].epoch(),
        };
        self.writers[node].under_way = Some(sent);
        let lost = self.random.chance(40);
        let late = lost || self.random.chance(60);
        let delay = self.random.between(200, if late { 500_000 } else { 4_000 });
        let answers = !lost;
        self.queue
            .push(self.now + delay, Happening::AtStore { node, sent, answers });
        let landed = None;
        self.queue
            .push(self.now + PATIENCE, Happening::Answered { node, sent, landed });
    }

    fn answered(&mut self, node: usize, sent: Sent, landed: Option<Landed>) {
        // One that was given up is not heard any more.
        if self.writers[node].under_way != Some(sent) {
            return;
        }
        self.writers[node].under_way = None;
        if let Some(Landed::Done(fence) | Landed::Free(fence)) = landed {
            self.writers[node].fence = Some(fence);
        }
        let answer = match landed {
            Some(Landed::Done(_)) => StoreAnswer::Done,
            Some(Landed::Free(_)) => {
                self.run.released += 1;
                StoreAnswer::Free
            }
            Some(Landed::Fenced) => StoreAnswer::Fenced,
            None => StoreAnswer::Unknown,
        };
        let epoch = sent.epoch;
        let event = match sent.batch {
            Batch::Take(epoch) => SharedEvent::FenceReturned { epoch, answer },
            _ => SharedEvent::CommitReturned {
                epoch,
                sent: sent.at,
                answer,
            },
        };
        self.drive(node, event);
        self.settle(node, sent.batch, answer);
    }

    /// What the client of a write hears; and the outcome of one that is unknown.
    fn settle(&mut self, node: usize, batch: Batch, answer: StoreAnswer) {
        match (batch, answer) {
            (Batch::Write(value), StoreAnswer::Done) => self.store.acknowledge(node, value),
            (Batch::Write(value), StoreAnswer::Unknown) => {
                self.run.unknown += 1;
                self.writers[node].sought = Some(value);
                if self.plant == Some(SharedPlant::AttemptNotRaised) {
                    self.found_out(node);
                } else {
                    self.send(node, Batch::Raise);
                }
            }
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
            (Batch::Raise, StoreAnswer::Done) => self.found_out(node),
            // A renewal whose outcome is unknown changes nothing that could be missed.
            _ => {}
        }
    }

    /// The end of the log says what became of the write.
    fn found_out(&mut self, node: usize) {
        let Some(value) = self.writers[node].sought.take() else {
            return;
        };
        if self.store.log.contains(&value) {
            self.store.acknowledge(node, value);
        } else {
            self.store.refused.insert(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_seeds_break_nothing_and_shards_are_taken_over() {
        let mut all = SharedRun::default();
        for seed in 0..200 {
            let run = run(seed, None);
            assert_eq!(run.broken, None, "seed {seed}");
            all.takeovers += run.takeovers;
            all.commits += run.commits;
            all.unknown += run.unknown;
            all.released += run.released;
        }
        assert!(all.takeovers > 300 && all.commits > 2_000, "{all:?}");
        assert!(all.unknown > 100 && all.released > 100, "{all:?}");
    }

    #[test]
    fn every_planted_bug_is_found() {
        for plant in SharedPlant::ALL {
            let found = (0..600).find(|seed| run(*seed, Some(plant)).broken.is_some());
            assert!(found.is_some(), "{}", plant.name());
        }
    }
}
