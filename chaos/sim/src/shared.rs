//! The simulator of a takeover in a shared store: nodes of one cell, one store that checks fences, a copy elsewhere, a control
//! plane that gives the shard to one of them after another, commits that take their time or whose outcome is unknown,
//! clocks that drift, nodes that stand still, releases that count leases of their own. The rule is the real one,
//! `cell_replica::shared`; batches are numbered as the writer of a shard numbers them, and whoever has the fence writes
//! his term while he still waits.
//!
//! What must hold: at most one node would answer a read at any moment, and nobody else's write lands then; no commit is
//! done under a fence that is not set; the fence is what the control plane gave and nothing else; what was acknowledged
//! is in the log, and what a client was told is not there never comes there.

mod elsewhere;
mod outcomes;
mod plant;
mod store;
#[cfg(test)]
mod tests;

use cell_replica::Moment;
use cell_replica::shared::{SharedAction, SharedEvent, SharedHolder, SharedPlants};
use platform_model::Epoch;

pub use self::plant::SharedPlant;
use self::store::{Batch, Fence, Landed, Store};
use crate::sim::queue::Queue;
use crate::sim::random::Random;

const NODES: usize = 3;
/// Of one release and of another.
const LEASES: [u64; 2] = [200_000, 80_000];
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
    /// Handovers to the copy elsewhere.
    pub handovers: u64,
    /// Outcomes that were sought, and found when the shard was another's.
    pub taken_meanwhile: u64,
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
    /// A node reads what became of a write whose outcome it does not know.
    Looks {
        node: usize,
        sought: Sought,
    },
    /// The control plane told a node to hand over to the copy elsewhere.
    HandOver {
        node: usize,
        epoch: Epoch,
    },
    /// That copy holds the release.
    Elsewhere {
        epoch: Epoch,
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

/// A batch whose outcome is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sought {
    /// What a client wrote; none for what the node writes by itself.
    value: Option<u64>,
    number: u64,
}

/// The writer of a node: one batch at a time.
#[derive(Debug, Clone, Copy, Default)]
struct Writer {
    fence: Option<Fence>,
    /// Of the last batch.
    number: u64,
    under_way: Option<Sent>,
    sought: Option<Sought>,
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
    /// Until when the copy elsewhere serves.
    elsewhere_until: u64,
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
            writes_while_waiting: plant == Some(SharedPlant::EarlyDoor),
            hands_over_while_waiting: plant == Some(SharedPlant::HandoverWhileWaiting),
            waits_the_own_lease: plant == Some(SharedPlant::WaitTheOwnLease),
        };
        let mut rate = || i64::try_from(random.below(19_000)).unwrap_or(0) - 9_500;
        let rates = (0..NODES).map(|_| rate()).collect();
        let leases: Vec<u64> = (0..NODES).map(|_| LEASES[random.pick(LEASES.len())]).collect();
        let holders = leases.iter().map(|lease| SharedHolder::new(*lease, plants));
        let mut store = Store::new(leases.clone());
        store.drops_the_fence = plant == Some(SharedPlant::DropTheFence);
        store.own_epochs = plant == Some(SharedPlant::EpochOfItsOwn);
        Self {
            now: 0,
            queue: Queue::default(),
            random,
            plant,
            holders: holders.collect(),
            writers: vec![Writer::default(); NODES],
            rates,
            paused_until: vec![0; NODES],
            store,
            epoch: Epoch(0),
            holder: 0,
            numbers: 0,
            elsewhere_until: 0,
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
            Happening::AtStore { node, sent, answers } => self.at_store(node, sent, answers),
            Happening::Answered { node, .. }
            | Happening::Told { node, .. }
            | Happening::Looks { node, .. }
            | Happening::HandOver { node, .. }
                if self.paused_until[node] > self.now =>
            {
                self.queue.push(self.paused_until[node], happening);
            }
            Happening::Answered { node, sent, landed } => self.answered(node, sent, landed),
            Happening::Told { node, event } => self.drive(node, event),
            Happening::Looks { node, sought } => self.found_out(node, sought),
            Happening::HandOver { node, epoch } => self.hand_over(node, epoch),
            Happening::Elsewhere { epoch } => self.serve_elsewhere(epoch),
        }
    }

    fn at_store(&mut self, node: usize, sent: Sent, answers: bool) {
        let landed = self.store.land(node, sent.under, sent.batch);
        if matches!(sent.batch, Batch::Write { .. }) && landed != Landed::Fenced {
            self.run.commits += 1;
            let others: Vec<usize> = self
                .readers()
                .into_iter()
                .filter(|other| *other != node)
                .collect();
            if !others.is_empty() {
                let told = format!("one-server: node {node} writes while {others:?} answer reads");
                self.run.broken.get_or_insert(told);
            }
        }
        if answers {
            let late = self.random.chance(80);
            let at = self.now + self.random.between(200, if late { 50_000 } else { 6_000 });
            let landed = Some(landed);
            self.queue.push(at, Happening::Answered { node, sent, landed });
        }
    }

    /// Who would answer a read; the copy elsewhere counts as one more node.
    fn readers(&self) -> Vec<usize> {
        let reads = |node: &usize| match self.holders.get(*node) {
            Some(holder) => holder.may_read(self.local(*node)),
            None => self.now < self.elsewhere_until,
        };
        (0..=NODES).filter(reads).collect()
    }

    fn judge(&mut self) {
        let readers = self.readers();
        if readers.len() > 1 {
            self.run.broken.get_or_insert(format!(
                "one-server-of-reads: nodes {readers:?} answer reads at the same time"
            ));
        }
        if let Some(broken) = self.store.broken.take() {
            self.run.broken.get_or_insert(broken);
        }
    }

    /// The control plane gives the shard to a node; whoever had it hears of that too, some time.
    fn assign(&mut self) {
        if self.now <= self.elsewhere_until {
            self.queue.push(self.elsewhere_until + 1_000, Happening::Assign);
            return;
        }
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
        if self.random.chance(300) {
            let at = self.now + self.random.between(2_000, 120_000);
            self.queue.push(at, Happening::HandOver { node, epoch });
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
        if self.paused_until[node] > self.now || !self.random.chance(300) {
            return;
        }
        if self.holders[node].may_write() {
            self.numbers += 1;
            let (value, number) = (self.numbers, self.writers[node].number + 1);
            self.send(node, Batch::Write { value, number });
        } else if self.holders[node].waits_until().is_some() {
            self.write_own(node);
        }
    }

    /// What whoever has the fence writes before he lets anybody in: his term, his state.
    fn write_own(&mut self, node: usize) {
        let number = self.writers[node].number + 1;
        self.send(node, Batch::Own { number });
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
}
