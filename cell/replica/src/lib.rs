//! The replication protocol of one shard: PacificA (Lin et al., Microsoft Research 2008) as one pure state machine.
//!
//! [`Replica::step`] takes a moment and an [`Event`] and answers with [`Action`]s. There is no clock, no I/O, no
//! randomness and no thread in here: the host brings the time, keeps the disk, carries the frames and seals entries.
//! The same code runs in a node and in the simulator that tries to break it.
//!
//! A refused event changes nothing ([`Refusal`]). What must be durable before something is said is written with
//! [`Action::Persist`], in order, and said when [`Event::Persisted`] comes back.
//!
//! Start with [`config`] for who is who, [`meta`] for what is durable, [`replica`] for the dispatch; then one file
//! per rule: [`Replica`]'s methods are spread over them. `docs/protocol.md` explains the whole.

pub mod action;
pub mod config;
pub mod entry;
pub mod event;
pub mod frame;
pub mod limits;
pub mod log;
pub mod meta;
pub mod moment;
pub mod names;
pub mod plant;
pub mod refusal;
pub mod replica;
pub mod report;
pub mod shared;

mod copy;
mod follower;
mod form;
mod lease;
mod membership;
mod peer;
mod persist;
mod prepare;
mod primary;
mod reconcile;
mod rewind;
mod stream;
mod switchover;
mod tick;
mod trim;
mod verify;

#[cfg(test)]
mod tests;

pub use action::{Action, Proposal, Write};
pub use config::{Configuration, Member, Phase, Standby, StandbyState};
pub use entry::{Body, Content, Entry, Head};
pub use event::Event;
pub use frame::{Frame, Message, Status};
pub use log::{EpochEnd, Log};
pub use meta::{Durable, Meta, Upkeep};
pub use moment::Moment;
pub use names::{Group, NodeKey, OrderIndex, Ticket};
pub use peer::{Peer, PeerPhase};
pub use plant::{Plant, Plants};
pub use primary::{Primary, Stage};
pub use refusal::Refusal;
pub use replica::{Replica, Role};
pub use report::{NodeReport, Report, Unusable};
