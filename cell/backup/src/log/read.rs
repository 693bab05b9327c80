//! A log, read from its backup on to a goal, segment by segment, each checked.

use cell_layers::keys::Kek;
use cell_shard::{LogEntry, Origin};
use platform_model::ShardId;
use platform_runtime::background;

use super::goal::Goal;
use super::segment::Segment;
use crate::error::BackupError;
use crate::manifest::Manifest;
use crate::store::BackupStore;

/// Reads the log behind a backup from its first entry to the goal.
pub struct LogReading<'a> {
    store: &'a BackupStore,
    kek: &'a Kek,
    base: &'a Manifest,
    goal: Goal,
    /// Of the next segment.
    number: u64,
    at: Origin,
    over: bool,
    /// Of the segment that was read last.
    bytes: u64,
}

/// Reads all of a log up to the goal and keeps nothing. Answers where that is.
///
/// # Errors
/// The first thing that is not as it was written; as [`LogReading::entries`].
pub async fn verify(
    store: &BackupStore,
    kek: &Kek,
    base: &Manifest,
    goal: Goal,
) -> Result<Origin, BackupError> {
    let mut reading = LogReading::begin(store, kek, base, goal)?;
    while reading.entries().await?.is_some() {}
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
            number: 0,
            at: base.origin,
            over: false,
            bytes: 0,
        })
    }

    /// Where the shard stood after the last entry that was read.
    pub fn at(&self) -> Origin {
        self.at
    }

    /// Bytes of the segment that was read last.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next entries; none once the goal is reached.
    ///
    /// # Errors
    /// [`BackupError::MissingSegment`], [`BackupError::Unattached`], as [`Segment::open`]; [`BackupError::OutOfReach`]
    /// when the log ends before the goal does.
    pub async fn entries(&mut self) -> Result<Option<Vec<LogEntry>>, BackupError> {
        if self.over || self.goal.is_met_at(&self.at) {
            self.goal.check_end(self.base, &self.at)?;
            return Ok(None);
        }
        let Some(bytes) = self.store.segment(&self.base.name, self.number).await? else {
            self.ends_here().await?;
            return Ok(None);
        };
        self.bytes = bytes.len() as u64;
        let (kek, base, number, at) = (self.kek.clone(), self.base.clone(), self.number, self.at);
        let opened = background::run(async move {
            let segment = Segment::open(bytes, &kek, &base, number)?;
            segment.behind(&at, &base, number)
        });
        let opened = opened.await.ok_or(BackupError::Stopped)?;
        let mut entries = opened.map_err(|error| self.reached(error))?;
        let taken = entries.partition_point(|entry| self.goal.takes(&entry.origin()));
        self.over = taken < entries.len();
        entries.truncate(taken);
        if let Some(last) = entries.last() {
            self.at = last.origin();
        }
        self.number += 1;
        Ok(Some(entries))
    }

    /// The same, with how far it can be read.
    fn reached(&self, error: BackupError) -> BackupError {
        match error {
            BackupError::DamagedSegment { name, segment, .. } => BackupError::DamagedSegment {
                name,
                segment,
                upto: Some(self.at.pair()),
            },
            other => other,
        }
    }

    /// There is no segment of that number: it is the end, or a gap.
    async fn ends_here(&self) -> Result<(), BackupError> {
        let held = self.store.segments(&self.base.name).await?;
        // Also if the number has come meanwhile: then it is the next, and not missing.
        if held.behind_a_gap && held.first_missing <= self.number {
            return Err(BackupError::MissingSegment {
                name: self.base.name.to_string(),
                segment: self.number,
                upto: self.at.pair(),
            });
        }
        self.goal.check_last(self.base, &self.at)
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
