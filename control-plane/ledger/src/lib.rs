//! The record of decisions: a chain of entries in which each names the one before by its hash, cut into sealed
//! segments, and what proves that nothing was changed, left out or cut off.
//!
//! Pure: no clock, no I/O, no randomness. It knows neither the state nor what a command means: an entry holds stable
//! words and digests, so that a ledger outlives the builds that wrote it. Never here: where a segment lies
//! (`control-plane/server`), when a refusal counts as a repetition (`control-plane/state`).
//!
//! Start with [`entry`] for what stands in the ledger, [`chain`] for how it grows, [`segment`] for the form of a
//! file, [`verify`] for the proof, [`ocsf`] for what a SIEM is sent.

pub mod chain;
pub mod digest;
pub mod encoding;
pub mod entry;
pub mod ocsf;
pub mod segment;
pub mod time;
pub mod verify;

pub use chain::{Chain, Head, OpenSegment, Sealed};
pub use digest::Digest;
pub use encoding::InvalidEntry;
pub use entry::{Entry, Record, Verdict};
pub use verify::{Broken, Recorded, Verified, Verifier, Witness, verify};

#[cfg(test)]
mod tests;
