//! The configuration of a shard's replica set: who leads, who could, and the two-phase records of a change of primary.
//!
//! [`apply`](apply::apply) is the part that is replicated: one command, one compare-and-set on the generation, every
//! refusal typed. [`Driver`] is the part that whoever leads runs on top: pure as well, it turns reports and answers of
//! nodes into commands and orders. It keeps nothing that must survive: the records say what is under way, and whoever
//! leads next finishes it.
//!
//! What binds: only the primary of the epoch proposes additions and drops; an epoch is never given out twice; a
//! promotion that began ends in a new primary or in the old one confirmed, both of its epoch; a copy that may have
//! been erased never comes back; no promotion takes a copy that is no consistent prefix.

mod apply;
mod command;
mod driver;
mod erased;
mod primary;
mod record;
mod refusal;
mod take;
#[cfg(test)]
mod tests;

pub use apply::{ConfigPlants, ConfigRules, Law, STANDBYS_MAX, apply};
pub use command::{Candidate, Certificate, ConfigCommand, Proof, ProposedChange};
pub use driver::{Driver, DriverAction, DriverEvent, DriverSettings, Seen};
pub use record::{ConfigPhase, CopyState, Erasing, Forced, ShardConfig, ShardCopy};
pub use refusal::ConfigRefusal;
pub(crate) use take::store_is_free;
