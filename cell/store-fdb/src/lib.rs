//! The [`cell_store::Store`] on a FoundationDB cluster (API 7.3). The only crate that knows its client.
//!
//! - [`Settings`] say which cluster file and whose data; `Fdb::open` waits until the cluster answers.
//! - [`codes`] says what the client's error codes mean for a commit and for a read.
//! - A commit reads its fences non-snapshot in the transaction that writes, and makes them conflict with whoever
//!   writes them.
//! - A snapshot is a transaction at one read version, which the cluster keeps for 5 s.
//!
//! The client is behind the feature `client`, for it needs libclang to build and libfdb_c to link. It is checked by the
//! compiler and linked against a stub where there is no libfdb_c; **it has never run against a cluster**.

pub mod codes;

#[cfg(feature = "client")]
mod commit;
mod error;
#[cfg(feature = "client")]
mod fdb;
#[cfg(feature = "client")]
mod keys;
#[cfg(feature = "client")]
mod network;
mod settings;
#[cfg(feature = "client")]
mod snapshot;

pub use error::OpenError;
#[cfg(feature = "client")]
pub use fdb::Fdb;
pub use settings::Settings;
