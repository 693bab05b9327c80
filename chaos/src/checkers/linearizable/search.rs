//! The search for an order of one register's operations: depth first, with the states already refuted remembered (Wing
//! and Gong 1993; Lowe 2017). Three facts keep it short. A read that fits the state can be placed at once, for that
//! takes nothing from the others. A value of which reads are left, and which no other write brings back, must not be
//! overwritten. A write of unknown outcome that nobody read need not be placed at all.

use std::collections::{HashMap, HashSet};

use super::{Action, Operation};
use crate::history::Outcome;

/// Choices tried before the search gives up.
const STEPS_MAX: u64 = 20_000_000;

/// A bound of the search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps(pub(super) u64);

impl Default for Steps {
    fn default() -> Self {
        Self(STEPS_MAX)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Order,
    None,
    GaveUp,
}

/// An operation with its value as a small number; the register begins as 0.
#[derive(Debug, Clone, Copy)]
struct Step {
    invoked: u64,
    /// Never, for an unknown outcome.
    completed: u64,
    value: u32,
    writes: bool,
}

/// One placed write, the reads placed before it, and the writes that could have stood there instead.
struct Frame {
    placed: usize,
    before: u32,
    readers: Vec<usize>,
    alternatives: Vec<usize>,
}

struct Search {
    steps: Vec<Step>,
    /// The steps not placed, in order of their calls: a list through the numbers, ended and begun by `steps.len()`.
    next: Vec<usize>,
    previous: Vec<usize>,
    /// For each value, the reads and writes of it that are not placed.
    reads_left: Vec<u32>,
    writes_left: Vec<u32>,
    /// Steps that must be placed and are not.
    left: usize,
    value: u32,
    hash: u128,
    frames: Vec<Frame>,
    refuted: HashSet<(u128, u32)>,
}

/// Whether some order explains the operations of one key.
pub(super) fn search(operations: &[&Operation], bound: Steps) -> Found {
    Search::new(operations).run(bound)
}

impl Search {
    fn new(operations: &[&Operation]) -> Self {
        let (steps, values) = steps(operations);
        let (mut reads_left, mut writes_left) = (vec![0; values], vec![0; values]);
        for step in &steps {
            let left = if step.writes {
                &mut writes_left
            } else {
                &mut reads_left
            };
            left[step.value as usize] += 1;
        }
        let end = steps.len();
        Self {
            next: (1..=end).chain([0]).collect(),
            previous: [end].into_iter().chain(0..end).collect(),
            left: steps.iter().filter(|step| step.completed != u64::MAX).count(),
            steps,
            reads_left,
            writes_left,
            value: 0,
            hash: 0,
            frames: Vec::new(),
            refuted: HashSet::new(),
        }
    }

    fn run(&mut self, bound: Steps) -> Found {
        for _ in 0..bound.0 {
            let readers = self.place_readers();
            if self.left == 0 {
                return Found::Order;
            }
            let mut candidates = self.writers();
            // A state is remembered only where there was a choice: elsewhere it cannot be met again.
            if candidates.len() > 1 && !self.refuted.insert((self.hash, self.value)) {
                candidates.clear();
            }
            match candidates.pop() {
                Some(next) => self.descend(next, candidates, readers),
                None if self.back(readers) => {}
                None => return Found::None,
            }
        }
        Found::GaveUp
    }

    /// Places every read that fits and may stand here.
    fn place_readers(&mut self) -> Vec<usize> {
        let mut placed = Vec::new();
        loop {
            let (before, mut horizon, mut at) = (placed.len(), u64::MAX, self.first());
            while at < self.steps.len() && self.steps[at].invoked <= horizon {
                let step = self.steps[at];
                let next = self.next[at];
                if !step.writes && step.value == self.value {
                    self.place(at);
                    placed.push(at);
                } else {
                    horizon = horizon.min(step.completed);
                }
                at = next;
            }
            if placed.len() == before {
                return placed;
            }
        }
    }

