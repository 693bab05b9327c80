//! Blobs: bytes of a name, up to [`BLOB_BYTES_MAX`], with their SHA-256.
//!
//! A blob comes in parts of [`PART_BYTES`], written over as many transactions as it takes under an id that nobody
//! reads; the manifest, written in the last transaction, makes it visible at once or replaces the one before. The id
//! is a keyed digest of name and content, so the same upload, sent again after a crash, goes on where it stopped.
//! What was begun and never finished is removed by [`sweep`].
//!
//! Keys: `(domain, "#blob", 0, name)` manifest, `(.., 1, upload)` pending, `(.., 2, upload, part)` parts. An upload id has
//! a pending row or a manifest, never both.

mod keys;
mod read;
mod sweep;
#[cfg(test)]
mod tests;
mod writer;

pub use read::{BlobInfo, delete, get, get_all, info};
pub use sweep::{PENDING_MS, SWEEP_UPLOADS_MAX, sweep};
pub use writer::{BlobWriter, Progress, put};

pub(crate) const LAYER: &str = "#blob";

/// Largest blob: 32 MiB.
pub const BLOB_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes of one row, but for the last.
pub const PART_BYTES: usize = 64 * 1024;
/// Parts that one transaction writes: 1 MiB, which the log entry holds a second time.
pub const STEP_PARTS: u64 = 16;
