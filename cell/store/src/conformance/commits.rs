//! What commits promise: all or nothing, fences within the transaction, a way out of an unknown outcome.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{Checked, Factory, Stop, ensure, fresh};
use crate::{CommitError, Fence, KeyRange, Store, WriteBatch};

/// Mutations apply in order, and a fence that does not hold leaves nothing behind.
pub(super) async fn atomic_batch(factory: &dyn Factory) -> Checked {
    let store = fresh(factory).await?;
    let mut batch = WriteBatch::new();
    batch
        .put("a", "1")
        .put("a", "2")
        .put("b", "1")
        .clear("b")
        .put("c/1", "x")
        .put("c/2", "x");
    batch.clear_range(KeyRange::prefix("c/")).put("c/2", "y");
    store
        .commit(batch, vec![Fence::absent("a"), Fence::absent("b")])
        .await?;
    let expected = [("a", "2"), ("c/2", "y")];
    ensure!(
        rows(&*store).await? == pairs(&expected),
        "after the batch: {:?}",
        rows(&*store).await?
    );
    let mut batch = WriteBatch::new();
    batch.put("a", "3").put("d", "1").clear("c/2");
    let refused = store
        .commit(batch, vec![Fence::equals("a", "2"), Fence::equals("b", "1")])
        .await;
    let fenced = CommitError::Fenced {
        key: Bytes::from("b"),
        found: None,
    };
    ensure!(refused == Err(fenced), "a fence that does not hold: {refused:?}");
    ensure!(
        rows(&*store).await? == pairs(&expected),
        "after the refusal: {:?}",
        rows(&*store).await?
    );
    let refused = store
        .commit(WriteBatch::new(), vec![Fence::equals("a", "1")])
        .await;
    let fenced = CommitError::Fenced {
        key: Bytes::from("a"),
        found: Some(Bytes::from("2")),
    };
    ensure!(
        refused == Err(fenced),
        "an empty batch under a fence: {refused:?}"
    );
    store
        .commit(WriteBatch::new(), vec![Fence::equals("a", "2")])
        .await?;
    factory.close(store).await;
    Ok(())
}

/// Of all who raise a counter from the same value, exactly one succeeds: no increment is lost or counted twice.
pub(super) async fn fence_race(factory: &dyn Factory) -> Checked {
    let store = fresh(factory).await?;
    let mut tasks: JoinSet<Result<u64, Stop>> = JoinSet::new();
    for _ in 0..12 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut won = 0;
            for _ in 0..25 {
                won += u64::from(raise(&*store).await?);
            }
            Ok(won)
        });
    }
    let mut won = 0;
    while let Some(task) = tasks.join_next().await {
        won += task??;
    }
    let counter = counter(&*store).await?.unwrap_or(0);
    ensure!(counter == won, "{won} commits said Ok, the counter is {counter}");
    ensure!(won > 0, "nobody won");
    factory.close(store).await;
    Ok(())
}

async fn raise(store: &dyn Store) -> Result<bool, Stop> {
    let before = counter(store).await?;
    let mut batch = WriteBatch::new();
    batch.put("counter", (before.unwrap_or(0) + 1).to_be_bytes().to_vec());
    let expected = before.map(|number| Bytes::copy_from_slice(&number.to_be_bytes()));
    match store
        .commit(
            batch,
            vec![Fence {
                key: Bytes::from("counter"),
                expected,
            }],
        )
        .await
    {
        Ok(()) => Ok(true),
        Err(CommitError::Fenced { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn counter(store: &dyn Store) -> Result<Option<u64>, Stop> {
    let value = store.snapshot().await?.get(b"counter").await?;
    Ok(value.and_then(|value| value[..].try_into().ok().map(u64::from_be_bytes)))
}

/// Of commits that are under way together, one that is fenced does not touch the others.
pub(super) async fn fence_leaves_others_alone(factory: &dyn Factory) -> Checked {
    let store = fresh(factory).await?;
    let mut tasks = JoinSet::new();
    for index in 0..64 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut batch = WriteBatch::new();
            batch.put(format!("row{index:02}"), "x");
            let fences = if index % 3 == 0 {
                vec![Fence::equals("absent", "no")]
            } else {
                Vec::new()
            };
            (index, store.commit(batch, fences).await)
        });
    }
    while let Some(task) = tasks.join_next().await {
        let (index, committed) = task?;
        let fenced = matches!(committed, Err(CommitError::Fenced { .. }));
        ensure!(
            fenced == (index % 3 == 0) && (fenced || committed.is_ok()),
            "commit {index}: {committed:?}"
        );
    }
    let found = rows(&*store).await?.len();
    ensure!(found == 42, "42 rows were acknowledged, {found} are there");
    factory.close(store).await;
    Ok(())
}

/// After a commit whose outcome nobody heard, a commit that only moves the attempt settles it for good.
pub(super) async fn unknown_outcome(factory: &dyn Factory) -> Checked {
    let store = fresh(factory).await?;
    let mut batch = WriteBatch::new();
    batch.put("attempt", "0");
    store.commit(batch, Vec::new()).await?;
    for attempt in 0..30 {
        let fence = Fence::equals("attempt", attempt.to_string());
        let (unheard, fence_of_unheard) = (Arc::clone(&store), fence.clone());
        let mut batch = WriteBatch::new();
        batch.put(format!("unheard{attempt:02}"), "x");
        let task =
            tokio::task::JoinSet::from_iter([
                async move { unheard.commit(batch, vec![fence_of_unheard]).await },
            ]);
        if attempt % 2 == 0 {
            tokio::task::yield_now().await;
        }
        drop(task); // aborts it wherever it is
        let mut batch = WriteBatch::new();
        batch.put("attempt", (attempt + 1).to_string());
        store.commit(batch, vec![fence]).await?;
        let settled = rows(&*store).await?;
        for _ in 0..3 {
            let mut batch = WriteBatch::new();
            batch.put("other", "x").clear("other");
            store.commit(batch, Vec::new()).await?;
            ensure!(
                rows(&*store).await? == settled,
                "attempt {attempt}: a commit arrived after it was settled"
            );
        }
    }
    factory.close(store).await;
    Ok(())
}

async fn rows(store: &dyn Store) -> Result<Vec<(Bytes, Bytes)>, Stop> {
    Ok(store
        .snapshot()
        .await?
        .scan(&KeyRange::prefix(""), 1_000, false)
        .await?
        .rows)
}

fn pairs(rows: &[(&'static str, &'static str)]) -> Vec<(Bytes, Bytes)> {
    rows.iter()
        .map(|(key, value)| (Bytes::from(*key), Bytes::from(*value)))
        .collect()
}
