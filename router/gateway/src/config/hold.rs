//! Settings of the only queue: how long and how much.

use std::time::Duration;

use platform_model::thresholds::{
    HOLD_KIB_MAX, HOLD_KIB_PER_CELL_MAX, HOLD_KIB_PER_SHARD_MAX, HOLD_MS, HOLD_REQUESTS_MAX,
    HOLD_REQUESTS_PER_CELL_MAX, HOLD_REQUESTS_PER_SHARD_MAX, HOLD_SHARD_MS,
};
use platform_runtime::config::{HumanDuration, HumanSize};
use serde::{Deserialize, Serialize};

use super::{kib, size};
use crate::hold::HoldLimits;
use crate::hold::bounds::{Bound, Bounds};

/// Requests that wait for a shard that nobody serves for a moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hold {
    /// Longest that one request waits.
    pub within: HumanDuration,
    /// A shard that is held for longer takes nobody new.
    pub shard_within: HumanDuration,
    /// Longest wait for an answer before more of those that waited are sent.
    pub pace: HumanDuration,
    pub requests_per_shard_max: usize,
    pub bytes_per_shard_max: HumanSize,
    pub requests_per_cell_max: usize,
    pub bytes_per_cell_max: HumanSize,
    pub requests_max: usize,
    pub bytes_max: HumanSize,
}

impl Default for Hold {
    fn default() -> Self {
        Self {
            within: HumanDuration(Duration::from_millis(HOLD_MS)),
            shard_within: HumanDuration(Duration::from_millis(HOLD_SHARD_MS)),
            pace: HumanDuration(Duration::from_millis(20)),
            requests_per_shard_max: requests(HOLD_REQUESTS_PER_SHARD_MAX),
            bytes_per_shard_max: kib(HOLD_KIB_PER_SHARD_MAX),
            requests_per_cell_max: requests(HOLD_REQUESTS_PER_CELL_MAX),
            bytes_per_cell_max: kib(HOLD_KIB_PER_CELL_MAX),
            requests_max: requests(HOLD_REQUESTS_MAX),
            bytes_max: kib(HOLD_KIB_MAX),
        }
    }
}

fn requests(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Hold {
    pub fn limits(&self) -> HoldLimits {
        let bound = |requests, bytes| Bound {
            requests,
            bytes: size(bytes),
        };
        HoldLimits {
            within: self.within.0,
            shard_within: self.shard_within.0,
            pace: self.pace.0,
            bounds: Bounds {
                shard: bound(self.requests_per_shard_max, self.bytes_per_shard_max),
                cell: bound(self.requests_per_cell_max, self.bytes_per_cell_max),
                all: bound(self.requests_max, self.bytes_max),
            },
        }
    }

    /// The first bound of a part that is larger than that of the whole.
    pub(super) fn disorder(&self) -> Option<&'static str> {
        let ordered = [
            (
                "hold.requests_per_shard_max",
                self.requests_per_shard_max <= self.requests_per_cell_max,
            ),
            (
                "hold.requests_per_cell_max",
                self.requests_per_cell_max <= self.requests_max,
            ),
            (
                "hold.bytes_per_shard_max",
                self.bytes_per_shard_max.0 <= self.bytes_per_cell_max.0,
            ),
            (
                "hold.bytes_per_cell_max",
                self.bytes_per_cell_max.0 <= self.bytes_max.0,
            ),
        ];
        ordered.into_iter().find(|(_, fits)| !fits).map(|(key, _)| key)
    }
}
