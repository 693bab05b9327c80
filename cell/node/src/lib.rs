//! `celld`: one node of a cell. It opens the shards that the routing table gives it, hosts every domain on them, and
//! serves them to routers over mTLS.
//!
//! | module | what it is |
//! |---|---|
//! | [`run`], [`running`] | puts the parts together; takes them apart in order |
//! | [`hosted`] | which copies of shards are open here and which serve, kept as the table says |
//! | [`peers`] | frames between the copies here and those on other nodes |
//! | [`replicas`], [`telling`] | how the copies stand and what they have to tell, as the controllers hear it |
//! | [`home_keys`] | the jurisdictions' keys, people's opened keys, the homes' token keys; `keys_rpc` for other nodes |
//! | [`door`] | what a request must show before a domain sees it: caller, shard, epoch |
//! | [`services`] | what the node lends its domains |
//! | [`operator_read`] | a person's data for an operator, through a window of break-glass alone |
//! | [`directory`] | claims, here or on the node that serves their shard |
//! | [`check_store`] | whether the store can be used, without starting; the same of an open one, for operators |
//! | [`events`] | what people's roots tell each other: relays of the shards served here, and the receiver's side |
//! | [`relocation`] | a person changes home: both shards' sides, driven from where he stands; the directory's entry |
//! | [`starting`] | which start of this node this is |
//! | [`reporter`] | what the controllers are told |
//! | `room` | how much more this node's disk takes, and what its shards take of it |
//! | [`wire`] | the threads that what nodes say to each other runs on |
//! | [`custody`] | backups, restored copies, erasures, for operators |
//! | [`health`], [`gateway`] | the routes of the one listener |
//!
//! Never here: a domain's rule, a store's format, a decision of the control plane. The node serves by its own copy of
//! the table: with every controller dead it goes on.

#[cfg(all(feature = "failpoints", not(debug_assertions)))]
compile_error!(
    "`failpoints` plants faults: it is never part of a release build. Build it with the dev profile."
);

mod check_store;
pub mod config;
mod convert;
pub mod custody;
pub mod directory;
pub mod door;
pub mod engine;
pub mod events;
mod export;
pub mod gateway;
pub mod health;
pub mod home_keys;
pub mod hosted;
mod keys_rpc;
pub mod operator_read;
pub mod peers;
pub mod problems;
pub mod relocation;
pub mod replicas;
pub mod reporter;
mod room;
pub mod run;
pub mod running;
pub mod services;
pub mod starting;
pub mod telling;
pub mod wire;

pub use check_store::{Finding, Verdict, check_store};
pub use config::Config;
pub use run::start;
pub use running::{Failure, Running};

#[cfg(test)]
mod tests;
