//! Simulators that run the real protocols in a world of faults, by seed.
//!
//! - [`sim`] is that of replication: `cell_replica` and the control plane's configuration of a shard;
//! - [`cross`] has people live in its shards: events between them, who change home, claims;
//! - [`shared`] that of a takeover in a store that nodes share.
//!
//! The binary `chaos` (of `chaos/run`) runs them: `chaos sim --help`. Histories are judged by the checkers of the crate `chaos`.

pub mod cross;
pub mod shared;
pub mod sim;
