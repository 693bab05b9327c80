//! Writing a blob.

use bytes::Bytes;

use super::read::{BlobInfo, manifest_of};
use super::{BLOB_BYTES_MAX, LAYER, PART_BYTES, STEP_PARTS, keys};
use crate::digest::sha256;
use crate::error::LayerError;
use crate::record::PrimaryKey;
use crate::root_tx::RootTx;
use crate::stored::{self, BlobManifest, BlobPending};

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Call [`BlobWriter::step`] again, in another transaction.
    More { written_bytes: u64 },
    /// Every part is there: call [`BlobWriter::finish`].
    Ready,
    /// The blob is there already, with these bytes.
    Complete,
}

/// The whole of a blob on its way in. Keeps no state of its own: how far it is stands in the store, so that a closure
/// can run again and a new process can go on.
///
/// ```text
/// while let Progress::More { .. } = shard.write(.., |tx| writer.step(&root_tx(tx))) {}
/// shard.write(.., |tx| { writer.finish(&root_tx(tx)); the row that names the blob })
/// ```
#[derive(Clone)]
pub struct BlobWriter {
    name: PrimaryKey,
    sha256: [u8; 32],
    bytes: Bytes,
}

impl BlobWriter {
    /// # Errors
    /// [`LayerError::TooLarge`]; [`LayerError::DigestMismatch`] if `digest` is not the SHA-256 of `bytes`.
    pub fn new(name: impl Into<PrimaryKey>, digest: [u8; 32], bytes: Bytes) -> Result<Self, LayerError> {
        stored::at_most("the bytes of a blob", bytes.len(), BLOB_BYTES_MAX)?;
        if sha256(&bytes) != digest {
            return Err(LayerError::DigestMismatch);
        }
        Ok(Self {
            name: name.into(),
            sha256: digest,
            bytes,
        })
    }

    /// Writes the next [`STEP_PARTS`] parts.
    ///
    /// # Errors
    /// The transaction's.
    pub async fn step(&self, tx: &RootTx) -> Result<Progress, LayerError> {
        let upload = keys::upload_id(tx, &self.name, &self.sha256);
        if self.complete(tx, &upload).await?.is_some() {
            return Ok(Progress::Complete);
        }
        let pending_key = keys::pending(tx, &upload);
        let mut pending: BlobPending = stored::get(tx, LAYER, &pending_key).await?.unwrap_or_default();
        let end = (pending.parts + STEP_PARTS).min(self.part_count());
        for number in pending.parts..end {
            stored::put_bytes(tx, LAYER, keys::part(tx, &upload, number), self.part(number))?;
        }
        pending.parts = end;
        pending.touched_ms = tx.log_time_ms();
        stored::put(tx, LAYER, pending_key, &pending)?;
        if end == self.part_count() {
            return Ok(Progress::Ready);
        }
        Ok(Progress::More {
            written_bytes: end * PART_BYTES as u64,
        })
    }

    /// Makes the blob visible, in the transaction of the row that names it. The one of the same name before is gone
    /// with the same transaction.
    ///
    /// # Errors
    /// [`LayerError::UploadIncomplete`] if parts are missing (begin again with [`BlobWriter::step`]); the
    /// transaction's.
    pub async fn finish(&self, tx: &RootTx) -> Result<BlobInfo, LayerError> {
        let upload = keys::upload_id(tx, &self.name, &self.sha256);
        if let Some(there) = self.complete(tx, &upload).await? {
            return Ok(there);
        }
        let pending_key = keys::pending(tx, &upload);
        let pending: Option<BlobPending> = stored::get(tx, LAYER, &pending_key).await?;
        if pending.is_none_or(|pending| pending.parts != self.part_count()) {
            return Err(LayerError::UploadIncomplete);
        }
        if let Some(before) = manifest_of(tx, &self.name).await? {
            keys::clear_parts(tx, &before.upload, keys::part_count(before.size_bytes))?;
        }
        tx.clear(pending_key)?;
        let manifest = BlobManifest {
            upload: upload.to_vec(),
            size_bytes: self.bytes.len() as u64,
            sha256: self.sha256.to_vec(),
            stored_ms: tx.log_time_ms(),
        };
        stored::put(tx, LAYER, keys::manifest(tx, &self.name), &manifest)?;
        BlobInfo::of(&manifest)
    }

    async fn complete(&self, tx: &RootTx, upload: &keys::UploadId) -> Result<Option<BlobInfo>, LayerError> {
        let manifest = manifest_of(tx, &self.name)
            .await?
            .filter(|manifest| manifest.upload == upload);
        manifest.as_ref().map(BlobInfo::of).transpose()
    }

    fn part_count(&self) -> u64 {
        keys::part_count(self.bytes.len() as u64)
    }

    fn part(&self, number: u64) -> &[u8] {
        let start = usize::try_from(number).expect("fewer parts than bytes") * PART_BYTES;
        &self.bytes[start..self.bytes.len().min(start + PART_BYTES)]
    }
}

/// Writes a blob of at most 1 MiB in one transaction. Replaces the one of the same name.
///
/// # Errors
/// [`LayerError::TooLarge`] past 1 MiB, which takes a [`BlobWriter`]; [`LayerError::DigestMismatch`]; the transaction's.
pub async fn put(
    tx: &RootTx,
    name: impl Into<PrimaryKey>,
    digest: [u8; 32],
    bytes: &[u8],
) -> Result<BlobInfo, LayerError> {
    let step_bytes = PART_BYTES * usize::try_from(STEP_PARTS).expect("a few parts");
    stored::at_most("a blob written in one transaction", bytes.len(), step_bytes)?;
    let writer = BlobWriter::new(name, digest, Bytes::copy_from_slice(bytes))?;
    writer.step(tx).await?;
    writer.finish(tx).await
}
