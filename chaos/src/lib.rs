//! Chaos: recorded histories and the checkers that judge them.
//!
//! - [`history`] is what clients recorded: what they asked, when, what they saw, how it ended.
//! - [`checkers`] says whether some legal order explains it, one file per question; a checker that finds none
//!   shows where every order breaks. [`verdict`] is what it says.
//! - [`synthetic`] makes numbers by seed: for histories whose answer is known, and for schedules of faults.
//!
//! It knows nothing of shards, stores or nodes: whoever has a history brings it in these types.

pub mod checkers;
pub mod history;
pub mod synthetic;
pub mod verdict;
