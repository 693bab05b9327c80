//! What goes between the platform's processes: messages, their conversions to the model's types, thin clients.
//!
//! Every message carries the version of its frame and the id of its world; both are checked before anything else is
//! read. No business here: who may call what, and what then happens, is for the servers to say.
//!
//! Start with [`follow`] for the routing table, [`report`], [`replicas`], [`admin`] and [`operation`] for the
//! controllers, [`ledger`] and [`heads`] for what they decided and who has seen it, [`join`], [`renew`] and [`trust`]
//! for certificates, [`backup`] and [`custody`] for backups and erasures, [`store_checks`] for how a node's engine
//! is, [`directory`], [`keys`] and [`events`] for what nodes ask of and tell each other, [`replication`] for what their
//! copies of shards tell each other, [`refusal`] for how a call is refused.

pub mod admin;
pub mod backup;
pub mod channel;
pub mod client_protocol;
pub mod controllers;
pub mod convert;
pub mod custody;
pub mod directory;
pub mod events;
pub mod follow;
pub mod frame;
pub mod heads;
pub mod inside;
pub mod join;
pub mod keys;
pub mod law;
pub mod ledger;
mod nodes;
pub mod operation;
pub mod pb;
pub mod raft;
pub mod recovery;
pub mod refusal;
pub mod relocation;
pub mod renew;
pub mod replicas;
pub mod replication;
pub mod report;
pub mod spec;
pub mod store_checks;
pub mod trust;

#[cfg(test)]
mod captured;

pub use controllers::CallError;
pub use frame::{FRAME_VERSION, MESSAGE_BYTES_MAX};
pub use nodes::CALL_TIMEOUT;
pub use refusal::{Refusal, RefusalCode};
