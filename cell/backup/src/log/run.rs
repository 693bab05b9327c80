//! Where the log of a shard is kept on: behind its newest backup, at the end of what the store has of it.

use cell_layers::keys::Kek;
use cell_shard::{LogError, Origin, Shard};
use platform_model::{ShardId, WorldId};

use super::read::check_kind;
use super::segment::Segment;
use crate::error::BackupError;
use crate::manifest::Manifest;
use crate::read;
use crate::store::BackupStore;

/// Backups that are damaged, or of a later build, before one that opens.
const CLOSED_MAX: usize = 16;

/// Older backups that are looked at where the newest one's log cannot be gone on with.
const OLDER_MAX: usize = 16;

/// A log, as far as it is kept. Kept on by [`crate::Writer::keep_log`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub base: Manifest,
    /// Segments so far, and so the number of the next.
    pub segments: u64,
    /// Where the shard stood after the last entry that is kept.
    pub end: Origin,
}

impl Run {
    /// Behind a backup that has no log yet.
    ///
    /// # Errors
    /// [`BackupError::KeyShard`].
    pub fn begin(base: Manifest) -> Result<Self, BackupError> {
        check_kind(&base.shard)?;
        Ok(Self {
            end: base.origin,
            segments: 0,
            base,
        })
    }

    /// Behind the newest backup of a shard that is whole and opens, where its log ends in the store. None: there is
    /// none.
    ///
    /// # Errors
    /// [`BackupError::KeyShard`]; [`BackupError::TooMany`] when it was not looked at all that may be the newest; the
    /// store's; as [`Self::of`].
    pub async fn find(
        store: &BackupStore,
        kek: &Kek,
        world: &WorldId,
        shard: &ShardId,
    ) -> Result<Option<Self>, BackupError> {
        check_kind(shard)?;
        let mut closed = 0;
        for name in store.names_of(shard).await? {
            match read::manifest(store, &name, kek).await {
                Ok(base) if base.world == *world && base.shard == *shard => {
                    return Self::of(store, kek, base).await.map(Some);
                }
                Err(error @ BackupError::Store(_)) => return Err(error),
                // Another world's, however many it has; removed meanwhile.
                Ok(_) | Err(BackupError::ForeignKey(_) | BackupError::NoSuchBackup(_)) => {}
                Err(_) if closed == CLOSED_MAX => return Err(BackupError::TooMany(Box::new(shard.clone()))),
                Err(_) => closed += 1,
            }
        }
        Ok(None)
    }

    /// As [`Self::find`], of a shard that is served; where that log cannot be gone on with, the one behind the newest
    /// older backup that can. A backup may come to its end long after the log of an older one has gone past it - on a
    /// node that leads no more, or of which the answer was lost - and is the newest all the same.
    ///
    /// # Errors
    /// As [`Self::find`]; [`BackupError::Log`].
    pub async fn seek(
        store: &BackupStore,
        kek: &Kek,
        world: &WorldId,
        shard: &Shard,
    ) -> Result<Option<Self>, BackupError> {
        let Some(newest) = Self::find(store, kek, world, shard.id()).await? else {
            return Ok(None);
        };
        if newest.goes_on(shard).await? {
            return Ok(Some(newest));
        }
        for base in older(store, kek, &newest.base, OLDER_MAX).await? {
            let run = match Self::of(store, kek, base).await {
                Ok(run) => run,
                Err(error @ BackupError::Store(_)) => return Err(error),
                Err(_) => continue,
            };
            if run.goes_on(shard).await? {
                return Ok(Some(run));
            }
        }
        Ok(Some(newest))
    }

    /// Whether the shard still has what comes behind it.
    async fn goes_on(&self, shard: &Shard) -> Result<bool, BackupError> {
        match shard.tail(&self.end, 1, 1).await {
            Ok(_) => Ok(true),
            Err(LogError::Trimmed { .. } | LogError::Diverged { .. }) => Ok(false),
            Err(error) => Err(BackupError::Log(error)),
        }
    }

    /// Behind this backup, as far as its log lies in the store. What the log has before its last segment is not read.
    ///
    /// # Errors
    /// [`BackupError::MissingSegment`] for one with a gap; as [`Segment::open`].
    pub async fn of(store: &BackupStore, kek: &Kek, base: Manifest) -> Result<Self, BackupError> {
        let held = store.segments(&base.name).await?;
        let mut run = Self::begin(base)?;
        if let Some(last) = held.first_missing.checked_sub(1) {
            run = run.with_last(store, kek, last).await?;
        }
        if held.behind_a_gap {
            return Err(BackupError::MissingSegment {
                name: run.base.name.to_string(),
                segment: run.segments,
                upto: run.end.pair(),
            });
        }
        Ok(run)
    }

    async fn with_last(mut self, store: &BackupStore, kek: &Kek, last: u64) -> Result<Self, BackupError> {
        let bytes = store.segment(&self.base.name, last).await?;
        let bytes = bytes.ok_or_else(|| BackupError::MissingSegment {
            name: self.base.name.to_string(),
            segment: last,
            upto: self.end.pair(),
        })?;
        self.end = Segment::open(bytes, kek, &self.base, last)?.last;
        self.segments = last + 1;
        Ok(self)
    }
}

/// Older backups of the same shard and world whose manifests open, the newest first; so many folders are looked at.
///
/// # Errors
/// [`BackupError::TooMany`]; the store's.
pub(super) async fn older(
    store: &BackupStore,
    kek: &Kek,
    base: &Manifest,
    looked_at_max: usize,
) -> Result<Vec<Manifest>, BackupError> {
    let names = store.names_of(&base.shard).await?;
    let names = names
        .iter()
        .filter(|name| **name != base.name && name.at() <= base.name.at());
    let mut older = Vec::new();
    for name in names.take(looked_at_max) {
        match read::manifest(store, name, kek).await {
            Ok(open) if (&open.world, &open.shard) == (&base.world, &base.shard) => older.push(open),
            Err(error @ BackupError::Store(_)) => return Err(error),
            // Another world's, damaged, or removed meanwhile.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(older)
}
