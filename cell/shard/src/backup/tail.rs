//! The log behind a point that somebody has, as it is stored: for whoever keeps it elsewhere, entry by entry.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use platform_model::Position;

use super::frozen::Origin;
use crate::entry::LogEntry;
use crate::error::LogError;
use crate::shard::Shard;

/// One entry, as it is stored and as it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailEntry {
    pub stored: Bytes,
    pub entry: LogEntry,
}

impl Shard {
    /// Committed entries right behind `end`, oldest first: at most `entries_max`, and none more once they have `bytes_max`
    /// bytes. None where nothing is committed behind it. Each is checked against the chain, from that of `end` on.
    /// Cancel- and retry-safe.
    ///
    /// # Errors
    /// [`LogError::Trimmed`] if the entry behind `end` is gone; [`LogError::Diverged`] if this log never had `end`, or does
    /// not go on from it; [`LogError::Damaged`].
    pub async fn tail(
        &self,
        end: &Origin,
        entries_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<TailEntry>, LogError> {
        let shared = &self.shared;
        if !shared.history.holds(end.pair(), shared.gate.committed()) {
            return Err(LogError::Diverged {
                position: end.position,
            });
        }
        let (mut entries, mut bytes) = (Vec::new(), 0);
        let scan = self.scan_log(end.position, entries_max, Some(end.chain)).await?;
        let Some(mut scan) = scan else {
            return Ok(entries);
        };
        while bytes < bytes_max
            && let Some((stored, read)) = scan.next_with_bytes().await?
        {
            bytes += stored.len();
            entries.push(TailEntry {
                stored,
                entry: read.entry,
            });
        }
        Ok(entries)
    }

    /// Somebody wants the entries behind this position still: they are kept for him, up to the bound to which they are kept
    /// for standbys. None: nobody does, which is so when a term begins, unless the copy's settings say otherwise.
    pub fn want_log_behind(&self, position: Option<Position>) {
        let position = position.map_or(u64::MAX, |position| position.0);
        self.shared.wanted.store(position, Ordering::Relaxed);
    }

    /// Behind which position somebody wants the log still; none: nobody does.
    pub fn log_wanted_behind(&self) -> Option<Position> {
        let wanted = self.shared.wanted.load(Ordering::Relaxed);
        (wanted != u64::MAX).then_some(Position(wanted))
    }
}
