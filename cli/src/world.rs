//! A world on this machine, and what is known of any world's ledger.
//!
//! The world itself ([`cli_world`]) is shared with other programs that need one.

pub mod ledgers;

pub use cli_world::*;
