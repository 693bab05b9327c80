//! Settings of the only queue: how long and how much.

use std::time::Duration;

use platform_runtime::config::{HumanDuration, HumanSize};
use serde::{Deserialize, Serialize};

use super::{kib, seconds, size};
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
            within: seconds(5),
            shard_within: seconds(15),
            pace: HumanDuration(Duration::from_millis(20)),
            requests_per_shard_max: 1_024,
            bytes_per_shard_max: kib(8 * 1024),
            requests_per_cell_max: 2_048,
            bytes_per_cell_max: kib(32 * 1024),
            requests_max: 4_096,
            bytes_max: kib(64 * 1024),
        }
    }
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
