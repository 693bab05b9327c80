//! The crate as a whole, with a toy machine over real sockets, real files and real certificates.

mod begin;
mod crash;
mod failover;
mod members;
mod peers;
mod toy;
mod world;

pub use toy::{Add, Register, Sum};
