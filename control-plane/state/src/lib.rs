//! All that the controllers know, as one state, and the one function that changes it.
//!
//! Pure: no clock, no randomness, no floating point, no I/O. Two controllers that apply the same commands in the
//! same order hold the same state, byte by byte. Reports of nodes never come here, only transitions do.
//!
//! What is enforced here is structure: a world is made once, counts are fixed, generations are compared, epochs
//! grow, a node speaks for itself only, a shard lies in the region of its home; and the law: no copy
//! of a shard comes to be where the matrix in force does not permit it, and without a law none at all.
//!
//! Start with [`command`] for what may be asked, [`state`] for what is known, [`apply`] for how one becomes the
//! other, [`refusal`] for why not, [`ledger`] for what is on record about it.

pub mod apply;
pub mod backup;
pub mod command;
pub mod law;
pub mod ledger;
pub mod limits;
pub mod operation;
pub mod outcome;
pub mod recovery;
pub mod refusal;
pub mod shard_config;
pub mod state;
pub mod stored;
pub mod trust;

mod changes;
mod inputs;
mod plant;
mod rules;

pub use apply::{Effects, apply, apply_logged};
pub use command::{Author, Command, Envelope};
pub use law::LawBook;
pub use ledger::Ledger;
pub use outcome::Outcome;
pub use refusal::Refusal;
pub use state::State;