    /// The writes that may stand here, the one that was answered first last.
    fn writers(&self) -> Vec<usize> {
        let is_bound = self.reads_left[self.value as usize] > 0 && self.writes_left[self.value as usize] == 0;
        if is_bound {
            return Vec::new();
        }
        let (mut found, mut horizon, mut at) = (Vec::new(), u64::MAX, self.first());
        while at < self.steps.len() && self.steps[at].invoked <= horizon {
            horizon = horizon.min(self.steps[at].completed);
            if self.steps[at].writes {
                found.push(at);
            }
            at = self.next[at];
        }
        found.retain(|i| self.steps[*i].invoked <= horizon);
        found.sort_by_key(|i| std::cmp::Reverse(self.steps[*i].completed));
        found
    }

    fn descend(&mut self, next: usize, alternatives: Vec<usize>, readers: Vec<usize>) {
        self.frames.push(Frame {
            placed: next,
            before: self.value,
            readers,
            alternatives,
        });
        self.place(next);
        self.value = self.steps[next].value;
    }

    /// Takes back until another choice is left, and takes that. False when there is none.
    fn back(&mut self, readers: Vec<usize>) -> bool {
        self.unplace(&readers);
        while let Some(mut frame) = self.frames.pop() {
            self.unplace(&[frame.placed]);
            self.value = frame.before;
            if let Some(next) = frame.alternatives.pop() {
                self.descend(next, frame.alternatives, frame.readers);
                return true;
            }
            self.unplace(&frame.readers);
        }
        false
    }

    fn first(&self) -> usize {
        self.next[self.steps.len()]
    }

    fn place(&mut self, i: usize) {
        let (previous, next) = (self.previous[i], self.next[i]);
        self.next[previous] = next;
        self.previous[next] = previous;
        self.count(i, -1);
    }

    /// In the reverse order of their placing: so the list is mended as it was taken apart.
    fn unplace(&mut self, list: &[usize]) {
        for i in list.iter().rev() {
            let (previous, next) = (self.previous[*i], self.next[*i]);
            self.next[previous] = *i;
            self.previous[next] = *i;
            self.count(*i, 1);
        }
    }

    fn count(&mut self, i: usize, by: i32) {
        let step = self.steps[i];
        let left = if step.writes {
            &mut self.writes_left
        } else {
            &mut self.reads_left
        };
        let left = &mut left[step.value as usize];
        *left = left.saturating_add_signed(by);
        if step.completed != u64::MAX {
            self.left = self.left.saturating_add_signed(by as isize);
        }
        self.hash ^= mix(i as u64);
    }
}

/// The steps in order of their calls, and how many values there are.
fn steps(operations: &[&Operation]) -> (Vec<Step>, usize) {
    let mut numbers: HashMap<Option<&str>, u32> = HashMap::from([(None, 0)]);
    let mut steps = Vec::new();
    for operation in operations {
        let (value, writes) = match &operation.action {
            Action::Read(value) => (value.as_deref(), false),
            Action::Write(value) => (Some(value.as_str()), true),
        };
        let new = u32::try_from(numbers.len()).expect("a history has fewer than 2^32 values");
        let value = *numbers.entry(value).or_insert(new);
        let completed = match operation.outcome {
            Outcome::Done => operation.completed,
            Outcome::Unknown if writes => u64::MAX,
            Outcome::Unknown | Outcome::Failed => continue,
        };
        steps.push(Step {
            invoked: operation.invoked,
            completed,
            value,
            writes,
        });
    }
    let seen: HashSet<u32> = steps
        .iter()
        .filter(|step| !step.writes)
        .map(|step| step.value)
        .collect();
    steps.retain(|step| step.completed != u64::MAX || seen.contains(&step.value));
    steps.sort_by_key(|step| step.invoked);
    (steps, numbers.len())
}

/// Spreads a number over 128 bits (the finalizer of SplitMix64, Steele 2014, twice).
fn mix(number: u64) -> u128 {
    let half = |salt: u64| {
        let mut z = number.wrapping_add(salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u128::from(z ^ (z >> 31))
    };
    half(1) << 64 | half(0x5bd1_e995)
}
