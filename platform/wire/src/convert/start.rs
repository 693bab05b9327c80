//! One start of a node's process.

use platform_model::{Incarnation, SharedStore, Start};

use crate::pb;

impl From<&Start> for pb::Start {
    fn from(start: &Start) -> Self {
        Self {
            incarnation: start.incarnation.0,
            copy: start.copy,
            process: start.process,
        }
    }
}

/// A missing one reads as zeros, which no start has.
pub fn read_start(start: Option<pb::Start>) -> Start {
    let start = start.unwrap_or_default();
    Start {
        incarnation: Incarnation(start.incarnation),
        copy: start.copy,
        process: start.process,
    }
}

impl From<&SharedStore> for pb::SharedStore {
    fn from(store: &SharedStore) -> Self {
        Self {
            engine: store.engine.clone(),
            name: store.name,
        }
    }
}

/// Its bounds are the state's to judge.
impl From<pb::SharedStore> for SharedStore {
    fn from(wire: pb::SharedStore) -> Self {
        Self {
            engine: wire.engine,
            name: wire.name,
        }
    }
}
