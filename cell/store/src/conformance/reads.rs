//! What reads promise: order, pages, isolation, linearizability, patience.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{Checked, Factory, ensure, fresh};
use crate::{Key, KeyRange, SnapshotError, Store, Value, WriteBatch};

const KEYS: [&[u8]; 9] = [
    b"\x00",
    b"\x00\xff",
    b"\x01",
    b"a",
    b"a\x00",
    b"aa",
    b"a\xff",
    b"b",
    b"\xfe\xff\xff",
];

/// Keys come in the order of their bytes, forwards and backwards, within any bounds.
pub(super) async fn ordering(factory: &dyn Factory) -> Checked {
    let store = fresh(factory).await?;
    let mut batch = WriteBatch::new();
    for key in KEYS.iter().rev() {
        batch.put(*key, [b"value of ", *key].concat());
    }
    store.commit(batch, Vec::new()).await?;
    let snapshot = store.snapshot().await?;
    for start in KEYS {
        for end in KEYS.into_iter().filter(|end| *end >= start) {
            let range = KeyRange::new(start, end);
            let expected: Vec<&[u8]> = KEYS.into_iter().filter(|key| range.contains(key)).collect();
            let mut found = snapshot.scan(&range, 100, false).await?;
            ensure!(
                keys(&found.rows) == expected,
                "{range:?} has {:?}",
                keys(&found.rows)
            );
            let backwards = snapshot.scan(&range, 100, true).await?;
            found.rows.reverse();
            ensure!(backwards == found, "{range:?} backwards has {backwards:?}");
        }
    }
    let asked: Vec<Key> = KEYS
        .into_iter()
        .rev()
        .chain([&b"absent"[..]])
        .map(Bytes::from_static)
        .collect();
    let found = snapshot.get_many(&asked).await?;
    for (key, value) in asked.iter().zip(&found) {
        ensure!(
            *value == snapshot.get(key).await?,
            "get_many and get differ on {key:?}"
        );
        let expected = KEYS
            .contains(&&key[..])
            .then(|| [b"value of ", &key[..]].concat());
        ensure!(value.as_deref() == expected.as_deref(), "{key:?} has {value:?}");
    }
    factory.close(store).await;
    Ok(())
}

/// Pages put together are the whole range, whatever their size; `more` is true exactly while rows are left.
pub(super) async fn paging(factory: &dyn Factory) -> Checked {
    let store = fresh(factory).await?;
    let rows = 25;
    let mut batch = WriteBatch::new();
    for index in 0..rows {
        batch.put(format!("row{index:02}"), vec![0; 1_000]);
    }
    store.commit(batch, Vec::new()).await?;
    let snapshot = store.snapshot().await?;
    for limit in [1, 2, 5, 24, 25, 26] {
        let mut range = KeyRange::prefix("row");
        let mut seen = 0;
        loop {
            let page = snapshot.scan(&range, limit, false).await?;
            seen += page.rows.len();
            ensure!(
                page.more == (seen < rows),
                "limit {limit}: more is {} after {seen} of {rows}",
                page.more
            );
            ensure!(
                page.rows.len() <= limit,
                "limit {limit}: {} rows",
                page.rows.len()
            );
            let Some((last, _)) = page.rows.last().filter(|_| page.more) else {
                break;
            };
            range.start = [last, &[0][..]].concat().into();
        }
        ensure!(seen == rows, "limit {limit}: {seen} of {rows} rows");
    }
    let nothing = snapshot.scan(&KeyRange::prefix("row"), 0, false).await?;
    ensure!(nothing.rows.is_empty() && nothing.more, "limit 0: {nothing:?}");
    factory.close(store).await;
    Ok(())
}

/// What is committed after a snapshot was opened is not in it; nor does it lose what is cleared.
pub(super) async fn snapshot_isolation(factory: &dyn Factory) -> Checked {
    let store = fresh(factory).await?;
    put(&*store, "a", "1").await?;
    put(&*store, "b", "1").await?;
    let before = store.snapshot().await?;
    let mut batch = WriteBatch::new();
    batch.put("a", "2").clear("b").put("c", "2");
    store.commit(batch, Vec::new()).await?;
    let after = store.snapshot().await?;
    for _ in 0..2 {
        let old = before.scan(&KeyRange::prefix(""), 10, false).await?.rows;
        let new = after.scan(&KeyRange::prefix(""), 10, false).await?.rows;
        ensure!(
            old == [row("a", "1"), row("b", "1")],
            "the old snapshot has {old:?}"
        );
        ensure!(
            new == [row("a", "2"), row("c", "2")],
            "the new snapshot has {new:?}"
        );
        ensure!(
            before.get(b"b").await? == Some(Bytes::from("1")),
            "the old snapshot lost b"
        );
        ensure!(after.get(b"b").await?.is_none(), "the new snapshot has b");
        put(&*store, "a", "3").await?;
    }
    factory.close(store).await;
    Ok(())
}

/// A snapshot opened after a commit returned sees it, whoever else commits meanwhile.
pub(super) async fn linearizable_snapshot(factory: &dyn Factory) -> Checked {
    let store = fresh(factory).await?;
    let mut tasks: JoinSet<Checked> = JoinSet::new();
    for task in 0..8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for round in 0..40 {
                let (key, value) = (format!("task{task}"), format!("{round}"));
                put(&*store, &key, &value).await?;
                let found = store.snapshot().await?.get(key.as_bytes()).await?;
                ensure!(
                    found.as_deref() == Some(value.as_bytes()),
                    "{key} is {found:?} after {value} returned"
                );
            }
            Ok(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    factory.close(store).await;
    Ok(())
}

/// A reader that takes its time sees one version while others write, or is told that it has expired.
pub(super) async fn slow_reader(factory: &dyn Factory) -> Checked {
    let store = fresh(factory).await?;
    let rows = 40;
    let mut batch = WriteBatch::new();
    for index in 0..rows {
        batch.put(format!("slow{index:02}"), "before");
    }
    store.commit(batch, Vec::new()).await?;
    let snapshot = store.snapshot().await?;
    let mut range = KeyRange::prefix("slow");
    for seen in 0..rows {
        for index in 0..rows {
            let mut batch = WriteBatch::new();
            batch
                .put(format!("slow{index:02}"), format!("after {seen}"))
                .put(format!("slow{index:02}/{seen}"), "new");
            if (index + seen) % 3 == 0 {
                batch.clear(format!("slow{index:02}"));
            }
            store.commit(batch, Vec::new()).await?;
        }
        let page = match snapshot.scan(&range, 1, false).await {
            Err(SnapshotError::Expired) if store.limits().snapshot_life.is_some() => return Ok(()),
            page => page?,
        };
        ensure!(
            page.rows == [row(&format!("slow{seen:02}"), "before")],
            "row {seen} is {:?}",
            page.rows
        );
        range.start = [&page.rows[0].0, &[0][..]].concat().into();
    }
    drop(snapshot);
    factory.close(store).await;
    Ok(())
}

fn keys(rows: &[(Key, Value)]) -> Vec<&[u8]> {
    rows.iter().map(|(key, _)| &key[..]).collect()
}

fn row(key: &str, value: &str) -> (Key, Value) {
    (
        Bytes::copy_from_slice(key.as_bytes()),
        Bytes::copy_from_slice(value.as_bytes()),
    )
}

async fn put(store: &dyn Store, key: &str, value: &str) -> Checked {
    let mut batch = WriteBatch::new();
    batch.put(key.to_owned(), value.to_owned());
    Ok(store.commit(batch, Vec::new()).await?)
}
