//! What came to a shard since, into the next segment of its log. Held to the pace of a backup, and to the law, which is
//! asked for each segment.

use cell_shard::{LogError, Shard};
use platform_runtime::background;

use super::run::Run;
use super::segment::Segment;
use crate::error::BackupError;
use crate::permit;
use crate::store::segments::SEGMENTS_MAX;
use crate::write::Writer;

/// Entries of one segment.
pub const ENTRIES_MAX: usize = 4_096;
/// Bytes of one segment: the entry that passes it is its last.
const SEGMENT_BYTES: usize = 1 << 20;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Nothing is committed that is not kept.
    Nothing,
    /// So many entries; there may be more.
    Entries(u64),
    /// Another has kept the log on: where it ends is to be looked for anew.
    Taken,
}

impl Writer<'_> {
    /// Writes the next segment of a shard's log, if anything is committed behind the end of it. Durable on return;
    /// dropped or failed it is there or not, and [`Kept::Taken`] says so when it is tried again.
    ///
    /// # Errors
    /// [`BackupError::Gap`] when the log cannot be kept on, now or ever; [`BackupError::Withheld`] while the law
    /// forbids it, or cannot be told; the store's.
    pub async fn keep_log(&mut self, shard: &Shard, run: &mut Run) -> Result<Kept, BackupError> {
        self.keep_some(shard, run, SEGMENT_BYTES).await
    }

    pub(crate) async fn keep_some(
        &mut self,
        shard: &Shard,
        run: &mut Run,
        bytes_max: usize,
    ) -> Result<Kept, BackupError> {
        let tail = shard.tail(&run.end, ENTRIES_MAX, bytes_max).await;
        let tail = tail.map_err(|error| not_kept_on(run, error))?;
        let (count, number) = (tail.len() as u64, run.segments);
        let Some(segment) = Segment::of(self.world, shard.id(), run.end, tail) else {
            return Ok(Kept::Nothing);
        };
        if number >= SEGMENTS_MAX {
            return Err(BackupError::LogFull(run.base.name.to_string()));
        }
        let last = segment.last;
        let bytes = segment.entries.iter().map(|entry| entry.len() as u64).sum();
        self.pace.hold(bytes).await;
        let (kek, name) = (self.kek.clone(), run.base.name.to_string());
        let sealed = background::run(async move { segment.seal(&kek, &name, number) });
        let sealed = sealed.await.ok_or(BackupError::Stopped)?;
        // Whoever keeps logs asks again by himself, and has others to keep meanwhile.
        permit::granted_now(self.permit)?;
        if !self.store.put_segment(&run.base.name, number, sealed).await? {
            return Ok(Kept::Taken);
        }
        (run.segments, run.end) = (number + 1, last);
        Ok(Kept::Entries(count))
    }
}

fn not_kept_on(run: &Run, error: LogError) -> BackupError {
    match error {
        cause @ (LogError::Trimmed { .. } | LogError::Diverged { .. }) => BackupError::Gap {
            name: run.base.name.to_string(),
            cause,
        },
        other => BackupError::Log(other),
    }
}
