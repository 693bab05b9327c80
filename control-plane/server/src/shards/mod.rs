//! What the controller that leads does for shards: hears how their copies stand, finds what has failed, carries
//! promotions, handovers and operations to their end.
//!
//! [`Leader`] is pure: reports and the time come in, commands go out; it decides nothing that is not a command, and
//! keeps nothing that must survive. Whoever leads next starts with an empty one, listens, and finds in the state what
//! is under way. [`Shards`] is the shell around it: one lock, one task, and Raft. No request of an app comes here.

mod act;
mod gray;
mod leader;
mod next;
mod operate;
mod recovering;
pub mod repair;
mod reports;
mod run;
mod serving;
mod silence;
mod standing;
mod suspects;
mod takeover;
mod tidy;
mod told;
mod view;
mod watched;

#[cfg(test)]
mod cluster_tests;
#[cfg(test)]
mod page_test;
#[cfg(test)]
mod tests;

pub use act::{Act, By};
pub use leader::{Leader, micros};
pub use run::Shards;
pub use view::Moment;
