//! Measurements on a world of real processes: what a switchover, a failover and a standby cost. The servers are built in
//! the profile of this binary.
//!
//! `stand` is the world and the people in it, `writers` the load; one file per suite.

mod copy;
mod events;
mod failover;
mod lease;
mod relocate;
mod replicate;
mod rides;
mod stand;
mod switchover;
mod takeover;
mod writers;

pub use copy::run as copy;
pub use events::run as events;
pub use failover::run as failover;
pub use lease::{Beside, run as lease};
pub use relocate::run as relocate;
pub use replicate::run as replicate;
pub use switchover::run as switchover;
pub use takeover::run as takeover;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Switchovers, failovers, or takeovers.
    pub rounds: usize,
    /// Seconds of load for each half of a comparison.
    pub load_s: u64,
    /// Data of the shard that is copied beside a load.
    pub copy_mib: usize,
    /// People who change home, and the rides of each.
    pub movers: usize,
    pub rides: usize,
}

impl Plan {
    pub fn full() -> Self {
        Self {
            rounds: 30,
            load_s: 20,
            copy_mib: 2_048,
            movers: 10,
            rides: 500,
        }
    }

    pub fn quick() -> Self {
        Self {
            rounds: 3,
            load_s: 4,
            copy_mib: 48,
            movers: 2,
            rides: 10,
        }
    }
}
