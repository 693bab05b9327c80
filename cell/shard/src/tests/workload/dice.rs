//! What a client does next, by dice: which transaction, and how long it waits for it.

use std::time::Duration;

use super::{COUNTERS, ROWS};

/// Small and seeded; quality does not matter (xorshift, Marsaglia 2003).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// One kind of transaction with its dice thrown, so that each run of its closure does the same.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Increment { counter: u64 },
    Transfer { from: u64, to: u64 },
    InsertIfAbsent { row: u64 },
    InsertByCount { row: u64, reverse: bool },
    Remove { row: u64 },
    RemoveSome { from: u64 },
    Blind { counter: u64 },
    ReadAll,
    ReadMany,
    List { limit: usize, reverse: bool },
    Refuse { counter: u64 },
}

pub(super) fn throw(random: &mut Random) -> Kind {
    let (counter, row) = (random.below(COUNTERS), random.below(ROWS));
    match random.below(20) {
        0..=3 => Kind::Increment { counter },
        4..=5 => Kind::Transfer {
            from: counter,
            to: random.below(COUNTERS),
        },
        6..=7 => Kind::InsertIfAbsent { row },
        8..=11 => Kind::InsertByCount {
            row,
            reverse: random.below(2) == 0,
        },
        12..=13 => Kind::Remove { row },
        14 => Kind::RemoveSome { from: row },
        15 => Kind::Blind { counter },
        16 => Kind::ReadAll,
        17 => Kind::ReadMany,
        18 => Kind::List {
            limit: 1 + row as usize / 3,
            reverse: random.below(2) == 0,
        },
        _ => Kind::Refuse { counter },
    }
}

/// How the client waits.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    ToTheEnd,
    /// Goes away after so many turns of others.
    Turns(u64),
    /// Has a deadline that passes on the way.
    Deadline(Duration),
}

impl Patience {
    pub(super) fn throw(random: &mut Random) -> Self {
        match random.below(16) {
            0 => Self::Turns(random.below(30)),
            1 => Self::Deadline(Duration::from_micros(random.below(400))),
            _ => Self::ToTheEnd,
        }
    }
}
