//! Events between roots: how a domain's message becomes one, what of it may leave, and what its receiver keeps.
//!
//! | module | what it is |
//! |---|---|
//! | `record` | what an event's message is, by its generated code: a name, a version, a class for each field |
//! | `post` | telling one: sealed with its author's key, like every value of a person; opened where it leaves |
//! | `fields` | an encoded message field by field, so that each passes or is left out by its class |
//! | `held` | in the author's range: what he tells while what he told in the home before still waits there |
//! | `marks` | in the receiver's range: up to where the events of each source took effect |
//! | `parked` | in the receiver's range: events that it could not take, sealed with its own key |
//!
//! Not here: where an event goes, what the law says of it, what a domain makes of it.

mod fields;
mod held;
mod marks;
mod parked;
mod post;
mod record;

pub use fields::{Malformed, select, tags};
pub(crate) use held::Holding;
pub use held::{HELD_MAX, HELD_TAKEN_BACK_MAX, Passed, release};
pub use marks::{decline, mark, note_mark, was_declined};
pub use parked::{
    Noted, PARKED_REASON_BYTES_MAX, Parked, all_parked, forget_parked, note_parked, park, parked, take_parked,
};
pub use post::{Address, EVENT_BYTES_MAX, Posted, post, post_back};
pub use record::{EventField, EventInfo, EventRecord};

/// In keys and log entries, where a domain's name stands otherwise.
pub const DOMAIN: &str = "relay";

#[cfg(test)]
mod held_tests;
#[cfg(test)]
mod tests;
