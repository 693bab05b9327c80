//! What one cell may take of this router, and what it took.

use std::sync::Arc;

use platform_model::CellId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::budget::Budget;
use crate::meters::CellMeters;

/// One cell, as long as the table names it.
#[derive(Debug)]
pub struct Cell {
    pub id: CellId,
    pub budget: Budget,
    pub meters: CellMeters,
    in_flight: Arc<Semaphore>,
}

/// The right to have one request in flight to a cell; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    cell: Arc<Cell>,
    _permit: OwnedSemaphorePermit,
}

impl Cell {
    /// At most `in_flight_max` requests at once, bodies under way included.
    pub fn new(id: CellId, in_flight_max: usize) -> Self {
        let meters = CellMeters::new(&id);
        Self {
            id,
            budget: Budget::default(),
            meters,
            in_flight: Arc::new(Semaphore::new(in_flight_max)),
        }
    }

    /// A permit, or `None` at the bound: nobody waits here.
    pub fn admit(self: &Arc<Self>) -> Option<Permit> {
        let permit = Arc::clone(&self.in_flight).try_acquire_owned().ok()?;
        self.meters.in_flight.increment(1.0);
        self.budget.earn();
        Some(Permit {
            cell: Arc::clone(self),
            _permit: permit,
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.cell.meters.in_flight.decrement(1.0);
    }
}
