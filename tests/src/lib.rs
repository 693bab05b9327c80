//! What the tests of the whole repository share: the house rules as pure functions.
//!
//! No test of one crate's behaviour: those lie in the crate. Start with [`house`].

pub mod house;
