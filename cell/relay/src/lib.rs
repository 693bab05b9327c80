//! What crosses shards, as pure state machines: events to roots elsewhere, people who change home, unique claims.
//!
//! No clock, no I/O. Everything here is about what one shard decides on what it has *committed*; a host feeds it and
//! carries the messages. Each rule is explained where it is enforced.
//!
//! - [`relay`] sends the events of a shard, in order per destination root; [`mark`] is the receiver's half, [`parked`]
//!   what becomes of an event that a root cannot take, [`outgoing`] what a person emits just after he has moved;
//! - [`home`] is the directory's entry of a person, and the only thing that decides where he lives;
//!   [`relocate`] is what the two shards do about it;
//! - [`claim`] is a unique value: the authority's row and the user's own record of it.

pub mod claim;
pub mod home;
pub mod mark;
pub mod outgoing;
pub mod parked;
pub mod relay;
pub mod relocate;

pub use claim::{Authority, ClaimId, ClaimState, Row, Taken};
pub use home::{Entry, EntryRefusal, OperationId};
pub use mark::{Floors, Marks, Received};
pub use outgoing::Outgoing;
pub use parked::{Parked, ParkedRefusal};
pub use relay::{Answer, AnswerRefusal, EventKey, Fed, Relay, RelayAction};
pub use relocate::{Place, PlaceRefusal};

#[cfg(test)]
mod tests;
