//! What outlives the process: an orderly restart, kill -9, a power cut, a full disk.

use std::path::Path;

use bytes::Bytes;

use super::process::{Acknowledged, run_and_kill, verify};
use super::{Checked, Factory, Stop, ensure};
use crate::{CommitError, KeyRange, Store, WriteBatch};

const ROUNDS: usize = 3;
const ACKNOWLEDGED_BEFORE_KILL: usize = 400;

/// All commits are there after a close and an open, several times over.
pub(super) async fn restart(factory: &dyn Factory) -> Checked {
    if !factory.is_durable() {
        return Err(Stop::Skipped("the engine keeps nothing".into()));
    }
    factory.reopens().map_err(Stop::Skipped)?;
    let place = factory.place().await?;
    for round in 0..ROUNDS {
        let store = factory.open(&place).await?;
        let found = store
            .snapshot()
            .await?
            .scan(&KeyRange::prefix(""), 100, false)
            .await?
            .rows;
        let rows: Vec<_> = (0..round * 5)
            .map(|row| (Bytes::from(format!("{row:03}")), Bytes::from("x")))
            .collect();
        ensure!(found == rows, "start {round}: {found:?}");
        for row in round * 5..(round + 1) * 5 {
            let mut batch = WriteBatch::new();
            batch.put(format!("{row:03}"), "x");
            store.commit(batch, Vec::new()).await?;
        }
        factory.close(store).await;
    }
    Ok(())
}

/// A process that is killed while it writes has lost nothing that it acknowledged.
pub(super) async fn kill(factory: &dyn Factory) -> Checked {
    let place = factory.place().await?;
    let mut acknowledged = Acknowledged::new();
    for _ in 0..ROUNDS {
        for (task, commits) in killed_writer(factory, &place)? {
            let most = acknowledged.entry(task).or_default();
            *most = commits.max(*most);
        }
        let store = factory.open(&place).await?;
        verify(&*store, &acknowledged).await?;
        factory.close(store).await;
    }
    Ok(())
}

/// Nor has it when the machine loses power at that moment. A kill alone proves less: the kernel keeps its pages.
pub(super) async fn unsynced_loss(factory: &dyn Factory) -> Checked {
    let place = factory.place_on_lossy_disk().await.map_err(Stop::Skipped)?;
    let acknowledged = killed_writer(factory, &place)?;
    let left = factory.cut_power(&place).await?;
    let store = factory.open(&left).await?;
    verify(&*store, &acknowledged).await?;
    factory.close(store).await;
    Ok(())
}

fn killed_writer(factory: &dyn Factory, place: &Path) -> Result<Acknowledged, Stop> {
    let Some(command) = factory.writer_process(place) else {
        return Err(Stop::Skipped(
            "the engine does not run in a process that could be killed".into(),
        ));
    };
    run_and_kill(command, ACKNOWLEDGED_BEFORE_KILL)
}

/// A full disk is a typed answer, never a panic or a lie; with room again, all that was acknowledged is there.
pub(super) async fn disk_full(factory: &dyn Factory) -> Checked {
    let place = factory.place_on_small_disk().await.map_err(Stop::Skipped)?;
    let store = factory.open(&place).await?;
    let acknowledged = fill(&*store).await?;
    let mut batch = WriteBatch::new();
    batch.put("late", "x");
    match store.commit(batch, Vec::new()).await {
        Ok(()) | Err(CommitError::Unavailable { .. } | CommitError::Unknown { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    factory.close(store).await;
    factory.relieve(&place).await?;
    let store = factory.open(&place).await?;
    let snapshot = store.snapshot().await?;
    for row in 0..acknowledged {
        let found = snapshot.get(format!("{row:06}").as_bytes()).await?;
        ensure!(
            found.is_some_and(|value| value == filler(row)),
            "row {row} of {acknowledged} is not there"
        );
    }
    drop(snapshot);
    let mut batch = WriteBatch::new();
    batch.put("again", "x");
    store.commit(batch, Vec::new()).await?;
    factory.close(store).await;
    Ok(())
}

/// Writes until the disk is full; answers how many rows were acknowledged.
async fn fill(store: &dyn Store) -> Result<usize, Stop> {
    const ROWS_MAX: usize = 10_000;
    for row in 0..ROWS_MAX {
        let mut batch = WriteBatch::new();
        batch.put(format!("{row:06}"), filler(row));
        match store.commit(batch, Vec::new()).await {
            Ok(()) => {}
            Err(CommitError::Unavailable { .. } | CommitError::Unknown { .. }) => return Ok(row),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Stop::Failed("the small disk never was full".into()))
}

fn filler(row: usize) -> Bytes {
    Bytes::from(format!("{row:06}").repeat(10_000))
}
