//! A log, read from its backup on to a goal, each entry checked; over newer backups, as long as their logs go on from
//! where the one before ends.

use cell_layers::keys::Kek;
use cell_shard::{LogEntry, Origin};
use platform_model::ShardId;

use super::cursor::Cursor;
use super::goal::Goal;
use super::onward::{self, CROSSED_MAX, Onward};
use crate::error::BackupError;
use crate::manifest::Manifest;
use crate::read;
use crate::store::BackupStore;

/// Reads what was kept behind a backup from its first entry to the goal.
pub struct LogReading<'a> {
    store: &'a BackupStore,
    kek: &'a Kek,
    base: &'a Manifest,
    goal: Goal,
    log: Cursor,
    /// Backups that are newer than the one asked for, the newest first; looked for when its own log ends.
    newer: Option<Vec<Manifest>>,
    crossed: usize,
    at: Origin,
    over: bool,
}

/// Reads all of a log up to the goal and keeps nothing. Answers where that is.
///
/// # Errors
/// The first thing that is not as it was written; as [`LogReading::entries`]; [`BackupError::OutOfReach`] for all that
/// was kept, where a newer backup has what this one's log does not reach; [`BackupError::NoSuchBackup`] where the one whose
/// log was read last was removed meanwhile.
pub async fn verify(
    store: &BackupStore,
    kek: &Kek,
    base: &Manifest,
    goal: Goal,
) -> Result<Origin, BackupError> {
    let mut reading = LogReading::begin(store, kek, base, goal)?;
    while reading.entries().await?.is_some() {}
    reading.check_all().await?;
    Ok(reading.at)
}

impl<'a> LogReading<'a> {
    /// # Errors
    /// [`BackupError::KeyShard`], [`BackupError::OutOfReach`] for what lies before the backup.
    pub fn begin(
        store: &'a BackupStore,
        kek: &'a Kek,
        base: &'a Manifest,
        goal: Goal,
    ) -> Result<Self, BackupError> {
        if goal != Goal::Base {
            check_kind(&base.shard)?;
        }
        goal.check_base(base)?;
        Ok(Self {
            store,
            kek,
            base,
            goal,
            log: Cursor::begin(base.clone()),
            newer: None,
            crossed: 0,
            at: base.origin,
            over: false,
        })
    }

    /// Where the shard stood after the last entry that was read.
    pub fn at(&self) -> Origin {
        self.at
    }

    /// Bytes of the segment that was read last.
    pub(crate) fn bytes(&self) -> u64 {
        self.log.bytes()
    }

    /// The next entries; none once the goal is reached.
    ///
    /// # Errors
    /// [`BackupError::MissingSegment`], [`BackupError::Unattached`], as
    /// [`Segment::open`](super::segment::Segment::open), also of a newer log; [`BackupError::OutOfReach`] when the last
    /// one ends before the goal does; [`BackupError::TooMany`].
    pub async fn entries(&mut self) -> Result<Option<Vec<LogEntry>>, BackupError> {
        if self.over || self.goal.is_met_at(&self.at) {
            self.goal.check_end(self.base, &self.at)?;
            return Ok(None);
        }
        let Some(mut entries) = self.next().await? else {
            self.goal.check_last(self.base, &self.at)?;
            return Ok(None);
        };
        let taken = entries.partition_point(|entry| self.goal.takes(&entry.origin()));
        self.over = taken < entries.len();
        entries.truncate(taken);
        if let Some(last) = entries.last() {
            self.at = last.origin();
        }
        Ok(Some(entries))
    }

    /// What was read is all that was kept, if that is what is asked for: no newer backup stands further, and the log that was
    /// read last did not end because it was being removed. Of one that is removed the manifest goes first.
    pub(crate) async fn check_all(&self) -> Result<(), BackupError> {
        let newer = self.newer.as_deref().unwrap_or_default();
        self.goal.check_newest(self.base, &self.at, newer)?;
        if self.goal == Goal::Latest {
            read::manifest(self.store, &self.log.base().name, self.kek).await?;
        }
        Ok(())
    }

    /// What comes next: in this log, or behind its end in that of a newer backup.
    async fn next(&mut self) -> Result<Option<Vec<LogEntry>>, BackupError> {
        if let Some(entries) = self.log.entries(self.store, self.kek).await? {
            return Ok(Some(entries));
        }
        let newer = match self.newer.take() {
            Some(newer) => newer,
            None => onward::newer(self.store, self.kek, self.base).await?,
        };
        let onward = self.onward(&newer).await;
        self.newer = Some(newer);
        let Some((log, entries)) = onward? else {
            return Ok(None);
        };
        self.log = log;
        self.crossed += 1;
        Ok(Some(entries))
    }

    async fn onward(&self, newer: &[Manifest]) -> Result<Option<Onward>, BackupError> {
        if self.crossed >= CROSSED_MAX {
            return Ok(None);
        }
        let candidates = newer.iter();
        let candidates = candidates.filter(|other| onward::is_newer(other, self.log.base()));
        let candidates: Vec<&Manifest> = candidates.collect();
        onward::first(self.store, self.kek, candidates, &self.at).await
    }
}

/// # Errors
/// [`BackupError::KeyShard`].
pub(super) fn check_kind(shard: &ShardId) -> Result<(), BackupError> {
    match shard {
        ShardId::Keys { .. } => Err(BackupError::KeyShard(Box::new(shard.clone()))),
        _ => Ok(()),
    }
}
