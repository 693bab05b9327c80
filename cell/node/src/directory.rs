//! Claims of an authority, on whichever node its directory shard lives: this one or another.
//!
//! [`rows`] is the claim's row in its shard, [`rpc`] serves it to other nodes, [`Claims`] is what domains are lent.

mod claims;
mod lookup_key;
mod rows;
mod rpc;

pub use claims::Claims;
pub use lookup_key::{LookupKey, LookupKeyError};
pub(crate) use rows::claimant;
pub(crate) use rpc::in_trace;
pub use rpc::routes;
