//! A shard at one position, written to the store in sealed parts.

use bytes::Bytes;
use cell_layers::keys::Kek;
use cell_shard::Frozen;
use platform_model::WorldId;
use sha2::{Digest, Sha256};

use crate::error::BackupError;
use crate::manifest::Manifest;
use crate::name::BackupName;
use crate::progress::Progress;
use crate::rows;
use crate::seal::BackupKey;
use crate::store::BackupStore;

/// Bytes of a part before it is sealed, about.
const PART_BYTES: usize = 4 << 20;
/// Bytes that are read from the shard at once.
const PAGE_BYTES: usize = 512 << 10;

/// Writes all of it; the manifest last. Dropped or failed, there is no backup of that name.
///
/// # Errors
/// The shard's, the store's.
pub async fn write(
    frozen: &Frozen,
    world: &WorldId,
    kek: &Kek,
    store: &BackupStore,
    progress: &Progress,
) -> Result<Manifest, BackupError> {
    write_in_parts(frozen, world, kek, store, progress, PART_BYTES).await
}

pub(crate) async fn write_in_parts(
    frozen: &Frozen,
    world: &WorldId,
    kek: &Kek,
    store: &BackupStore,
    progress: &Progress,
    part_bytes_max: usize,
) -> Result<Manifest, BackupError> {
    let origin = frozen.origin();
    let writing = Writing {
        store,
        key: BackupKey::generate(),
        name: BackupName::fresh(frozen.shard(), origin.term.epoch, origin.position),
        part_bytes_max,
        part: Vec::new(),
        part_rows: 0,
        part_bytes: 0,
        parts: 0,
        digest: Sha256::new(),
        progress,
    };
    writing.all(frozen, world, kek).await
}

struct Writing<'a> {
    store: &'a BackupStore,
    key: BackupKey,
    name: BackupName,
    part_bytes_max: usize,
    part: Vec<u8>,
    part_rows: u64,
    part_bytes: u64,
    parts: u64,
    digest: Sha256,
    progress: &'a Progress,
}

impl Writing<'_> {
    async fn all(mut self, frozen: &Frozen, world: &WorldId, kek: &Kek) -> Result<Manifest, BackupError> {
        if let Err(error) = self.rows(frozen).await {
            self.store.give_up(&self.name, self.parts + 1).await;
            return Err(error);
        }
        let manifest = Manifest {
            world: world.clone(),
            shard: frozen.shard().clone(),
            origin: frozen.origin(),
            parts: self.parts,
            rows: self.progress.rows(),
            bytes: self.progress.bytes(),
            digest: self.digest.finalize().into(),
            name: self.name,
        };
        let sealed = manifest.seal(&self.key, kek);
        self.store.put_manifest(&manifest.name, sealed).await?;
        Ok(manifest)
    }

    async fn rows(&mut self, frozen: &Frozen) -> Result<(), BackupError> {
        let mut next = Some(Bytes::new());
        while let Some(start) = next {
            let page = frozen.page(start, PAGE_BYTES.min(self.part_bytes_max)).await?;
            for (key, value) in &page.rows {
                if !rows::push(&mut self.part, key, value) {
                    return Err(BackupError::Row);
                }
                self.part_rows += 1;
                self.part_bytes += (key.len() + value.len()) as u64;
            }
            if self.part.len() >= self.part_bytes_max {
                self.flush().await?;
            }
            next = page.next;
        }
        if self.part.is_empty() {
            Ok(())
        } else {
            self.flush().await
        }
    }

    async fn flush(&mut self) -> Result<(), BackupError> {
        let plain = std::mem::take(&mut self.part);
        self.digest.update(&plain);
        let sealed = self.key.seal(self.name.as_str(), self.parts, &plain);
        self.store.put_part(&self.name, self.parts, sealed).await?;
        self.parts += 1;
        self.progress.add(
            std::mem::take(&mut self.part_rows),
            std::mem::take(&mut self.part_bytes),
        );
        Ok(())
    }
}
