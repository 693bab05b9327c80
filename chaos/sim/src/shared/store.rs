//! The store that the nodes share, as far as a takeover is concerned: a fence and the writes under it. And what must hold
//! of both, judged as each batch lands.

use std::collections::{BTreeMap, BTreeSet};

use platform_model::Epoch;

/// Who may write: epoch, node, attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fence {
    pub epoch: Epoch,
    pub node: usize,
    pub attempt: u64,
}

/// What a batch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Batch {
    /// Takes the fence for an epoch.
    Take(Epoch),
    /// Raises the attempt, and nothing else.
    Raise,
    /// Proves that the fence stands.
    Renew,
    /// Says that nobody reads any more.
    Release,
    /// What a client wrote.
    Write { value: u64, number: u64 },
    /// What whoever has the fence writes by itself.
    Own { number: u64 },
}

/// How a batch ended, as the store knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Landed {
    Done(Fence),
    /// The fence is set, and what then stands is read: the number of the newest batch. Whether nobody can be reading, and
    /// if so for how long after a proof.
    Taken {
        fence: Fence,
        number: u64,
        free: bool,
        held_micros: u64,
    },
    Fenced,
}

#[derive(Debug)]
pub(super) struct Store {
    pub fence: Fence,
    /// Nobody has held it yet, or whoever did gave it up.
    free: bool,
    /// For how long anybody may read after a proof, as it stands beside the fence.
    said_micros: u64,
    /// The lease that each node counts.
    leases: Vec<u64>,
    /// Of the newest batch.
    pub number: u64,
    pub log: Vec<u64>,
    /// Whom the control plane gave which epoch.
    pub given: BTreeMap<Epoch, usize>,
    pub acknowledged: BTreeSet<u64>,
    /// Writes whose clients were told that they are not there and never will be.
    pub refused: BTreeSet<u64>,
    pub broken: Option<String>,
    /// Planted: batches land under any fence.
    pub drops_the_fence: bool,
    /// Planted: a taker takes the next epoch, whatever it was given.
    pub own_epochs: bool,
}

impl Store {
    pub(super) fn new(leases: Vec<u64>) -> Self {
        Self {
            fence: Fence {
                epoch: Epoch(0),
                node: 0,
                attempt: 0,
            },
            free: true,
            said_micros: 0,
            leases,
            number: 0,
            log: Vec::new(),
            given: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            refused: BTreeSet::new(),
            broken: None,
            drops_the_fence: false,
            own_epochs: false,
        }
    }

    /// A batch of `node`, sent under `under`, lands.
    pub(super) fn land(&mut self, node: usize, under: Fence, batch: Batch) -> Landed {
        if let Batch::Take(epoch) = batch {
            return self.take(node, epoch);
        }
        let own = self.fence == under;
        if !own && !self.drops_the_fence {
            return Landed::Fenced;
        }
        match batch {
            Batch::Raise => self.fence.attempt += 1,
            Batch::Release => self.free = true,
            Batch::Own { number } => self.number = number,
            Batch::Write { value, number } => {
                if !own {
                    self.breaks("no-write-under-another-fence", node);
                }
                if self.refused.contains(&value) {
                    self.breaks("late-commit-after-unknown", node);
                }
                self.log.push(value);
                self.number = number;
            }
            // Sent by one that holds: nobody reads by another's lease any more.
            Batch::Renew => self.said_micros = self.leases[node],
            Batch::Take(_) => {}
        }
        Landed::Done(self.fence)
    }

    fn take(&mut self, node: usize, epoch: Epoch) -> Landed {
        let stands = self.fence.node == node && self.fence.epoch == epoch;
        if stands {
            return self.taken(false);
        }
        if self.fence.epoch >= epoch && !self.own_epochs {
            return Landed::Fenced;
        }
        let epoch = if self.own_epochs {
            self.fence.epoch.next()
        } else {
            epoch
        };
        self.fence = Fence {
            epoch,
            node,
            attempt: self.fence.attempt + 1,
        };
        if self.given.get(&epoch) != Some(&node) {
            self.breaks("fence-only-as-committed", node);
        }
        let free = std::mem::take(&mut self.free);
        let own = self.leases[node];
        self.said_micros = if free { own } else { self.said_micros.max(own) };
        self.taken(free)
    }

    fn taken(&self, free: bool) -> Landed {
        Landed::Taken {
            fence: self.fence,
            number: self.number,
            free,
            held_micros: self.said_micros,
        }
    }

    /// A client hears that its write is there.
    pub(super) fn acknowledge(&mut self, node: usize, value: u64) {
        self.acknowledged.insert(value);
        if !self.log.contains(&value) {
            self.breaks("no-acknowledged-write-lost", node);
        }
    }

    fn breaks(&mut self, invariant: &str, node: usize) {
        let fence = self.fence;
        self.broken
            .get_or_insert_with(|| format!("{invariant}: node {node}, under {fence:?}"));
    }
}
