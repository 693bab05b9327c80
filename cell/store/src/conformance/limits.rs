//! Every limit, at its edge and one past it; input that no engine may take.

use bytes::Bytes;

use super::{Checked, Factory, Stop, ensure, fresh};
use crate::{CommitError, Fence, Key, KeyRange, Limits, SnapshotError, Store, WriteBatch};

/// The largest that is allowed is stored and read back; one more is refused and changes nothing.
pub(super) async fn each_limit(factory: &dyn Factory) -> Checked {
    let store = fresh(factory).await?;
    let limits = store.limits();
    let shared = Limits {
        snapshot_life: None,
        ..limits
    };
    ensure!(
        shared == Limits::PORTABLE,
        "other limits than those of every engine: {shared:?}"
    );
    let key = |length: usize| Bytes::from(vec![b'k'; length]);
    let value = |length: usize| Bytes::from(vec![b'v'; length]);
    let mut batch = WriteBatch::new();
    batch.put(key(limits.key_bytes_max), value(limits.value_bytes_max));
    store.commit(batch, Vec::new()).await?;
    let found = store.snapshot().await?.get(&key(limits.key_bytes_max)).await?;
    ensure!(
        found == Some(value(limits.value_bytes_max)),
        "the largest row came back differently"
    );
    let mut batch = WriteBatch::new();
    batch.put(key(limits.key_bytes_max + 1), value(1));
    refused(&*store, batch, Vec::new(), "key_bytes").await?;
    let mut batch = WriteBatch::new();
    batch.put(key(1), value(limits.value_bytes_max + 1));
    refused(&*store, batch, Vec::new(), "value_bytes").await?;
    let mut batch = WriteBatch::new();
    for index in 0..=limits.batch_bytes_max / limits.value_bytes_max {
        batch.put(format!("large{index}"), value(limits.value_bytes_max));
    }
    refused(&*store, batch, Vec::new(), "batch_bytes").await?;
    let mut batch = WriteBatch::new();
    (0..=limits.batch_mutations_max).for_each(|_| _ = batch.clear("k"));
    refused(&*store, batch, Vec::new(), "batch_mutations").await?;
    let fences = vec![Fence::absent("f"); limits.fences_max + 1];
    refused(&*store, WriteBatch::new(), fences, "fences").await?;
    let many = vec![key(1); limits.get_many_keys_max + 1];
    let read = store.snapshot().await?.get_many(&many).await;
    ensure!(
        matches!(read, Err(SnapshotError::Invalid { .. })),
        "too many keys in one read: {:?}",
        read.map(|r| r.len())
    );
    factory.close(store).await;
    Ok(())
}

/// A batch of as many bytes as the limit allows, to the last one, is stored whole.
pub(super) async fn largest_batch(factory: &dyn Factory) -> Checked {
    let store = fresh(factory).await?;
    let limits = store.limits();
    let mut batch = WriteBatch::new();
    let mut keys = Vec::new();
    while batch.bytes() < limits.batch_bytes_max {
        let key = Bytes::from(format!("large{:04}", keys.len()));
        let left = limits.batch_bytes_max - batch.bytes();
        ensure!(left > key.len(), "the limit leaves room for half a key");
        batch.put(
            key.clone(),
            vec![b'v'; (left - key.len()).min(limits.value_bytes_max)],
        );
        keys.push(key);
    }
    ensure!(
        batch.bytes() == limits.batch_bytes_max,
        "{} bytes were made",
        batch.bytes()
    );
    store.commit(batch, Vec::new()).await?;
    let found = store.snapshot().await?.get_many(&keys).await?;
    let rows = found.iter().flatten();
    let bytes: usize = rows.map(Bytes::len).sum::<usize>() + keys.iter().map(Bytes::len).sum::<usize>();
    ensure!(
        bytes == limits.batch_bytes_max,
        "{bytes} bytes of the largest batch came back"
    );
    factory.close(store).await;
    Ok(())
}

