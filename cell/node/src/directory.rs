//! Claims of an authority, on whichever node its directory shard lives: this one or another.
//!
//! [`rows`] is the claim's row in its shard, [`rpc`] serves it to other nodes, [`Claims`] is what domains are lent;
//! [`reconcile`] asks the persons' own shards ([`decide`]) for claims that nobody has finished, and lets their rows go.

mod claims;
mod completing;
mod decide;
mod faults;
mod lookup_key;
mod reconcile;
mod restored;
mod rows;
mod rpc;

pub use claims::Claims;
pub use decide::decisions;
pub use lookup_key::{LookupKey, LookupKeyError};
pub use reconcile::Reconciler;
#[cfg(test)]
pub(crate) use restored::{complete_by_hand, note_by_hand};
pub(crate) use restored::{is_incomplete, notes};
pub(crate) use rows::claimant;
pub(crate) use rpc::in_trace;
pub use rpc::routes;

use crate::problems::unavailable;
