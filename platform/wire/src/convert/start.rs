//! One start of a node's process.

use platform_model::{Incarnation, Start};

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
