//! The simulated network: every directed pair of nodes may be cut, slow or lossy. The control plane is one more node.

use super::random::Random;

/// State of the links.
#[derive(Debug, Clone)]
pub struct Net {
    nodes: usize,
    /// How many faults cut a directed link.
    cuts: Vec<u8>,
    pub loss_per_mille: u64,
    pub duplicate_per_mille: u64,
    /// Now and then a message is late by so much.
    pub spike_micros: u64,
    pub spike_per_mille: u64,
    pub delay_micros: u64,
    random: Random,
}

impl Net {
    /// `nodes` counts the control plane.
    pub fn new(nodes: usize, random: Random) -> Self {
        Self {
            nodes,
            cuts: vec![0; nodes * nodes],
            loss_per_mille: 2,
            duplicate_per_mille: 2,
            spike_micros: 30_000,
            spike_per_mille: 5,
            delay_micros: 1_000,
            random,
        }
    }

    pub fn cut(&mut self, from: usize, to: usize, on: bool) {
        let cell = &mut self.cuts[from * self.nodes + to];
        *cell = if on { *cell + 1 } else { cell.saturating_sub(1) };
    }

    pub fn heal(&mut self) {
        self.cuts.fill(0);
        self.loss_per_mille = 0;
        self.duplicate_per_mille = 0;
        self.spike_per_mille = 0;
    }

    /// When a message arrives, and when its duplicate does.
    pub fn route(&mut self, from: usize, to: usize) -> (Option<u64>, Option<u64>) {
        if self.cuts[from * self.nodes + to] > 0 || self.random.chance(self.loss_per_mille) {
            return (None, None);
        }
        let first = self.delay();
        let second = self
            .random
            .chance(self.duplicate_per_mille)
            .then(|| self.delay() + self.random.below(100_000));
        (Some(first), second)
    }

    fn delay(&mut self) -> u64 {
        let base = self.random.between(self.delay_micros / 4, self.delay_micros);
        if self.random.chance(self.spike_per_mille) {
            base + self.random.below(self.spike_micros)
        } else {
            base
        }
    }
}
