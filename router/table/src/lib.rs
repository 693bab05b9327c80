//! Which node answers a request: a pure function of the routing table and the request's head.
//!
//! No I/O, no clock, no task, no body, no token check: the caller verifies tokens and hands over whom they name.
//! Start with [`decide()`]; [`Table`] is the compiled form that makes it cheap, [`Overrides`] what routers learn
//! from nodes that say `moved`. The process around it is `router/gateway`.

pub mod decide;
pub mod decision;
pub mod distance;
mod hash;
pub mod homes;
pub mod overrides;
pub mod path;
pub mod table;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod sample;

pub use decide::{Caller, Moment, RequestHead, decide};
pub use decision::{Decision, Place, Route};
pub use homes::Homes;
pub use overrides::{Moved, Overrides, RefusedOverride};
pub use path::{Door, RouteClass};
pub use table::{Found, FoundHome, HomeEntry, NodeEntry, NodeIndex, ShardIndex, Table};
