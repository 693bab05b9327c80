//! What will happen, in order of time; at one moment in order of scheduling.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A queue of things to come.
#[derive(Debug)]
pub struct Queue<T> {
    heap: BinaryHeap<Reverse<(u64, u64, u32)>>,
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    sequence: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            sequence: 0,
        }
    }
}

impl<T> Queue<T> {
    pub fn push(&mut self, micros: u64, thing: T) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(thing);
                slot
            }
            None => {
                self.slots.push(Some(thing));
                u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 things to come")
            }
        };
        self.sequence += 1;
        self.heap.push(Reverse((micros, self.sequence, slot)));
    }

    pub fn pop(&mut self) -> Option<(u64, T)> {
        loop {
            let Reverse((micros, _, slot)) = self.heap.pop()?;
            self.free.push(slot);
            if let Some(thing) = self.slots[slot as usize].take() {
                return Some((micros, thing));
            }
        }
    }
}
