//! Names in order, found by hash: constant time, no allocation.

use xxhash_rust::xxh3::xxh3_64;

use crate::place::{Jurisdiction, RegionId};

/// A slot that holds no name. Lists are at most 128 long.
const EMPTY: u8 = u8::MAX;

/// What has a name to be found by.
pub(super) trait Named: Ord {
    fn name(&self) -> &str;
}

impl Named for Jurisdiction {
    fn name(&self) -> &str {
        self.as_str()
    }
}

impl Named for RegionId {
    fn name(&self) -> &str {
        self.as_str()
    }
}

/// A sorted list of distinct names of at most 128 places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names<T> {
    all: Vec<T>,
    /// Open addressing with linear probing, at most a quarter full.
    slots: Vec<u8>,
}

impl<T: Named> Names<T> {
    /// Sorts; the caller has checked that there are at most 128 and no two are the same.
    pub fn new(mut all: Vec<T>) -> Self {
        all.sort_unstable();
        let mut slots = vec![EMPTY; (all.len() * 4).next_power_of_two().max(4)];
        for (index, name) in all.iter().enumerate() {
            let mut slot = first_slot(name.name(), slots.len());
            while slots[slot] != EMPTY {
                slot = (slot + 1) % slots.len();
            }
            slots[slot] = u8::try_from(index).expect("at most 128 names");
        }
        Self { all, slots }
    }

    pub fn find(&self, name: &str) -> Option<u8> {
        let mask = self.slots.len() - 1;
        let mut slot = first_slot(name, self.slots.len());
        loop {
            let index = self.slots[slot];
            if index == EMPTY {
                return None;
            }
            if self.all[usize::from(index)].name() == name {
                return Some(index);
            }
            slot = (slot + 1) & mask;
        }
    }

    pub fn all(&self) -> &[T] {
        &self.all
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }
}

fn first_slot(name: &str, slots: usize) -> usize {
    usize::try_from(xxh3_64(name.as_bytes()) & (slots as u64 - 1)).expect("below the number of slots")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(n: usize) -> RegionId {
        format!("region-{n:03}").parse().expect("a name")
    }

    #[test]
    fn each_name_is_found_at_its_place_and_no_other_is() {
        for count in [0, 1, 5, 128] {
            let names = Names::new((0..count).rev().map(region).collect());
            assert_eq!(names.len(), count);
            for (index, name) in names.all().iter().enumerate() {
                assert_eq!(names.find(name.name()).map(usize::from), Some(index));
            }
            assert_eq!(names.find("region-128"), None);
            assert_eq!(names.find(""), None);
        }
    }
}
