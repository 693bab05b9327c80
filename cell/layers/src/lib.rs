//! What a domain stores with: records in tables, blobs, sample columns, lists in order of a personal value,
//! idempotency rows. All of it lies in the range of one root, inside one shard transaction, and is sealed with the
//! key of the root's person before it reaches the shard.
//!
//! | module | what it is |
//! |---|---|
//! | [`root_tx`] | a shard transaction, a domain's name and the opened key: the handle that every layer takes |
//! | [`record`], [`table`] | prost records (made by `cell_schema`) with primary key, unique and secondary indexes |
//! | [`blob`] | up to 32 MiB of bytes with a SHA-256 digest, written over several transactions |
//! | [`samples`] | long columns of numbers, coded with pco |
//! | [`timeline`] | a list in order of a personal value that never stands in a key |
//! | [`event`] | events between roots: told, opened field by field, marked, parked |
//! | [`idempotency`] | one effect for one command |
//! | [`place`] | whether the person lives here, and his rows as a whole while he moves |
//! | [`ended`] | the end of a root, which every write asks for |
//! | [`keys`] | users' keys, wrapped by the jurisdiction's, in the home's key shard |
//!
//! Keys in the root's range, relative to it: `(domain, table, ...)`; names of layers begin with `#`, names of tables
//! cannot. A stored value is `form, version, nonce, sealed bytes`; the root and the whole key are authenticated with
//! it, so that a row that was moved does not open.
//!
//! Not here: the store, replication, where events go, HTTP. No domain sees a [`cell_shard::Tx`] or a key's bytes.

pub mod blob;
mod digest;
pub mod ended;
mod envelope;
pub mod error;
pub mod event;
pub mod idempotency;
pub mod keys;
pub mod place;
pub mod record;
pub mod root_tx;
pub mod samples;
mod stored;
pub mod table;
pub mod timeline;

pub use digest::sha256;
pub use error::LayerError;
pub use event::{EventField, EventInfo, EventRecord};
pub use platform_model::DataClass;
pub use record::{FieldInfo, IndexInfo, KeyPart, MigrateError, PrimaryKey, Record, TableInfo};
pub use root_tx::RootTx;
pub use table::{Query, RowCursor, Rows, Table};

// Generated code names this crate by its name, here too.
extern crate self as cell_layers;

#[cfg(test)]
mod harness;
