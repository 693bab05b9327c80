//! A set of the points of one place: action x class x purpose, without and with consent.

use platform_model::DataClass;
use platform_model::matrix::{Action, CELLS, Purpose};

/// Points of one place: every cell twice, without consent and with it.
pub(crate) const BITS: usize = CELLS * 2;
const WORDS: usize = BITS.div_ceil(64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bits([u64; WORDS]);

/// One point of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    pub action: Action,
    pub class: DataClass,
    pub purpose: Purpose,
    pub consent: bool,
}

impl Bits {
    pub const NONE: Self = Self([0; WORDS]);
    pub const ALL: Self = Self::all();

    const fn all() -> Self {
        let mut words = [u64::MAX; WORDS];
        words[WORDS - 1] = u64::MAX >> (WORDS * 64 - BITS);
        Self(words)
    }

    pub fn set(&mut self, bit: usize) {
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    pub fn and(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a & b)
    }

    pub fn or(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a | b)
    }

    /// What is in `self` and not in `other`.
    pub fn without(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a & !b)
    }

    pub fn not(&self) -> Self {
        Self::ALL.without(self)
    }

    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            let rest = std::iter::successors(Some(*word), |word| Some(word & word.wrapping_sub(1)));
            let bits = rest.take_while(|word| *word != 0).map(u64::trailing_zeros);
            bits.map(move |bit| index * 64 + bit as usize)
        })
    }

    fn zip(&self, other: &Self, each: impl Fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|word| each(self.0[word], other.0[word])))
    }
}

impl Spot {
    /// Bits are in the order of the cells of a matrix, each cell without consent first.
    pub fn of(bit: usize) -> Self {
        let (rest, purpose) = (bit / 2 / Purpose::ALL.len(), bit / 2 % Purpose::ALL.len());
        let (action, class) = (rest / DataClass::ALL.len(), rest % DataClass::ALL.len());
        Self {
            action: Action::ALL[action],
            class: DataClass::ALL[class],
            purpose: Purpose::ALL[purpose],
            consent: bit % 2 == 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_points_are_sets() {
        let (mut even, mut low) = (Bits::NONE, Bits::NONE);
        (0..BITS).step_by(2).for_each(|bit| even.set(bit));
        (0..100).for_each(|bit| low.set(bit));
        assert_eq!((even.len(), low.len(), Bits::ALL.len()), (CELLS, 100, BITS));
        assert_eq!(even.and(&low).len(), 50);
        assert_eq!(even.or(&low).len(), CELLS + 50);
        assert_eq!(
            low.without(&even).iter().collect::<Vec<_>>(),
            (0..100).filter(|n| n % 2 == 1).collect::<Vec<_>>()
        );
        assert_eq!(even.not().len(), BITS - CELLS);
        assert!(Bits::ALL.not().is_empty() && Bits::NONE.not() == Bits::ALL);
    }

    #[test]
    fn every_bit_is_another_point() {
        let spots: Vec<Spot> = (0..BITS).map(Spot::of).collect();
        for (bit, spot) in spots.iter().enumerate() {
            assert!(!spots[..bit].contains(spot), "{spot:?}");
            assert_eq!(spot.consent, bit % 2 == 1);
        }
    }
}
