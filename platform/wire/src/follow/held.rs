//! The table as it is held, and what a frame does to it. No I/O.

use std::sync::Arc;

use platform_model::{Generation, RoutingTable, TableDelta, WorldId};
use tokio::sync::watch;

use super::age::Age;
use crate::frame;
use crate::ledger::LedgerHead;
use crate::pb;
use crate::pb::watch_frame::Body;

pub(super) struct Held {
    world: WorldId,
    table: watch::Sender<Arc<RoutingTable>>,
    age: Arc<Age>,
    /// The newest end of the ledger that any frame told.
    ledger: watch::Sender<Option<LedgerHead>>,
}

/// A frame that must not be taken: whoever sent it is left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("{0}")]
    Frame(String),
    #[error("it offers {offered}, {held} is held")]
    Older { offered: Generation, held: Generation },
    #[error("it leaves a gap: {0}")]
    Gap(String),
}

impl Held {
    pub(super) fn new(
        world: WorldId,
        table: watch::Sender<Arc<RoutingTable>>,
        age: Arc<Age>,
        ledger: watch::Sender<Option<LedgerHead>>,
    ) -> Self {
        Self {
            world,
            table,
            age,
            ledger,
        }
    }

    pub(super) fn world(&self) -> &WorldId {
        &self.world
    }

    pub(super) fn generation(&self) -> Generation {
        self.table.borrow().generation
    }

    /// Takes one frame: the table moves forward, is confirmed, or stays.
    ///
    /// # Errors
    /// The table is then as it was.
    pub(super) fn take(&self, frame: pb::WatchFrame) -> Result<(), Unusable> {
        frame::check(frame.version, &frame.world, &self.world)
            .map_err(|status| Unusable::Frame(status.message().to_owned()))?;
        self.tell_ledger(frame.ledger)?;
        let (offered, held) = (Generation(frame.generation), self.generation());
        if offered < held {
            return Err(Unusable::Older { offered, held });
        }
        match frame.body {
            Some(Body::Snapshot(table)) => self.take_snapshot(table, offered),
            Some(Body::Delta(delta)) => self.take_delta(delta, offered),
            Some(Body::Current(_)) if offered == held => {
                self.confirm(offered);
                Ok(())
            }
            Some(Body::Current(_)) => Err(Unusable::Gap(format!("{offered} was never sent"))),
            None => Err(Unusable::Frame("a frame without a body".into())),
        }
    }

    fn tell_ledger(&self, told: Option<pb::LedgerHead>) -> Result<(), Unusable> {
        let Some(told) = told else { return Ok(()) };
        let head = LedgerHead::try_from(told).map_err(unusable)?;
        self.ledger
            .send_if_modified(|held| held.replace(head) != Some(head));
        Ok(())
    }

    /// Only `current` confirms: what else comes may come from a controller that is catching up.
    fn confirm(&self, generation: Generation) {
        if generation > Generation(0) {
            self.age.confirmed();
        }
    }

    fn take_snapshot(&self, table: pb::Table, offered: Generation) -> Result<(), Unusable> {
        let table = RoutingTable::try_from(table).map_err(unusable)?;
        if table.world != self.world || table.generation != offered {
            return Err(Unusable::Frame(format!(
                "a snapshot of {} in a frame of {offered}",
                table.generation
            )));
        }
        self.table.send_if_modified(|held| {
            let newer = table.generation > held.generation;
            if newer {
                *held = Arc::new(table);
            }
            newer
        });
        Ok(())
    }

    fn take_delta(&self, delta: pb::Delta, offered: Generation) -> Result<(), Unusable> {
        let delta = TableDelta::try_from(delta).map_err(unusable)?;
        if delta.to != offered {
            return Err(Unusable::Frame(format!(
                "a delta to {} in a frame of {offered}",
                delta.to
            )));
        }
        let mut table = self.table.borrow().as_ref().clone();
        table.apply(delta).map_err(|gap| Unusable::Gap(gap.to_string()))?;
        self.table.send_replace(Arc::new(table));
        Ok(())
    }
}

fn unusable(error: impl std::fmt::Display) -> Unusable {
    Unusable::Frame(error.to_string())
}

#[cfg(test)]
#[path = "held_tests.rs"]
mod tests;
