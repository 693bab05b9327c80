//! One log, read segment by segment from its backup on, each checked against the one before.

use cell_layers::keys::Kek;
use cell_shard::{LogEntry, Origin};
use platform_runtime::background;

use super::segment::Segment;
use crate::error::BackupError;
use crate::manifest::Manifest;
use crate::store::BackupStore;

/// A place in the log behind a backup: between two segments.
pub(super) struct Cursor {
    base: Manifest,
    /// Of the next segment.
    number: u64,
    at: Origin,
    /// Of the segment that was read last.
    bytes: u64,
}

impl Cursor {
    pub fn begin(base: Manifest) -> Self {
        Self {
            at: base.origin,
            base,
            number: 0,
            bytes: 0,
        }
    }

    /// Whose log it is.
    pub fn base(&self) -> &Manifest {
        &self.base
    }

    /// Where the shard stood after the last entry of what was read.
    pub fn at(&self) -> Origin {
        self.at
    }

    /// Bytes of the segment that was read last.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The entries of the next segment; none behind the last one.
    ///
    /// # Errors
    /// [`BackupError::MissingSegment`], [`BackupError::Unattached`], as [`Segment::open`]; the store's.
    pub async fn entries(
        &mut self,
        store: &BackupStore,
        kek: &Kek,
    ) -> Result<Option<Vec<LogEntry>>, BackupError> {
        let Some(bytes) = store.segment(&self.base.name, self.number).await? else {
            self.ends_here(store).await?;
            return Ok(None);
        };
        self.bytes = bytes.len() as u64;
        let (kek, base, number, at) = (kek.clone(), self.base.clone(), self.number, self.at);
        let opened = background::run(async move {
            let segment = Segment::open(bytes, &kek, &base, number)?;
            segment.behind(&at, &base, number)
        });
        let opened = opened.await.ok_or(BackupError::Stopped)?;
        let entries = opened.map_err(|error| self.reached(error))?;
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
    async fn ends_here(&self, store: &BackupStore) -> Result<(), BackupError> {
        let held = store.segments(&self.base.name).await?;
        // Also if the number has come meanwhile: then it is the next, and not missing.
        if held.behind_a_gap && held.first_missing <= self.number {
            return Err(BackupError::MissingSegment {
                name: self.base.name.to_string(),
                segment: self.number,
                upto: self.at.pair(),
            });
        }
        Ok(())
    }
}
