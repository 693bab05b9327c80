//! Backups verified: each is restored into a store of its own beside the node's, compared with what its shard held, and
//! removed again. Its log is read to its end.

use std::path::Path;
use std::sync::Arc;

use cell_backup::{BackupError, BackupName, Pace, Progress, rehearse};
use cell_layers::keys::Kek;
use cell_store::Store;
use cell_store::embedded::{Embedded, EmbeddedOptions};
use platform_runtime::{background, random};
use uuid::Uuid;

use super::jobs::{Done, Job};
use super::{Custody, Sink};
use platform_wire::Refusal;

/// What such a store keeps in memory.
const CACHE_BYTES: u64 = 8 << 20;

impl Custody {
    /// Begins to restore a backup aside and to compare it.
    pub(super) fn begin_rehearsal(&self, name: &BackupName) -> Result<Job, Refusal> {
        let sink = self.sink()?.clone();
        let kek = self.kek(&name.shard().map_err(Refusal::invalid)?)?;
        let job = self.jobs.begin(None, name.to_string())?;
        let (custody, progress, name) = (self.clone(), Arc::clone(&job.progress), name.clone());
        self.run(job.id, async move {
            custody.rehearsed(&sink, &name, &kek, &progress).await
        });
        Ok(job)
    }

    async fn rehearsed(
        &self,
        sink: &Sink,
        name: &BackupName,
        kek: &Kek,
        progress: &Progress,
    ) -> Result<Done, BackupError> {
        let shared = &self.shared;
        let folder = shared.scratch.join(random_name());
        let scratch = opened(&folder).await?;
        let store: Arc<dyn Store> = Arc::<Embedded>::clone(&scratch);
        let pace = Pace::new(shared.clock.clone(), sink.bytes_per_second);
        let into = (store, &shared.node);
        let verified = rehearse::rehearse(&sink.store, name, kek, into, pace, progress).await;
        scratch.close().await;
        drop(scratch);
        if let Err(error) = tokio::fs::remove_dir_all(&folder).await {
            tracing::warn!(folder = %folder.display(), %error, "a backup that was restored aside could not be removed");
        }
        let manifest = verified?;
        let pace = Pace::new(shared.clock.clone(), sink.bytes_per_second);
        Ok(Done {
            reaches: rehearse::read_log(&sink.store, kek, &manifest, pace).await?,
            manifest,
            restored: None,
        })
    }

    /// Removes what a node that stopped meanwhile left of them.
    pub(super) async fn sweep_scratch(&self) {
        match tokio::fs::remove_dir_all(&self.shared.scratch).await {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let folder = self.shared.scratch.display();
                tracing::warn!(%folder, %error, "what lies aside of backups could not be removed");
            }
        }
    }
}

fn random_name() -> String {
    Uuid::from_bytes(random::bytes()).simple().to_string()
}

async fn opened(folder: &Path) -> Result<Arc<Embedded>, BackupError> {
    let failed = |why: String| BackupError::Scratch(why);
    tokio::fs::create_dir_all(folder)
        .await
        .map_err(|error| failed(error.to_string()))?;
    let options = EmbeddedOptions {
        cache_bytes: CACHE_BYTES,
        worker_threads: 1,
        ..EmbeddedOptions::default()
    };
    let folder = folder.to_owned();
    // The engine's threads inherit that they give way: nobody but the rehearsal waits for them.
    let opened = background::run(async move { Embedded::open(&folder, options) }).await;
    let opened = opened.ok_or(BackupError::Stopped)?;
    opened.map_err(|error| failed(error.to_string()))
}
