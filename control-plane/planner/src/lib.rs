//! What is to be done so that every home survives what it is to survive, and what would become of the world if
//! something were lost.
//!
//! Pure and deterministic: the same state and the same observations give the same plan, with the same hash, on every
//! controller. Nothing here is done and nothing is asked: a plan is a list of operations that the state may still
//! refuse, each for itself.
//!
//! The law comes first, then whether a node is there and has room, then how copies are spread, then how little is to be
//! done; what is so already is left alone. Where no copy may be, the plan says so, and which rule forbids it.
//!
//! What is absent: pins, weights, and the balance of a cell's shards; a standby that nobody needs is left where it is.
//!
//! Start with [`repair::plan`] and [`simulate::simulate`].

pub mod goal;
pub mod head_room;
pub mod observed;
pub mod place;
pub mod plan;
pub mod repair;
pub mod simulate;

mod law;
mod plant;
#[cfg(test)]
mod tests;

pub use observed::Observed;
pub use place::Infeasible;
pub use plan::Plan;
