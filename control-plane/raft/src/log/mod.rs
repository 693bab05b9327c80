//! The replicated log of one controller: what the library appends, truncates and purges, and the vote.
//!
//! Everything since the last snapshot is held in memory for reading ([`view`]) and written behind by one thread
//! ([`writer`]), which folds all that waits into one transaction with one fsync ([`disk`]). An entry counts as
//! stored only when the thread says so. Knows nothing of commands: see [`crate::machine`].

mod backend;
mod disk;
mod store;
#[cfg(test)]
mod tests;
mod view;
mod writer;

pub use disk::{Disk, OpenError, Owner, Write};
pub use store::{LogStore, Opened};
pub use writer::LogStats;

/// Bytes of commands that one append carries to a peer, and that one read of a lagging peer takes at once.
pub const APPEND_BYTES_MAX: usize = 1 << 20;
