//! People whose data was erased, and shards that are made anew from a backup.
//!
//! The list of erased people lies here and not in a shard, so that no loss of a cell takes it away: whoever restores a
//! shard leaves out what stands on it, and [`BackupCommand::RestoreShard`] is taken only by one who has read all of it.
//! People stand on it by opaque id.
//!
//! What binds: a list only grows, and a person is on it before anything of his is destroyed; a restored shard has an epoch that was never given out, one copy, where the law lets it
//! lead; every copy that it had before is to be erased, wherever it may come back.

mod apply;
mod command;
mod record;
mod refusal;
#[cfg(test)]
mod tests;

pub(crate) use apply::apply;
pub use apply::{may_read_erased, open_erasures_at};
pub use command::{BackupCommand, CustodyWork, RestoreSpec};
pub use record::Erasures;
pub use refusal::BackupRefusal;
