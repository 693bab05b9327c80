//! `controld`: one controller. It takes part in Raft, tells routers and nodes what is decided, takes their reports and
//! what operators ask.
//!
//! It carries no request of an app and decides nothing by itself: every decision is a command that all controllers
//! apply alike (`control-plane/state`). Start with [`controller`]; who may call what is [`authorise`], how a call is
//! refused is [`refuse`], what watchers are sent is [`hub`].

pub mod authorise;
pub mod bootstrap;
pub mod config;
pub mod controller;
pub mod health;
pub mod heartbeats;
pub mod hub;
pub mod issuing;
pub mod ledger;
pub mod members;
pub mod proposer;
pub mod recover;
pub mod refuse;
pub mod security_log;
pub mod services;
pub mod shards;
pub mod siem;
pub mod translate;
pub mod wall_clock;

#[cfg(test)]
mod law_tests;
#[cfg(test)]
mod operators_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod trust_tests;
#[cfg(test)]
mod wall_clock_tests;

pub use config::Config;
pub use controller::Controller;
