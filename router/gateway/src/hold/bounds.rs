//! How much may be held: requests and bytes, of one shard, of one cell, in all. What is held is in memory and on
//! connections of apps, so that no shard and no cell may take what others need.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::upstream::Cell;

/// Most requests, and most bytes of their heads and bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    pub requests: usize,
    pub bytes: usize,
}

/// The three bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub shard: Bound,
    pub cell: Bound,
    pub all: Bound,
}

/// What is held under one bound.
#[derive(Debug, Default)]
pub struct Counts {
    requests: AtomicUsize,
    bytes: AtomicUsize,
}

/// Which bound is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    Shard,
    Cell,
    All,
}

impl Full {
    pub const ALL: [Self; 3] = [Self::Shard, Self::Cell, Self::All];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shard => "shard",
            Self::Cell => "cell",
            Self::All => "all",
        }
    }
}

/// The right to be held; given back when dropped.
#[derive(Debug)]
pub struct Room {
    counts: [Arc<Counts>; 3],
    cell: Arc<Cell>,
    bytes: usize,
}

impl Counts {
    fn take(&self, bytes: usize, bound: Bound) -> bool {
        if !add(&self.requests, 1, bound.requests) {
            return false;
        }
        let fits = add(&self.bytes, bytes, bound.bytes);
        if !fits {
            self.requests.fetch_sub(1, Ordering::Relaxed);
        }
        fits
    }

    fn give(&self, requests: usize, bytes: usize) {
        self.requests.fetch_sub(requests, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Requests and bytes.
    pub fn taken(&self) -> (usize, usize) {
        (
            self.requests.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        )
    }
}

fn add(to: &AtomicUsize, more: usize, max: usize) -> bool {
    let add = |now: usize| now.checked_add(more).filter(|sum| *sum <= max);
    to.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
}

impl Room {
    /// # Errors
    /// [`Full`]: nothing is taken.
    pub fn take(
        bytes: usize,
        bounds: Bounds,
        [shard, all]: [&Arc<Counts>; 2],
        cell: &Arc<Cell>,
    ) -> Result<Self, Full> {
        let steps = [
            (Full::Shard, shard, bounds.shard),
            (Full::Cell, &cell.held, bounds.cell),
            (Full::All, all, bounds.all),
        ];
        for (at, (full, counts, bound)) in steps.iter().enumerate() {
            if !counts.take(bytes, *bound) {
                steps[..at].iter().for_each(|(_, taken, _)| taken.give(1, bytes));
                cell.meters.hold_refused(*full);
                return Err(*full);
            }
        }
        cell.meters.held.increment(1.0);
        cell.meters.held_bytes.increment(bytes as f64);
        Ok(Self {
            counts: steps.map(|(_, counts, _)| Arc::clone(counts)),
            cell: Arc::clone(cell),
            bytes,
        })
    }

    /// Gives back what turned out not to be needed.
    pub fn shrink(&mut self, to: usize) {
        let less = self.bytes.saturating_sub(to);
        self.bytes -= less;
        self.counts.iter().for_each(|counts| counts.give(0, less));
        self.cell.meters.held_bytes.decrement(less as f64);
    }

    pub fn cell(&self) -> &Arc<Cell> {
        &self.cell
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.counts.iter().for_each(|counts| counts.give(1, self.bytes));
        self.cell.meters.held.decrement(1.0);
        self.cell.meters.held_bytes.decrement(self.bytes as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(shard: usize, cell: usize, all: usize) -> Bounds {
        let bound = |requests| Bound {
            requests,
            bytes: 100 * requests,
        };
        Bounds {
            shard: bound(shard),
            cell: bound(cell),
            all: bound(all),
        }
    }

    fn cell(name: &str) -> Arc<Cell> {
        Arc::new(Cell::new(name.parse().expect("a cell"), 4))
    }

    #[test]
    fn each_bound_is_told_apart_and_leaves_nothing_taken() {
        let (here, there) = (cell("eu-central-1"), cell("us-east-1"));
        let [first, second, third, all] = [(); 4].map(|()| Arc::new(Counts::default()));
        let bounds = bounds(2, 3, 4);
        let take = |shard, cell, bytes| Room::take(bytes, bounds, [shard, &all], cell);
        let mut rooms = vec![take(&first, &here, 1), take(&first, &here, 1)];
        assert_eq!(take(&first, &here, 1).expect_err("two of a shard"), Full::Shard);
        rooms.push(take(&second, &here, 1));
        assert_eq!(take(&second, &here, 1).expect_err("three of a cell"), Full::Cell);
        rooms.push(take(&third, &there, 1));
        assert_eq!(take(&third, &there, 1).expect_err("four in all"), Full::All);
        assert_eq!(
            (third.taken(), there.held.taken(), all.taken()),
            ((1, 1), (1, 1), (4, 4)),
            "what was refused took nothing"
        );
        drop(rooms);
        assert_eq!(
            (first.taken(), here.held.taken(), all.taken()),
            ((0, 0), (0, 0), (0, 0))
        );
    }

    #[test]
    fn bytes_are_bounded_and_what_is_not_needed_comes_back() {
        let (here, shard, all) = (cell("eu-central-1"), Arc::default(), Arc::default());
        let take = |bytes| Room::take(bytes, bounds(9, 1, 9), [&shard, &all], &here);
        assert_eq!(take(101).expect_err("a byte too many"), Full::Cell);
        let mut room = take(100).expect("fits");
        room.shrink(40);
        room.shrink(60);
        assert_eq!(all.taken(), (1, 40), "never grows");
        drop(room);
        assert_eq!(all.taken(), (0, 0));
    }
}
