//! Controller to controller: every request of the protocol as JSON in a frame of `platform/wire`.
//!
//! Over mTLS, to controllers only, with the world's id and both Raft ids in each request, so that an address that
//! was given to another process or another world is refused before anything of it is read.

mod client;
mod copies;
mod message;
mod receive;
mod service;

pub use client::Network;
pub use copies::Copies;
#[cfg(test)]
pub use message::{Answered, Asked};
pub use service::{PeerService, Quiet};

/// Longest request or answer, in bytes: an append of [`crate::log::APPEND_BYTES_MAX`] that ends in one command of
/// the largest size, each character of it escaped, and more than a chunk of a snapshot.
const MESSAGE_BYTES_MAX: usize = 8 << 20;
