//! The store: what a shard may ask of FoundationDB, TiKV or an embedded engine, and no more.
//!
//! - [`Store`] and [`Snapshot`] are the contract: linearizable snapshots, atomic durable batches, fences
//!   checked inside the same transaction. Every engine has the same [`Limits`].
//! - [`key`] encodes ordered tuples as FoundationDB does.
//! - [`memory`] is the model (a `BTreeMap`): the oracle of the differential tests, and fast.
//! - [`embedded`] is the default engine: fjall with one write queue and one fsync for all waiting commits.
//! - [`conformance`] is the suite that each engine runs from its own tests.
//!
//! This crate never knows what a shard, a root or a log entry is: see `cell-shard` for those.

pub mod conformance;
pub mod embedded;
pub mod key;
pub mod memory;

mod batch;
mod error;
mod fence;
mod limits;
mod range;
mod store;

pub use batch::{Mutation, WriteBatch};
pub use error::{CommitError, SnapshotError, StoreError};
pub use fence::{Fence, check_fences};
pub use limits::Limits;
pub use range::{KeyRange, Page};
pub use store::{Key, Snapshot, Store, Value};
