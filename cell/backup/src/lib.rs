//! Backups of shards in an object store: written from a shard at one position, read back whole, restored into a copy.
//!
//! A backup is a folder: parts of sealed rows, and, written last, a `manifest`. Without a manifest there is no backup.
//! Each backup has a key of its own, wrapped by the jurisdiction's key and kept in the manifest: it opens in that
//! jurisdiction only. Values of people stay sealed under their own keys inside, so a destroyed key erases backups too.
//!
//! Invariants, each a test:
//! - what is read back is what was written, or an error that names the part: flipped, missing, cut short, of another
//!   backup, in another order, under a foreign key;
//! - nothing that the store holds says anything of a person without the jurisdiction's key;
//! - memory is bounded by a few parts, however large the shard is;
//! - rows of people who were erased since are left out of a restore, and their keys with them ([`erased`]).
//!
//! | module | what it is |
//! |---|---|
//! | [`name`], [`manifest`] | what a backup is called and what it says of itself |
//! | [`seal`] | the key of a backup; parts sealed under it, each bound to its place |
//! | [`store`], [`s3`] | the object store: a folder, or a bucket |
//! | [`write`], [`read`] | a shard to parts, parts to rows |
//! | [`pace`], [`permit`] | what holds a backup back: the requests beside it, the law |
//! | [`retention`] | which backups a shard needs: when the next is made, which of them go (pure) |
//! | [`rehearse`] | a backup restored into a store of its own, and compared |
//! | [`log`] | what came to the shard after a backup, entry by entry, kept beside it |
//! | [`restore`], [`erased`], [`residents`] | rows and entries to a copy, without who was erased; who lives elsewhere by now is not served there |
//!
//! Never here: where a backup may lie (the law is asked by the node), who may ask, which copy leads, whose log is kept.

mod envelope;
pub mod erased;
pub mod error;
pub mod log;
pub mod manifest;
pub mod name;
pub mod pace;
pub mod permit;
pub mod progress;
pub mod read;
pub mod rehearse;
pub mod residents;
pub mod restore;
pub mod retention;
mod rows;
pub mod s3;
pub mod seal;
pub mod store;
pub mod write;

#[cfg(test)]
mod tests;

pub use erased::ErasedPeople;
pub use error::BackupError;
pub use log::goal::Goal;
pub use log::keep::Kept;
pub use log::reach::Reach;
pub use log::run::Run;
pub use manifest::Manifest;
pub use name::BackupName;
pub use pace::Pace;
pub use permit::Permit;
pub use progress::Progress;
pub use residents::{AllAtHome, Resident, Residents};
pub use store::BackupStore;
pub use write::Writer;
