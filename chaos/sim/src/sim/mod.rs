//! The simulator that tries to break the replication protocol.
//!
//! A world of nodes with drifting clocks and disks that lose what was not synced, a network that loses, delays,
//! reorders and duplicates, a control plane whose leaders change and whose orders come late, and clients that record
//! what they saw. First a phase of faults, then healing and progress within a bound. One seed gives one run, to the
//! byte. After every step the invariants are checked, one file each in [`invariants`].
//!
//! What runs in here is the code that nodes and controllers run: `cell_replica::Replica` and
//! `control_plane_state::shard_config`. Everything else is a model. Start with [`world`], then [`host`] for what
//! follows from a step, `control` for the control plane, [`faults`] for what goes wrong, [`run`] for many seeds.

mod ambush;
mod clients;
pub(crate) mod content;
mod control;
mod convert;
pub mod coverage;
mod disk;
pub mod exhaustive;
pub mod faults;
mod guide;
mod healing;
mod host;
mod inject;
pub mod invariants;
mod net;
mod nodes;
mod operator;
mod oracle;
pub mod pace;
pub(crate) mod parts;
mod plant;
pub(crate) mod queue;
pub(crate) mod random;
mod run;
mod serve;
mod small_world;
pub(crate) mod world;

#[cfg(test)]
mod tests;

pub use plant::SimPlant;
pub use run::{Run, Seeds, Total, run, run_guided, run_seed, shrink};
pub use world::{Numbers, Setting, World};
