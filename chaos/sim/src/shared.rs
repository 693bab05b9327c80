//! The simulator of a takeover in a shared store: nodes of one cell, one store that checks fences, a control plane that
//! gives the shard to one node after another, commits that take their time or whose outcome is unknown, clocks that
//! drift, nodes that stand still. The rule is the real one, `cell_replica::shared`.
//!
//! What must hold: at most one node would answer a read at any moment; no commit is done under a fence that is not set.

use cell_replica::Moment;
use cell_replica::shared::{SharedAction, SharedEvent, SharedHolder, SharedPlants, StoreAnswer};
use platform_model::Epoch;

use crate::sim::queue::Queue;
use crate::sim::random::Random;

const NODES: usize = 3;
const LEASE: u64 = 200_000;
const END: u64 = 6_000_000;
const TICK: u64 = 10_000;

/// A bug that is put in on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedPlant {
    TakerDoesNotWait,
    LeaseFromTheAnswer,
    DropTheFence,
}

impl SharedPlant {
    pub const ALL: [Self; 3] = [
        Self::TakerDoesNotWait,
        Self::LeaseFromTheAnswer,
        Self::DropTheFence,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::TakerDoesNotWait => "taker-does-not-wait",
            Self::LeaseFromTheAnswer => "lease-from-the-answer",
            Self::DropTheFence => "drop-the-fence",
        }
    }
}

/// How a seed ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SharedRun {
    pub broken: Option<String>,
    pub steps: u64,
    pub takeovers: u64,
    pub commits: u64,
}

#[derive(Debug)]
enum Happening {
    Assign,
    Tick(usize),
    /// A commit reaches the store; then its answer, unless that is lost, goes back.
    AtStore {
        node: usize,
        epoch: Epoch,
        sets: bool,
        sent: Moment,
    },
    Returned {
        node: usize,
        event: SharedEvent,
    },
}

struct World {
    now: u64,
    queue: Queue<Happening>,
    random: Random,
    plant: Option<SharedPlant>,
    holders: Vec<SharedHolder>,
    rates: Vec<i64>,
    paused_until: Vec<u64>,
    /// The fence in the store: epoch and node.
    fence: (Epoch, usize),
    epoch: Epoch,
    run: SharedRun,
}

/// Runs one seed.
pub fn run(seed: u64, plant: Option<SharedPlant>) -> SharedRun {
    let mut random = Random::new(seed, 31);
    let plants = SharedPlants {
        no_wait: plant == Some(SharedPlant::TakerDoesNotWait),
        counts_from_answer: plant == Some(SharedPlant::LeaseFromTheAnswer),
    };
    let mut rate = || i64::try_from(random.below(19_000)).unwrap_or(0) - 9_500;
    let rates = (0..NODES).map(|_| rate()).collect();
    let mut world = World {
        now: 0,
        queue: Queue::default(),
        random,
        plant,
        holders: vec![SharedHolder::new(LEASE, plants); NODES],
        rates,
        paused_until: vec![0; NODES],
        fence: (Epoch(0), 0),
        epoch: Epoch(0),
        run: SharedRun::default(),
    };
    world.queue.push(1_000, Happening::Assign);
    for node in 0..NODES {
        world.queue.push(1_000, Happening::Tick(node));
    }
    while let Some((micros, happening)) = world.queue.pop() {
        world.now = micros;
        world.run.steps += 1;
        world.happen(happening);
        if micros > END || world.run.broken.is_some() {
            break;
        }
    }
    world.run
}

impl World {
    fn local(&self, node: usize) -> Moment {
        let drift = i128::from(self.now) * i128::from(self.rates[node]) / 1_000_000;
        Moment(u64::try_from(i128::from(self.now) + drift + 1_000_000_000).unwrap_or(0))
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Assign => {
                let at = self.now + self.random.between(50_000, 900_000);
                self.queue.push(at, Happening::Assign);
                self.epoch = self.epoch.next();
                let node = self.random.pick(NODES);
                let epoch = self.epoch;
                self.later(node, SharedEvent::Assigned { epoch });
            }
            Happening::Tick(node) => {
                let at = self.now + TICK + self.random.below(TICK);
                self.queue.push(at, Happening::Tick(node));
                if self.random.chance(8) {
                    self.paused_until[node] = self.now + self.random.between(20_000, 700_000);
                }
                self.drive(node, SharedEvent::Tick);
            }
            Happening::AtStore {
                node,
                epoch,
                sets,
                sent,
            } => self.at_store(node, epoch, sets, sent),
            Happening::Returned { node, event } if self.paused_until[node] > self.now => {
                let at = self.paused_until[node];
                self.queue.push(at, Happening::Returned { node, event });
            }
            Happening::Returned { node, event } => self.drive(node, event),
        }
        let reads = |node: &usize| self.holders[*node].may_read(self.local(*node));
        let readers: Vec<usize> = (0..NODES).filter(reads).collect();
        if readers.len() > 1 {
            self.run.broken = Some(format!(
                "one-server-of-reads: nodes {readers:?} answer reads at the same time"
            ));
        }
    }

    fn later(&mut self, node: usize, event: SharedEvent) {
        let late = self.random.chance(80);
        let delay = self.random.between(200, if late { 400_000 } else { 6_000 });
        self.queue
            .push(self.now + delay, Happening::Returned { node, event });
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
                SharedAction::SetFence { epoch } => self.commit_at_store(node, epoch, true, now),
                SharedAction::Renew { epoch } => self.commit_at_store(node, epoch, false, now),
                SharedAction::Serving { .. } => self.run.takeovers += 1,
                SharedAction::Ended { .. } => {}
            }
        }
    }

    fn commit_at_store(&mut self, node: usize, epoch: Epoch, sets: bool, sent: Moment) {
        let late = self.random.chance(100);
        let delay = self.random.between(200, if late { 500_000 } else { 4_000 });
        let happening = Happening::AtStore {
            node,
            epoch,
            sets,
            sent,
        };
        self.queue.push(self.now + delay, happening);
    }

    fn at_store(&mut self, node: usize, epoch: Epoch, sets: bool, sent: Moment) {
        let own = self.fence == (epoch, node);
        let done = if sets {
            let takes = self.fence.0 < epoch || own;
            if takes {
                self.fence = (epoch, node);
            }
            takes
        } else {
            own || self.plant == Some(SharedPlant::DropTheFence)
        };
        if done && !sets {
            self.run.commits += 1;
            if !own {
                self.run.broken = Some(format!(
                    "no-write-under-another-fence: node {node} wrote in {epoch} under {}",
                    self.fence.0
                ));
            }
        }
        let answer = match done {
            _ if self.random.chance(30) => StoreAnswer::Unknown,
            true => StoreAnswer::Done,
            false => StoreAnswer::Fenced,
        };
        let event = if sets {
            SharedEvent::FenceReturned { epoch, answer }
        } else {
            SharedEvent::CommitReturned { epoch, sent, answer }
        };
        self.later(node, event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_seeds_break_nothing_and_shards_are_taken_over() {
        let mut takeovers = 0;
        for seed in 0..200 {
            let run = run(seed, None);
            assert_eq!(run.broken, None, "seed {seed}");
            takeovers += run.takeovers;
        }
        assert!(takeovers > 300, "{takeovers}");
    }

    #[test]
    fn every_planted_bug_is_found() {
        for plant in SharedPlant::ALL {
            let found = (0..300).find(|seed| run(*seed, Some(plant)).broken.is_some());
            assert!(found.is_some(), "{}", plant.name());
        }
    }
}
