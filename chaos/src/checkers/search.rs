//! The search for an order: depth first, with the states already refuted remembered (Wing and Gong 1993, with the
//! memory of Lowe 2017), made short by two facts. An operation that writes nothing can be placed as soon as its
//! reads hold, for that takes nothing from the others. Where the system names its own order of the writes, only
//! that order is tried, which leaves a choice only at writes of unknown outcome.

use std::collections::HashSet;

use super::model::{Model, Undo};
use crate::history::{Operation, Outcome};

/// States looked at before the search gives up.
pub(crate) const STEPS_MAX: u64 = 5_000_000;

/// How a search ended.
pub(crate) enum Found {
    Order,
    None,
    GaveUp,
}

/// One placed write, and the writes that could have stood there instead.
struct Frame {
    placed: usize,
    readers: Vec<usize>,
    alternatives: Vec<usize>,
    undo: Undo,
    at: Cursors,
}

/// Where the search stands in the sorted lists; taken back with a frame.
#[derive(Clone, Copy, Default)]
struct Cursors {
    by_invoked: usize,
    by_completed: usize,
    by_witness: usize,
}

pub(crate) struct Search<'a> {
    operations: &'a [Operation],
    /// Those that must be placed, by time of call, by time of answer, and those with a witness by that.
    by_invoked: Vec<usize>,
    by_completed: Vec<usize>,
    by_witness: Vec<usize>,
    /// Writes that may or may not have happened.
    optional: Vec<usize>,
    placed: Vec<bool>,
    placed_hash: u64,
    left: usize,
    at: Cursors,
    pub model: Model,
    frames: Vec<Frame>,
    refuted: HashSet<(u64, u64)>,
    steps: u64,
    /// The longest order found so far, for the report.
    pub deepest: Vec<usize>,
    pub order: Vec<usize>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(operations: &'a [Operation], model: Model) -> Self {
        let must: Vec<usize> = (0..operations.len())
            .filter(|i| operations[*i].must_have_happened())
            .collect();
        let may =
            |i: &usize| !operations[*i].must_have_happened() && operations[*i].outcome == Outcome::Unknown;
        let sorted = |key: &dyn Fn(usize) -> u64| {
            let mut list = must.clone();
            list.sort_by_key(|i| key(*i));
            list
        };
        let mut by_witness: Vec<usize> = must
            .iter()
            .copied()
            .filter(|i| operations[*i].witness.is_some())
            .collect();
        by_witness.sort_by_key(|i| operations[*i].witness);
        Self {
            by_invoked: sorted(&|i| operations[i].invoked),
            by_completed: sorted(&|i| completed(&operations[i])),
            by_witness,
            optional: (0..operations.len()).filter(may).collect(),
            placed: vec![false; operations.len()],
            placed_hash: 0,
            left: must.len(),
            at: Cursors::default(),
            operations,
            model,
            frames: Vec::new(),
            refuted: HashSet::new(),
            steps: 0,
            deepest: Vec::new(),
            order: Vec::new(),
        }
    }

    pub(crate) fn run(&mut self) -> Found {
        loop {
            let readers = self.place_readers();
            if self.left == 0 {
                return Found::Order;
            }
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return Found::GaveUp;
            }
            let mut candidates = self.writers();
            if !self.refuted.insert((self.placed_hash, self.model.hash())) {
                candidates.clear();
            }
            match candidates.pop() {
                Some(next) => self.descend(next, candidates, readers),
                None => {
                    if self.order.len() >= self.deepest.len() {
                        self.deepest.clone_from(&self.order);
                    }
                    if !self.back(readers) {
                        return Found::None;
                    }
                }
            }
        }
    }

    /// Everything that could come next, whether its reads hold or not; for the report.
    pub(crate) fn eligible(&mut self) -> Vec<usize> {
        let horizon = self.horizon();
        let open = self.by_invoked[self.at.by_invoked..].iter().copied();
        open.take_while(|i| self.operations[*i].invoked <= horizon)
            .filter(|i| !self.placed[*i])
            .collect()
    }

    /// The next operation of the named order, if one is left.
    pub(crate) fn next_witness(&mut self) -> Option<usize> {
        while self
            .by_witness
            .get(self.at.by_witness)
            .is_some_and(|i| self.placed[*i])
        {
            self.at.by_witness += 1;
        }
        self.by_witness.get(self.at.by_witness).copied()
    }

    /// Places the order again, to show the state at its end.
    pub(crate) fn replay(&mut self, order: &[usize]) {
        for i in order {
            self.model.apply(&self.operations[*i].writes);
            self.mark(*i, true);
        }
    }

    /// The answer that comes first among those not placed: whoever was asked for after it cannot be next.
    fn horizon(&mut self) -> u64 {
        while self
            .by_completed
            .get(self.at.by_completed)
            .is_some_and(|i| self.placed[*i])
        {
            self.at.by_completed += 1;
        }
        while self
            .by_invoked
            .get(self.at.by_invoked)
            .is_some_and(|i| self.placed[*i])
        {
            self.at.by_invoked += 1;
        }
        self.by_completed
            .get(self.at.by_completed)
            .map_or(u64::MAX, |i| completed(&self.operations[*i]))
    }

    fn place_readers(&mut self) -> Vec<usize> {
        let mut readers = Vec::new();
        loop {
            let open = self.eligible();
            let fits = |i: &usize| {
                let operation = &self.operations[*i];
                operation.writes.is_empty()
                    && operation.witness.is_none()
                    && self.model.explains(&operation.reads)
            };
            let next: Vec<usize> = open.into_iter().filter(fits).collect();
            if next.is_empty() {
                return readers;
            }
            for i in next {
                self.mark(i, true);
                self.order.push(i);
                readers.push(i);
            }
        }
    }

    /// Writes that could come next; the best guess last.
    fn writers(&mut self) -> Vec<usize> {
        let horizon = self.horizon();
        let witness = self.next_witness();
        let open = self.eligible();
        let unnamed = open.into_iter().filter(|i| {
            let operation = &self.operations[*i];
            operation.witness.is_none() && !operation.writes.is_empty()
        });
        let optional = self.optional.iter().copied();
        let optional = optional.filter(|i| !self.placed[*i] && self.operations[*i].invoked <= horizon);
        let named = witness.filter(|i| self.operations[*i].invoked <= horizon);
        let all = optional.chain(unnamed).chain(named);
        all.filter(|i| self.model.explains(&self.operations[*i].reads))
            .collect()
    }

    fn descend(&mut self, next: usize, alternatives: Vec<usize>, readers: Vec<usize>) {
        let at = self.at;
        let undo = self.model.apply(&self.operations[next].writes);
        self.mark(next, true);
        self.order.push(next);
        self.frames.push(Frame {
            placed: next,
            readers,
            alternatives,
            undo,
            at,
        });
    }

    /// Takes back until another choice is left, and takes that. False when there is none.
    fn back(&mut self, readers: Vec<usize>) -> bool {
        self.unplace(&readers);
        while let Some(mut frame) = self.frames.pop() {
            self.unplace(&[frame.placed]);
            self.model.undo(frame.undo);
            self.at = frame.at;
            if let Some(next) = frame.alternatives.pop() {
                self.descend(next, frame.alternatives, frame.readers);
                return true;
            }
            self.unplace(&frame.readers);
        }
        false
    }

    fn unplace(&mut self, list: &[usize]) {
        for i in list.iter().rev() {
            self.mark(*i, false);
            self.order.pop();
        }
    }

    fn mark(&mut self, i: usize, placed: bool) {
        self.placed[i] = placed;
        self.placed_hash ^= mix(i as u64 + 1);
        if self.operations[i].must_have_happened() {
            self.left = if placed { self.left - 1 } else { self.left + 1 };
        }
    }
}

/// An unknown outcome has no answer: it can take place at any time after its call.
fn completed(operation: &Operation) -> u64 {
    if operation.outcome == Outcome::Unknown {
        u64::MAX
    } else {
        operation.completed
    }
}

/// Spreads a number over 64 bits (the finalizer of SplitMix64, Steele 2014).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
