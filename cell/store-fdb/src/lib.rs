//! The [`cell_store::Store`] on a FoundationDB cluster (API 7.3). The only crate that knows its client.
//!
//! - [`Settings`] say which cluster file and whose data; `Fdb::open` waits until the cluster answers.
//! - An empty cluster is claimed with a mark that names its world (`marker`); what holds anything else is refused, and a
//!   look claims nothing (`open`).
//! - Plain text never leaves this machine, and TLS is whole or refused (`tls`).
//! - `Fdb::health` says how the cluster is, as far as its own status tells it (`status`).
//! - [`codes`] says what the client's error codes mean for a commit and for a read.
//! - A commit reads its fences non-snapshot in the transaction that writes, and makes them conflict with whoever
//!   writes them.
//! - A snapshot is a transaction at one read version, which the cluster keeps for 5 s (`times`).
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
#[cfg(any(feature = "client", test))]
mod marker;
#[cfg(feature = "client")]
mod meters;
#[cfg(feature = "client")]
mod network;
#[cfg(feature = "client")]
mod open;
mod settings;
#[cfg(feature = "client")]
mod snapshot;
#[cfg(any(feature = "client", test))]
mod status;
#[cfg(any(feature = "client", test))]
mod times;
mod tls;

pub use error::OpenError;
#[cfg(feature = "client")]
pub use fdb::Fdb;
pub use settings::Settings;
#[cfg(feature = "client")]
pub use status::{Judged, Told};
pub use tls::InvalidTls;
