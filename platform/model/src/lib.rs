//! The words of the platform as types: who, where, which shard, since which epoch.
//!
//! Pure: no I/O, no clock, no randomness. Everything else in the workspace depends on this crate and it depends
//! on nothing of ours. Start with [`shard`] for the unit of everything and [`table`] for where it lives.

pub mod actor;
pub mod break_glass;
pub mod class;
pub mod header;
pub mod id;
pub mod matrix;
pub mod place;
pub mod problem;
pub mod replica_set;
pub mod revocation;
pub mod root;
pub mod shard;
pub mod shared_store;
pub mod start;
pub mod survival;
pub mod table;
pub mod thresholds;
pub mod version;

pub use actor::{Actor, Role, THE_PERSON};
pub use break_glass::BreakGlass;
pub use class::DataClass;
pub use id::{IdempotencyKey, InvalidId, RequestId, UserId, WorldId};
pub use place::{CellId, CountryCode, HomeId, Jurisdiction, NodeId, RegionId};
pub use problem::{Code, PROBE_PATH, Problem};
pub use replica_set::{CopyRoute, CopyState, ErasedCopy, ReplicaSet, SetPhase};
pub use revocation::{KeyDigest, RevokedIdentity};
pub use root::{RootId, RootKind, RootRef};
pub use shard::ShardId;
pub use shared_store::SharedStore;
pub use start::Start;
pub use survival::Survival;
pub use table::{Cell, CellState, Home, LawInForce, Node, RoutingTable, ShardRoute, TableDelta, TokenKey};
pub use version::{Epoch, EpochPosition, Generation, Incarnation, Position, ReplicaId, Term};