/// Commits what must be refused, with a harmless row beside it that must not appear.
async fn refused(store: &dyn Store, mut batch: WriteBatch, fences: Vec<Fence>, limit: &str) -> Checked {
    batch.put("beside", "x");
    let answer = store.commit(batch, fences).await;
    let typed = matches!(&answer, Err(CommitError::TooLarge { what, .. }) if *what == limit);
    ensure!(typed, "past the limit of {limit}: {answer:?}");
    let is_hinted = answer.is_err_and(|error| error.hint().contains("smaller"));
    ensure!(is_hinted, "past the limit of {limit}: it does not say what to do");
    ensure!(
        store.snapshot().await?.get(b"beside").await?.is_none(),
        "past the limit of {limit}: something was written"
    );
    Ok(())
}

/// Empty keys, inverted ranges and keys of the engine's own are refused; reads of such keys find nothing.
pub(super) async fn invalid(factory: &dyn Factory) -> Checked {
    let store = fresh(factory).await?;
    let mut batches = vec![
        WriteBatch::new(),
        WriteBatch::new(),
        WriteBatch::new(),
        WriteBatch::new(),
    ];
    batches[0].put("", "x");
    batches[1].clear("");
    batches[2].clear_range(KeyRange::new("b", "a"));
    batches[3].put(vec![0xff, 0x01], "x");
    for batch in batches {
        let text = format!("{batch:?}");
        let answer = store.commit(batch, Vec::new()).await;
        ensure!(
            matches!(answer, Err(CommitError::Invalid { .. })),
            "{text}: {answer:?}"
        );
    }
    let snapshot = store.snapshot().await?;
    let inverted = snapshot.scan(&KeyRange::new("b", "a"), 1, false).await;
    ensure!(
        matches!(inverted, Err(SnapshotError::Invalid { .. })),
        "an inverted range: {inverted:?}"
    );
    let long: Key = vec![b'x'; 70_000].into();
    for key in [Bytes::new(), long, Bytes::from_static(b"\xffposition")] {
        ensure!(
            snapshot.get(&key).await?.is_none(),
            "a key that cannot be has a value"
        );
    }
    let mut batch = WriteBatch::new();
    batch.put("a", "x");
    store.commit(batch, Vec::new()).await?;
    let all = store
        .snapshot()
        .await?
        .scan(&KeyRange::new("", vec![0xff; 300]), 10, true)
        .await?;
    ensure!(all.rows.len() == 1, "the engine's own rows are seen: {all:?}");
    let mut batch = WriteBatch::new();
    batch.clear_range(KeyRange::new("", vec![0xff; 300]));
    store.commit(batch, Vec::new()).await?;
    factory.close(store).await;
    Ok(())
}

/// A batch may clear as many existing keys by range as the limit says, and not one more.
pub(super) async fn clear_range_bound(factory: &dyn Factory) -> Checked {
    let store = fresh(factory).await?;
    let max = store.limits().clear_range_keys_max;
    for chunk in 0..2 {
        let mut batch = WriteBatch::new();
        for index in 0..=max / 2 {
            batch.put(format!("range{chunk}/{index:06}"), "x");
        }
        store.commit(batch, Vec::new()).await?;
    }
    let count = count(&*store).await?;
    ensure!(count == max / 2 * 2 + 2, "{count} rows were made");
    let mut both = WriteBatch::new();
    both.put("beside", "x")
        .clear_range(KeyRange::prefix("range0"))
        .clear_range(KeyRange::prefix("range1"));
    let answer = store.commit(both, Vec::new()).await;
    let typed = matches!(
        answer,
        Err(CommitError::TooLarge {
            what: "clear_range_keys",
            ..
        })
    );
    ensure!(typed, "{count} keys in two ranges: {answer:?}");
    ensure!(
        self::count(&*store).await? == count,
        "a refused batch changed something"
    );
    for (chunk, left) in [(0, count / 2), (1, 0)] {
        let mut batch = WriteBatch::new();
        batch.clear_range(KeyRange::prefix(format!("range{chunk}")));
        store.commit(batch, Vec::new()).await?;
        let found = self::count(&*store).await?;
        ensure!(found == left, "{found} rows after range {chunk} was cleared");
    }
    factory.close(store).await;
    Ok(())
}

async fn count(store: &dyn Store) -> Result<usize, Stop> {
    Ok(store
        .snapshot()
        .await?
        .scan(&KeyRange::prefix(""), 10_000, false)
        .await?
        .rows
        .len())
}
