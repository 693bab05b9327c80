//! A backup, made a copy of its shard on a disk that holds none.

use std::sync::Arc;

use bytes::Bytes;
use cell_layers::keys::Kek;
use cell_shard::Restore;
use cell_store::Store;
use platform_model::{Epoch, NodeId, ReplicaId, ShardId, WorldId};

use crate::erased::{Claimant, ErasedPeople};
use crate::error::BackupError;
use crate::manifest::Manifest;
use crate::name::BackupName;
use crate::progress::Progress;
use crate::read::Reading;
use crate::store::BackupStore;

/// Rows that are put at once for people whose keys were destroyed.
const TOMBSTONES_AT_ONCE: usize = 1_000;

/// What is to be restored, and as what.
pub struct Wanted<'a> {
    pub name: &'a BackupName,
    pub world: &'a WorldId,
    pub shard: &'a ShardId,
    pub node: &'a NodeId,
    pub replica: ReplicaId,
    /// That the copy is to lead in.
    pub epoch: Epoch,
    pub erased: &'a ErasedPeople,
    pub claimant: Claimant,
    /// Rows that the copy has besides.
    pub notes: Vec<(Bytes, Bytes)>,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    pub manifest: Manifest,
    /// Rows of erased people that were left out.
    pub left_out: u64,
}

/// Reads the backup whole, twice: first to know that it is good, then to write it. A copy is there when this has
/// returned `Ok`, and at no other time.
///
/// # Errors
/// The backup's, the disk's: [`BackupError::Restore`] where a copy lies already.
pub async fn restore(
    wanted: &Wanted<'_>,
    kek: &Kek,
    store: &BackupStore,
    disk: Arc<dyn Store>,
    progress: &Progress,
) -> Result<Restored, BackupError> {
    let good = crate::read::verify(store, wanted.name, kek, &Progress::default()).await?;
    wanted.fits(&good)?;
    let mut copy = Restore::begin(disk, wanted.shard.clone(), wanted.node.clone()).await?;
    let mut reading = Reading::begin(store, wanted.name, kek, progress).await?;
    let mut left_out = 0;
    while let Some(mut rows) = reading.part().await? {
        left_out += wanted.erased.apply(wanted.shard, wanted.claimant, &mut rows);
        copy.put(rows).await?;
    }
    let manifest = reading.manifest().clone();
    // Perhaps another was put in its place between the two.
    if manifest != good {
        return Err(BackupError::Digest(manifest.name.to_string()));
    }
    for tombstones in wanted.erased.tombstones(wanted.shard, TOMBSTONES_AT_ONCE) {
        copy.put(tombstones).await?;
    }
    copy.put(wanted.notes.clone()).await?;
    copy.finish(wanted.replica, wanted.epoch, manifest.origin).await?;
    Ok(Restored { manifest, left_out })
}

impl Wanted<'_> {
    fn fits(&self, manifest: &Manifest) -> Result<(), BackupError> {
        if manifest.world != *self.world {
            return Err(BackupError::OtherWorld(manifest.name.to_string()));
        }
        if manifest.shard != *self.shard {
            return Err(BackupError::OtherShard {
                name: manifest.name.to_string(),
                found: Box::new(manifest.shard.clone()),
                wanted: Box::new(self.shard.clone()),
            });
        }
        Ok(())
    }
}
