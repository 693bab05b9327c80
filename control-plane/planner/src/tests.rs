//! Tests of this crate on worlds made by hand: what is placed where, what is not and why, and what a loss would do.

mod loss;
mod random;
mod repairs;
mod world;
