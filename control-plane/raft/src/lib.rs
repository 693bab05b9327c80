//! The replicated log under the control plane, and the only crate that knows openraft.
//!
//! One [`node::Node`] per controller: it keeps log and vote on disk with one fsync for a batch of proposals, agrees
//! with its peers over mTLS, applies what is committed to a pure [`machine::Machine`], and folds the log into
//! snapshots that a late peer is sent. It knows no home, no cell and no shard: [`control_plane`] is where the
//! platform's state is put in. Start with [`node`].

mod apply;
mod begin;
pub mod codec;
pub mod config;
pub mod control_plane;
pub mod error;
mod log;
pub mod machine;
mod network;
pub mod node;
mod snapshot;
mod start;
pub mod status;
#[cfg(test)]
mod tests;
mod types;

pub use begin::{Alone, BeginError, begin_with};
pub use config::{Compaction, RaftConfig, Timeouts};
pub use control_plane::{ControlPlane, RaftNode, Recorder};
pub use error::{InitializeError, MembershipError, Peer, ProposeError, ReadError, StartError};
pub use log::LogStats;
pub use machine::{Journal, Logged, Machine};
pub use node::Node;
pub use status::{NodeStatus, Part};
