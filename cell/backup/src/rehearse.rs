//! A rehearsal: a backup restored into a store that holds nothing else, and compared with what the shard itself said that it
//! held. What was left out while the shard was read shows here, and nowhere else: parts and their digests agree with it.

use std::sync::Arc;

use cell_layers::keys::Kek;
use cell_shard::{Origin, Restore, state_of};
use cell_store::Store;
use platform_model::{NodeId, ReplicaId};
use platform_runtime::background;

use crate::error::BackupError;
use crate::log::goal::Goal;
use crate::log::read::LogReading;
use crate::manifest::Manifest;
use crate::name::BackupName;
use crate::pace::Pace;
use crate::progress::Progress;
use crate::read::Reading;
use crate::store::BackupStore;

/// Of a copy that nobody will ever name.
const REPLICA: ReplicaId = ReplicaId(1);

/// Restores all of it into `scratch`, which is empty, and compares rows and state. What is left there is the caller's to
/// remove.
///
/// # Errors
/// The first thing that is not as it was written; [`BackupError::State`] when all is, and what was written is not what the
/// shard held.
pub async fn rehearse(
    store: &BackupStore,
    name: &BackupName,
    kek: &Kek,
    (scratch, node): (Arc<dyn Store>, &NodeId),
    mut pace: Pace,
    progress: &Progress,
) -> Result<Manifest, BackupError> {
    let mut reading = Reading::begin(store, name, kek, progress).await?;
    let shard = reading.manifest().shard.clone();
    let mut copy = Restore::begin(Arc::clone(&scratch), shard.clone(), node.clone()).await?;
    while let Some(rows) = reading.part().await? {
        let bytes = rows
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum::<usize>();
        pace.hold(bytes as u64).await;
        copy.put(rows).await?;
    }
    let manifest = reading.manifest().clone();
    let origin = manifest.origin;
    copy.finish(REPLICA, origin.term.epoch, origin).await?;
    let state = background::run(async move { state_of(&scratch, &shard).await }).await;
    let state = state.ok_or(BackupError::Stopped)??;
    // An earlier build said nothing of the state: then the rows are counted, and the parts' own digests hold.
    let same = manifest.state.is_none_or(|wanted| state.value() == wanted);
    if same && state.rows() == manifest.rows {
        Ok(manifest)
    } else {
        Err(BackupError::State(manifest.name.to_string()))
    }
}

/// Reads the log behind a backup to its end, as fast as `pace` lets it. Answers where that is; of a key shard, which has none,
/// where the backup was taken.
///
/// # Errors
/// The first thing that is not as it was written.
pub async fn read_log(
    store: &BackupStore,
    kek: &Kek,
    base: &Manifest,
    mut pace: Pace,
) -> Result<Origin, BackupError> {
    let mut log = LogReading::begin(store, kek, base, Goal::all_of(&base.shard))?;
    while log.entries().await?.is_some() {
        pace.hold(log.bytes()).await;
    }
    Ok(log.at())
}
