//! Backups removed by a person: on record before it is done, and never the last of its shard unless that is what is
//! asked for.

use std::sync::Arc;

use cell_backup::store::Found;
use cell_backup::{BackupError, BackupName, read};
use platform_model::ShardId;
use platform_wire::{Refusal, RefusalCode};
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::scheduled::{UNFINISHED_MS, unavailable};
use super::{Custody, Sink};

/// What is to be removed, who asks for it, and why.
#[derive(Clone)]
pub(super) struct Order {
    pub name: BackupName,
    pub by: String,
    pub reason: String,
    pub even_the_last: bool,
    /// Says only whether it may be.
    pub dry_run: bool,
}

/// It is gone, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Removed {
    /// Number of the decision; 0: none was made.
    pub sequence: u64,
    /// Other backups of the shard in this store whose manifests open.
    pub left: u64,
}

impl Custody {
    /// Once it is on record it goes on to its end, whoever goes on to wait for it.
    pub(super) async fn removed(&self, order: &Order) -> Result<Removed, Refusal> {
        let name = &order.name;
        if order.reason.trim().is_empty() {
            return Err(Refusal::invalid("it takes a reason"));
        }
        let (sink, shard) = (self.sink()?, name.shard().map_err(Refusal::invalid)?);
        let alone = Arc::clone(&self.removing).lock_owned().await;
        let of_shard = |name: &BackupName| name.shard().is_ok_and(|of| of == shard);
        let looked = sink.store.look(of_shard).await;
        let looked = looked.map_err(|error| unavailable(&error))?;
        let found = looked.folders.iter().find(|found| found.name == *name);
        let found = found.ok_or_else(|| {
            let message = format!("the store of this node has no backup {name}");
            Refusal::new(RefusalCode::Unknown, message).hint("cellctl backup list")
        })?;
        self.is_at_rest(found, &shard)?;
        let left = self.left(sink, &looked.folders, (name, &shard)).await?;
        if found.whole {
            self.is_ours(sink, name, &shard).await?;
            if left == 0 && !order.even_the_last {
                let message = format!("{name} is the only backup of {shard} here");
                return Err(Refusal::new(RefusalCode::Placement, message).hint(format!(
                    "cellctl backup create {shard}, or the same command with --even-the-last"
                )));
            }
        }
        if order.dry_run {
            return Ok(Removed { sequence: 0, left });
        }
        let (custody, order) = (self.clone(), order.clone());
        let (told, answer) = oneshot::channel();
        self.shared.tasks.spawn("removal", async move {
            let removed = custody.removed_whole(&shard, &order, alone).await;
            // Whoever asked may have gone.
            let _ = told.send(removed.map(|sequence| Removed { sequence, left }));
        });
        let stopped =
            |_| Refusal::new(RefusalCode::Unavailable, "the node stops").hint("cellctl backup list");
        answer.await.map_err(stopped)?
    }

    /// On record first. Answers the number of that. Dropped half way, it would leave a log that is written on behind a
    /// backup that is none.
    async fn removed_whole(
        &self,
        shard: &ShardId,
        Order { name, by, reason, .. }: &Order,
        _alone: OwnedMutexGuard<()>,
    ) -> Result<u64, Refusal> {
        let sink = self.sink()?;
        let _unread = self.jobs.remove(name.as_str())?;
        let why = format!("{name}: {}", reason.trim());
        let sequence = self.note(shard, "remove-backup", (by, &why)).await?;
        let removed = sink.store.remove(name).await;
        self.logs.removed(shard, name);
        removed.map_err(|error| {
            unavailable(&error).hint(
                "repeat the command; without a manifest it goes a day after its newest object was written",
            )
        })?;
        tracing::warn!(target: "audit", by, backup = %name, sequence, "a backup was removed");
        Ok(sequence)
    }

    /// Nobody reads it, and nobody can be writing it still.
    fn is_at_rest(&self, found: &Found, shard: &ShardId) -> Result<(), Refusal> {
        let name = &found.name;
        let message = if self.jobs.reads(name.as_str()) {
            format!("{name} is read at this moment")
        } else if !found.whole && self.may_be_written(found, shard) {
            format!("{name} has no manifest yet: it may be being written")
        } else {
            return Ok(());
        };
        Err(Refusal::new(RefusalCode::Placement, message).hint("wait until it is done, or for a day"))
    }

    fn may_be_written(&self, found: &Found, shard: &ShardId) -> bool {
        let age_ms = self.shared.clock.unix_ms().saturating_sub(found.written_ms);
        self.jobs.is_busy(shard) || age_ms < UNFINISHED_MS
    }

    /// One of another world, or that opens under another key, is somebody's whom this node does not know.
    async fn is_ours(&self, sink: &Sink, name: &BackupName, shard: &ShardId) -> Result<(), Refusal> {
        let foreign = match read::manifest(&sink.store, name, &self.kek(shard)?).await {
            Ok(open) => open.world != self.shared.world || open.shard != *shard,
            Err(BackupError::ForeignKey(_)) => true,
            Err(error @ BackupError::Store(_)) => return Err(unavailable(&error)),
            // Damaged, or of a later build.
            Err(_) => false,
        };
        if !foreign {
            return Ok(());
        }
        let message = format!("{name} is of another world, or was sealed under another key");
        Err(Refusal::new(RefusalCode::Placement, message)
            .hint("whoever wrote it removes it in the store itself"))
    }

    /// How many others of the shard open.
    async fn left(
        &self,
        sink: &Sink,
        folders: &[Found],
        (name, shard): (&BackupName, &ShardId),
    ) -> Result<u64, Refusal> {
        let mut left = 0;
        for found in folders.iter().filter(|found| found.whole && found.name != *name) {
            if self.opened(sink, &found.name, shard).await?.is_some() {
                left += 1;
            }
        }
        Ok(left)
    }
}
