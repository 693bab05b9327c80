//! What every process of the platform stands on: clocks, randomness, tasks, configuration, telemetry, identities,
//! listeners. The only crate that reads a clock, spawns on the runtime or asks the system for randomness, so that a
//! simulation can own all three.
//!
//! It knows no domain, no shard and no routing. Start with [`tasks`] for how work begins and ends, and with [`tls`]
//! for who may talk to whom.

pub mod addresses;
pub mod background;
pub mod clock;
pub mod config;
pub mod data_dir;
pub mod files;
pub mod random;
pub mod retry;
pub mod serve;
pub mod shutdown;
pub mod tasks;
pub mod telemetry;
pub mod tls;
pub mod urgent;

pub use clock::{Clock, ManualClock};
pub use tasks::{CancellationToken, TaskGroup};
pub use tls::PeerIdentity;
