//! What the tests of the whole repository share: the house rules as pure functions, a world of real processes, scenes
//! that play there, and the canaries that are pushed through it.
//!
//! No test of one crate's behaviour: those lie in the crate. Start with [`house`], [`scene`] and [`canary`].

pub mod canary;
pub mod house;
pub mod scene;
pub mod world;
