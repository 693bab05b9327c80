//! What the tests of the whole repository share: the house rules as pure functions, a world of real processes, and the
//! canaries that are pushed through it.
//!
//! No test of one crate's behaviour: those lie in the crate. Start with [`house`], [`world`] and [`canary`].

pub mod canary;
pub mod house;
pub mod world;
