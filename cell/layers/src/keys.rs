//! Keys: a person's ([`UserKey`]), the jurisdiction's that wraps them ([`Kek`]), the shard that holds the wrapped ones
//! ([`KeyShard`]) and the bounded memory of opened ones ([`KeyCache`]).
//!
//! A wrapped key lies in its home's key shard and nowhere else, and travels to nodes of the jurisdiction only
//! ([`rows`]); an opened one never leaves the process. Destroying the
//! row erases the person from every log, copy and backup of the values.

mod cache;
mod kek;
mod key_shard;
pub mod rows;
mod user_key;

pub use cache::{KeyCache, Miss};
pub use kek::{Kek, KekError};
pub use key_shard::{KeyError, KeyShard, TokenKeyRow};
pub use rows::KeyRows;
pub use user_key::{DigestKey, UserKey};
