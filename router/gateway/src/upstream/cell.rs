//! What one cell may take of this router, and what it took.

use std::sync::Arc;

use platform_model::CellId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::budget::Budget;
use crate::hold::bounds::Counts;
use crate::meters::CellMeters;

/// Requests whose body or answer streams may take this part of a cell's places: an app can make such a request last,
/// and those that are over at once (logging in, a command) must find a place all the same.
const STREAMING_PART: usize = 2;

/// One cell, as long as the table names it.
#[derive(Debug)]
pub struct Cell {
    pub id: CellId,
    pub budget: Budget,
    pub meters: CellMeters,
    /// What waits for its shards.
    pub held: Arc<Counts>,
    in_flight: Arc<Semaphore>,
    streaming: Arc<Semaphore>,
}

/// The right to have one request in flight to a cell; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    cell: Arc<Cell>,
    _place: OwnedSemaphorePermit,
    streaming: Option<OwnedSemaphorePermit>,
}

impl Cell {
    /// At most `in_flight_max` requests at once: each until its answer is here, or has streamed to its end.
    pub fn new(id: CellId, in_flight_max: usize) -> Self {
        let meters = CellMeters::new(&id);
        Self {
            id,
            budget: Budget::default(),
            meters,
            held: Arc::default(),
            in_flight: Arc::new(Semaphore::new(in_flight_max)),
            streaming: Arc::new(Semaphore::new(in_flight_max.div_ceil(STREAMING_PART))),
        }
    }

    /// A permit, or `None` at the bound: nobody waits here.
    pub fn admit(self: &Arc<Self>) -> Option<Permit> {
        let place = Arc::clone(&self.in_flight).try_acquire_owned().ok()?;
        self.meters.in_flight.increment(1.0);
        self.budget.earn();
        Some(Permit {
            cell: Arc::clone(self),
            _place: place,
            streaming: None,
        })
    }
}

impl Permit {
    pub fn is_of(&self, cell: &Arc<Cell>) -> bool {
        Arc::ptr_eq(&self.cell, cell)
    }

    /// Counts the request among those that stream; `false` when there are too many. Once counted, always `true`.
    #[must_use]
    pub fn stream(&mut self) -> bool {
        if self.streaming.is_none() {
            self.streaming = Arc::clone(&self.cell.streaming).try_acquire_owned().ok();
        }
        self.streaming.is_some()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.cell.meters.in_flight.decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_streams_leaves_places_to_what_does_not() {
        let cell = Arc::new(Cell::new("eu-central-1".parse().expect("a cell"), 4));
        let mut streaming: Vec<Permit> = (0..2).filter_map(|_| cell.admit()).collect();
        assert!(streaming.iter_mut().all(Permit::stream));
        let mut third = cell.admit().expect("a place");
        assert!(!third.stream(), "half of the places");
        assert!(streaming[0].stream(), "counted once");
        let fourth = cell.admit().expect("a place");
        assert!(cell.admit().is_none());
        drop((streaming, fourth));
        assert!(third.stream());
    }
}
