//! The [`cell_store::Store`] on a TiKV cluster: what a cell runs on when it outgrows one machine. The only crate that
//! knows tikv-client.
//!
//! - [`Settings`] say where the cluster is and whose data it holds; [`Tikv::open`] waits until it answers.
//! - A commit is one optimistic transaction that locks its fences (`commit`), so that another writer conflicts.
//! - `failure` says which errors of the client can follow a commit that was sent: those are `Unknown`.
//! - A snapshot is a timestamp of the cluster; it ends before the cluster may collect what it shows (`snapshot`).
//! - `decide` ends what a dead node has under way in a shard that another takes, at once.
//! - [`Tikv::health`] says how the cluster is: clock, locks, stores (`health`, `pd_api`); [`stores`] the last of a
//!   cluster that is not opened.
//! - `version` refuses a cluster whose stores are too old.
//! - `janitor` resolves the locks of those who died, and lets the cluster collect old versions.
//!
//! It never retries a commit whose outcome it does not know, never rolls one of its own back, and never connects in plain text
//! unless that was asked for by name. See `cell_store` for what any engine promises.

mod attempt;
mod commit;
mod decide;
mod error;
mod failure;
mod health;
mod janitor;
mod keys;
mod marker;
mod meters;
mod open;
mod pd_api;
mod scan;
mod settings;
mod snapshot;
mod tikv;
mod version;

#[cfg(test)]
mod tests;

pub use error::{InvalidSettings, OpenError};
pub use health::Health;
pub use pd_api::{Room, StoreHealth, stores};
pub use settings::{Settings, Tls};
pub use tikv::Tikv;
