//! The keys of the blob layer.

use bytes::Bytes;
use cell_store::{KeyRange, key::Tuple};

use super::{LAYER, PART_BYTES};
use crate::error::LayerError;
use crate::record::PrimaryKey;
use crate::root_tx::RootTx;

const MANIFEST: u64 = 0;
const PENDING: u64 = 1;
const PARTS: u64 = 2;

/// What the parts of one upload lie under.
pub(super) type UploadId = [u8; 16];

pub(super) fn manifest(tx: &RootTx, name: &PrimaryKey) -> Bytes {
    name.append(tx.prefix(LAYER).u64(MANIFEST)).pack()
}

pub(super) fn pending(tx: &RootTx, upload: &[u8]) -> Bytes {
    tx.prefix(LAYER).u64(PENDING).bytes(upload).pack()
}

pub(super) fn all_pending(tx: &RootTx) -> KeyRange {
    tx.prefix(LAYER).u64(PENDING).range()
}

pub(super) fn part(tx: &RootTx, upload: &[u8], number: u64) -> Bytes {
    tx.prefix(LAYER).u64(PARTS).bytes(upload).u64(number).pack()
}

/// Clears the first `count` parts, key by key: a range would be read first, to count it.
pub(super) fn clear_parts(tx: &RootTx, upload: &[u8], count: u64) -> Result<(), LayerError> {
    (0..count).try_for_each(|number| tx.clear(part(tx, upload, number)))
}

/// The upload of these bytes under this name: the same each time, and no two alike.
pub(super) fn upload_id(tx: &RootTx, name: &PrimaryKey, sha256: &[u8; 32]) -> UploadId {
    let value = name.append(Tuple::new().str(tx.domain()).bytes(sha256)).pack();
    let digest = tx.digest_of(b"blob upload", &value);
    *digest.first_chunk().expect("32 bytes have a first 16")
}

/// The id that stands in a pending row's key.
pub(super) fn upload_of(tx: &RootTx, pending_key: &[u8]) -> Option<Vec<u8>> {
    let tail = pending_key.strip_prefix(&tx.prefix(LAYER).u64(PENDING).pack()[..])?;
    Some(cell_store::key::unpack(tail).ok()?.first()?.as_bytes()?.to_vec())
}

pub(super) fn part_count(size_bytes: u64) -> u64 {
    size_bytes.div_ceil(PART_BYTES as u64)
}
