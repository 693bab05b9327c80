//! Reading and removing blobs.

use std::ops::Range;

use bytes::Bytes;

use super::{LAYER, PART_BYTES, keys};
use crate::digest::sha256;
use crate::error::LayerError;
use crate::record::PrimaryKey;
use crate::root_tx::RootTx;
use crate::stored::{self, BlobManifest};

/// Parts that are fetched at once.
const READ_PARTS: usize = 16;

/// What is known of a blob without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobInfo {
    pub size_bytes: u64,
    pub sha256: [u8; 32],
    /// Log time of the transaction that made it visible, in milliseconds since 1970.
    pub stored_ms: u64,
}

impl BlobInfo {
    pub(super) fn of(manifest: &BlobManifest) -> Result<Self, LayerError> {
        let wrong = |_| LayerError::Damaged {
            layer: LAYER,
            what: "a digest has another length",
        };
        let sha256 = manifest.sha256.as_slice().try_into().map_err(wrong)?;
        Ok(Self {
            size_bytes: manifest.size_bytes,
            sha256,
            stored_ms: manifest.stored_ms,
        })
    }
}

/// # Errors
/// The transaction's.
pub async fn info(tx: &RootTx, name: impl Into<PrimaryKey>) -> Result<Option<BlobInfo>, LayerError> {
    manifest_of(tx, &name.into())
        .await?
        .as_ref()
        .map(BlobInfo::of)
        .transpose()
}

/// The bytes of `range`, cut at the blob's end; each part proves itself. None if there is no such blob.
///
/// # Errors
/// A part that is missing or does not open; the transaction's.
pub async fn get(
    tx: &RootTx,
    name: impl Into<PrimaryKey>,
    range: Range<u64>,
) -> Result<Option<Vec<u8>>, LayerError> {
    let Some(manifest) = manifest_of(tx, &name.into()).await? else {
        return Ok(None);
    };
    let end = range.end.min(manifest.size_bytes);
    if range.start >= end {
        return Ok(Some(Vec::new()));
    }
    let first = range.start / PART_BYTES as u64;
    let mut bytes = parts(tx, &manifest, first..keys::part_count(end)).await?;
    bytes.truncate(length(end - first * PART_BYTES as u64)?);
    bytes.drain(..length(range.start - first * PART_BYTES as u64)?);
    Ok(Some(bytes))
}

/// All of a blob, with its digest checked. None if there is no such blob.
///
/// # Errors
/// As [`get`]; [`LayerError::Damaged`] if the bytes do not have the digest.
pub async fn get_all(tx: &RootTx, name: impl Into<PrimaryKey>) -> Result<Option<Vec<u8>>, LayerError> {
    let Some(manifest) = manifest_of(tx, &name.into()).await? else {
        return Ok(None);
    };
    let bytes = parts(tx, &manifest, 0..keys::part_count(manifest.size_bytes)).await?;
    if bytes.len() as u64 != manifest.size_bytes || sha256(&bytes)[..] != manifest.sha256[..] {
        return Err(LayerError::Damaged {
            layer: LAYER,
            what: "the bytes do not have the blob's digest",
        });
    }
    Ok(Some(bytes))
}

/// Removes a blob and its parts (at most 512 rows). Answers whether there was one.
///
/// # Errors
/// The transaction's.
pub async fn delete(tx: &RootTx, name: impl Into<PrimaryKey>) -> Result<bool, LayerError> {
    let name = name.into();
    let Some(manifest) = manifest_of(tx, &name).await? else {
        return Ok(false);
    };
    keys::clear_parts(tx, &manifest.upload, keys::part_count(manifest.size_bytes))?;
    tx.clear(keys::manifest(tx, &name))?;
    Ok(true)
}

pub(super) async fn manifest_of(tx: &RootTx, name: &PrimaryKey) -> Result<Option<BlobManifest>, LayerError> {
    stored::get(tx, LAYER, &keys::manifest(tx, name)).await
}

async fn parts(tx: &RootTx, manifest: &BlobManifest, numbers: Range<u64>) -> Result<Vec<u8>, LayerError> {
    let keys: Vec<Bytes> = numbers
        .map(|number| keys::part(tx, &manifest.upload, number))
        .collect();
    let mut bytes = Vec::with_capacity(keys.len() * PART_BYTES);
    // A few at a time: sealed and opened, each part is in memory twice more.
    for some in keys.chunks(READ_PARTS) {
        for part in tx.get_many(LAYER, some).await? {
            let (_, part) = part.ok_or(LayerError::Damaged {
                layer: LAYER,
                what: "a part is not there",
            })?;
            bytes.extend(part);
        }
    }
    Ok(bytes)
}

fn length(bytes: u64) -> Result<usize, LayerError> {
    usize::try_from(bytes).map_err(|_| LayerError::Damaged {
        layer: LAYER,
        what: "it is longer than memory",
    })
}
