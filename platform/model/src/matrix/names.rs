//! Names in order, found by hash: constant time, no allocation, for most names no more than one line of the cache.

use crate::place::{Jurisdiction, RegionId};

/// A slot that holds no name. Lists are at most 128 long.
const EMPTY: u8 = u8::MAX;
/// Names up to this length are told apart by their key alone.
const KEY_BYTES: usize = 16;

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
    /// Open addressing with linear probing, at most a quarter full; their number is a power of two.
    slots: Vec<Slot>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    key: Key,
    index: u8,
}

/// The first and last bytes of a name, and its length: the whole of a name of up to 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    first: u64,
    last: u64,
    length: usize,
}

impl<T: Named> Names<T> {
    /// Sorts; the caller has checked that there are at most 128 and no two are the same.
    pub fn new(mut all: Vec<T>) -> Self {
        all.sort_unstable();
        let empty = Slot {
            key: Key::of(""),
            index: EMPTY,
        };
        let mut slots = vec![empty; (all.len() * 4).next_power_of_two().max(4)];
        let mask = slots.len() - 1;
        for (index, name) in all.iter().enumerate() {
            let key = Key::of(name.name());
            let mut slot = key.hash() & mask;
            while slots[slot].index != EMPTY {
                slot = (slot + 1) & mask;
            }
            let index = u8::try_from(index).expect("at most 128 names");
            slots[slot] = Slot { key, index };
        }
        Self { all, slots }
    }

    #[inline]
    pub fn find(&self, name: &str) -> Option<u8> {
        let key = Key::of(name);
        let mask = self.slots.len() - 1;
        let mut slot = key.hash() & mask;
        loop {
            let Slot { key: found, index } = self.slots[slot];
            if index == EMPTY {
                return None;
            }
            if found == key && (key.length <= KEY_BYTES || self.all[usize::from(index)].name() == name) {
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

impl Key {
    #[inline]
    fn of(name: &str) -> Self {
        let (bytes, length) = (name.as_bytes(), name.len());
        let (first, last) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
                (Some(first), Some(last)) => (
                    u32::from_le_bytes(*first).into(),
                    u32::from_le_bytes(*last).into(),
                ),
                _ => (short(bytes), 0),
            },
        };
        Self { first, last, length }
    }

    /// Multiplies by odd numbers and keeps the high bits, after Knuth (TAOCP 3, 6.4).
    #[inline]
    fn hash(self) -> usize {
        let mixed =
            self.first.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.last.wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
        let mixed = (mixed ^ self.length as u64).wrapping_mul(0x1656_67b1_9e37_79f9);
        usize::try_from(mixed >> 48).expect("16 bits")
    }
}

/// The whole of a name of less than four bytes: no loop, for most names of jurisdictions are such.
#[inline]
fn short(bytes: &[u8]) -> u64 {
    match *bytes {
        [one] => u64::from(one),
        [one, two] => u64::from(one) << 8 | u64::from(two),
        [one, two, three] => u64::from(one) << 16 | u64::from(two) << 8 | u64::from(three),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str) -> RegionId {
        name.parse().expect("a name")
    }

    #[test]
    fn each_name_is_found_at_its_place_and_no_other_is() {
        for count in [0, 1, 5, 128] {
            let names = Names::new(
                (0..count)
                    .rev()
                    .map(|n| region(&format!("region-{n:03}")))
                    .collect(),
            );
            assert_eq!(names.len(), count);
            for (index, name) in names.all().iter().enumerate() {
                assert_eq!(names.find(name.name()).map(usize::from), Some(index));
            }
            assert_eq!(names.find("region-128"), None);
            assert_eq!(names.find(""), None);
        }
    }

    #[test]
    fn names_of_every_length_are_told_apart() {
        let all: Vec<RegionId> = (1..=40)
            .flat_map(|length| {
                let same = "a".repeat(length);
                // Another letter in the middle: beyond 16 bytes the key does not see it.
                let mut other = same.clone();
                other.replace_range(length / 2..=length / 2, "b");
                [region(&same), region(&other)]
            })
            .collect();
        let names = Names::new(all.clone());
        for name in &all {
            let index = names.find(name.name()).expect("it is there");
            assert_eq!(names.all()[usize::from(index)], *name);
            let mut third = name.name().to_owned();
            let middle = third.len() / 2;
            third.replace_range(middle..=middle, "c");
            assert_eq!(names.find(&third), None, "{third}");
        }
        assert_eq!(names.find(&"a".repeat(41)), None);
    }
}
