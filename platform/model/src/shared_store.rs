//! The store that several nodes of a cell share.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest name of an engine, in bytes.
pub const ENGINE_BYTES_MAX: usize = 32;

/// Which store it is: nodes of one cell that say the same are on one store, and a shard goes from one of them to another
/// without a copy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SharedStore {
    /// `tikv`, `fdb`.
    pub engine: String,
    /// Random name of the data, made with it and kept in it.
    pub name: u64,
}

impl fmt::Display for SharedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} data {:016x}", self.engine, self.name)
    }
}
