//! The cluster of the tests, if there is one.

use std::sync::Arc;

use platform_model::{CellId, WorldId};
use platform_runtime::clock::Clock;
use platform_runtime::{TaskGroup, random};

use crate::{OpenError, Settings, Tikv, Tls};

const PD: &str = "MERIDIAN_TIKV_PD";

/// The world of all tests: a cluster is one world's.
pub(super) fn world() -> WorldId {
    WorldId::new(&"7e57".repeat(16)).expect("64 hex digits")
}

pub(super) struct Cluster {
    pd: Vec<String>,
    pub tasks: TaskGroup,
}

impl Cluster {
    /// None, said aloud, when no cluster is named.
    pub fn from_environment(what: &str) -> Option<Self> {
        let Some(pd) = pd() else {
            println!("skipped: {what} on TiKV: set {PD}");
            return None;
        };
        Some(Self {
            pd,
            tasks: TaskGroup::new(),
        })
    }

    /// For settings of one's own.
    pub fn nowhere() -> Self {
        Self {
            pd: Vec::new(),
            tasks: TaskGroup::new(),
        }
    }

    pub fn settings(&self, cell: &CellId) -> Settings {
        Settings::new(self.pd.clone(), Tls::Plaintext, world(), cell.clone())
    }

    pub async fn open(&self, settings: Settings) -> Result<Arc<Tikv>, OpenError> {
        Tikv::open(settings, Clock::system(), &self.tasks).await
    }
}

pub(super) fn pd() -> Option<Vec<String>> {
    let named = std::env::var(PD).ok().filter(|named| !named.is_empty())?;
    Some(named.split(',').map(Into::into).collect())
}

/// A cell that has no rows yet.
pub(super) fn new_cell() -> CellId {
    format!("test-{:016x}", random::u64()).parse().expect("a cell")
}
