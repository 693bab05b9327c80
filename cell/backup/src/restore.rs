//! A backup, and its log up to the goal, made a copy of its shard on a disk that holds none.

use std::sync::Arc;

use bytes::Bytes;
use cell_layers::keys::Kek;
use cell_shard::{Origin, Restore};
use cell_store::Store;
use platform_model::{Epoch, NodeId, ReplicaId, ShardId, WorldId};

use crate::erased::{Claimant, ErasedPeople};
use crate::error::BackupError;
use crate::log;
use crate::log::goal::Goal;
use crate::log::read::LogReading;
use crate::manifest::Manifest;
use crate::name::BackupName;
use crate::progress::Progress;
use crate::read::Reading;
use crate::residents::{Residents, Seen};
use crate::store::BackupStore;

/// Rows that are put at once for people whose keys were destroyed.
const TOMBSTONES_AT_ONCE: usize = 1_000;

/// What is to be restored, and as what.
pub struct Wanted<'a> {
    pub name: &'a BackupName,
    pub world: &'a WorldId,
    pub shard: &'a ShardId,
    /// How far it goes.
    pub goal: Goal,
    pub node: &'a NodeId,
    pub replica: ReplicaId,
    /// That the copy is to lead in.
    pub epoch: Epoch,
    pub erased: &'a ErasedPeople,
    pub claimant: Claimant,
    pub residents: &'a dyn Residents,
    /// Rows that the copy has besides.
    pub notes: Vec<(Bytes, Bytes)>,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    pub manifest: Manifest,
    /// Where the copy ends: just after this entry.
    pub end: Origin,
    /// Rows of erased people that were left out, each as often as it was written.
    pub left_out: u64,
    /// People of the backup who live elsewhere by now.
    pub moved: u64,
}

/// Reads the backup whole, and its log to the goal, twice: first to know that all is good, then to write it. A copy is
/// there when this has returned `Ok`, and at no other time; what was written until it failed is removed.
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
    let end = log::read::verify(store, kek, &good, wanted.goal).await?;
    if wanted.goal == Goal::Latest {
        log::furthest::check(store, kek, &good, &end).await?;
    }
    // To there again, also if more is kept by then.
    let again = match wanted.goal {
        Goal::Base => Goal::Base,
        _ => Goal::Pair(end.pair()),
    };
    let entries = LogReading::begin(store, kek, &good, again)?;
    let mut copy = Restore::begin(disk, wanted.shard.clone(), wanted.node.clone()).await?;
    let read = async || Reading::begin(store, wanted.name, kek, progress).await;
    let restored = match read().await {
        Ok(reading) => wanted.put_all(reading, entries, (&good, end), &mut copy).await,
        Err(error) => Err(error),
    };
    match restored {
        Ok(restored) => {
            copy.finish(wanted.replica, wanted.epoch, end).await?;
            Ok(restored)
        }
        Err(error) => {
            // Nobody would serve it and nobody erase it, wrapped keys perhaps. What cannot be removed now is found on
            // the disk later: the cause is the better answer.
            let _left = copy.abandon().await;
            Err(error)
        }
    }
}

impl Wanted<'_> {
    /// Every row that is to be there.
    async fn put_all(
        &self,
        mut reading: Reading<'_>,
        mut log: LogReading<'_>,
        (good, end): (&Manifest, Origin),
        copy: &mut Restore,
    ) -> Result<Restored, BackupError> {
        let (mut left_out, mut seen) = (0, Seen::default());
        while let Some(mut rows) = reading.part().await? {
            seen.note(self.shard, &rows)?;
            left_out += self.erased.apply(self.shard, self.claimant, &mut rows);
            copy.put(rows).await?;
        }
        while let Some(entries) = log.entries().await? {
            for transaction in entries.into_iter().flat_map(|entry| entry.transactions) {
                let mut writes = transaction.writes;
                seen.note_writes(self.shard, &writes)?;
                left_out += self
                    .erased
                    .apply_to_writes(self.shard, self.claimant, &mut writes);
                copy.apply(writes).await?;
            }
        }
        let manifest = reading.manifest().clone();
        // Perhaps another was put in its place between the two.
        if manifest != *good || log.at() != end {
            return Err(BackupError::Digest(manifest.name.to_string()));
        }
        for tombstones in self.erased.tombstones(self.shard, TOMBSTONES_AT_ONCE) {
            copy.put(tombstones).await?;
        }
        let mut moved = 0;
        for people in seen.asked(self.erased) {
            let rows = self.residents.elsewhere(people).await;
            let rows = rows.map_err(BackupError::Directory)?;
            moved += rows.len() as u64;
            copy.put(rows).await?;
        }
        copy.put(self.notes.clone()).await?;
        Ok(Restored {
            manifest,
            end,
            left_out,
            moved,
        })
    }

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
