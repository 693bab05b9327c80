//! Tests of whole shards over real stores. `history` runs concurrent clients and has the checker judge what they
//! recorded; `planted` shows that the checker catches what it is there for.

mod behaviour;
mod fencing;
pub(crate) mod harness;
mod history;
mod limits;
mod outcomes;
mod planted;
mod restart;
mod workload;

pub(crate) use harness::request_of;
pub(crate) use workload::{Load, run_in};
