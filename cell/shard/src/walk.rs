//! Walking over many rows beside requests: copies, digests, backups. A read of the embedded engine holds its thread, so
//! walks are done on threads that serve nobody (`platform_runtime::background`), or in pieces small enough that whoever
//! waits for the thread does not notice, with a turn for the others between.

use cell_store::{Key, KeyRange, Snapshot, SnapshotError, Value};

use crate::keys::join;

/// Keys and values of one piece, about: some hundred microseconds of reading.
const PIECE_BYTES: usize = 128 * 1024;
/// Rows of the first piece, of which nothing is known, and of any.
const ROWS_FIRST: usize = 4;
const ROWS_MAX: usize = 1_000;

/// The rows of a range in ascending order.
pub(crate) struct Walk<'a> {
    snapshot: &'a dyn Snapshot,
    /// What was not given out yet.
    rest: KeyRange,
    ended: bool,
    rows: usize,
    bytes: usize,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(snapshot: &'a dyn Snapshot, range: KeyRange) -> Self {
        Self {
            snapshot,
            rest: range,
            ended: false,
            rows: 0,
            bytes: 0,
        }
    }

    /// The next rows, at most so many; none at the end.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn next(&mut self, rows_max: usize) -> Result<Option<Vec<(Key, Value)>>, SnapshotError> {
        if self.ended {
            return Ok(None);
        }
        if self.rows > 0 {
            tokio::task::yield_now().await;
        }
        let limit = self.piece().min(rows_max);
        let page = self.snapshot.scan(&self.rest, limit, false).await?;
        self.ended = !page.more;
        let Some((last, _)) = page.rows.last() else {
            return Ok(None);
        };
        self.rest.start = join(last, &[0]);
        self.rows += page.rows.len();
        self.bytes += page
            .rows
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum::<usize>();
        Ok(Some(page.rows))
    }

    /// As many rows as make a piece, if they are as those before.
    fn piece(&self) -> usize {
        match (PIECE_BYTES * self.rows).checked_div(self.bytes) {
            Some(rows) => rows.clamp(1, ROWS_MAX),
            None => ROWS_FIRST,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use bytes::Bytes;
    use cell_store::{Fence, Page, Store, WriteBatch};

    use super::*;

    /// Counts what is read.
    struct Counted<S> {
        inner: S,
        read: Mutex<Vec<usize>>,
    }

    #[async_trait]
    impl Snapshot for Counted<std::sync::Arc<dyn Snapshot>> {
        async fn get(&self, key: &[u8]) -> Result<Option<Value>, SnapshotError> {
            self.inner.get(key).await
        }
        async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, SnapshotError> {
            self.inner.get_many(keys).await
        }
        async fn scan(&self, range: &KeyRange, limit: usize, reverse: bool) -> Result<Page, SnapshotError> {
            let page = self.inner.scan(range, limit, reverse).await?;
            let bytes = page.rows.iter().map(|(key, value)| key.len() + value.len()).sum();
            self.read.lock().expect("not poisoned").push(bytes);
            Ok(page)
        }
    }

    async fn walked(rows: usize, value_bytes: usize) -> (Vec<Key>, Vec<usize>) {
        let store = cell_store::memory::Memory::new();
        for row in 0..rows {
            let mut batch = WriteBatch::new();
            batch.put(
                Bytes::from(format!("k{row:06}")),
                Bytes::from(vec![7; value_bytes]),
            );
            store.commit(batch, Vec::<Fence>::new()).await.expect("committed");
        }
        let counted = Counted {
            inner: store.snapshot().await.expect("a version"),
            read: Mutex::default(),
        };
        let mut keys = Vec::new();
        let mut walk = Walk::new(&counted, KeyRange::new("k", "l"));
        while let Some(rows) = walk.next(usize::MAX).await.expect("read") {
            keys.extend(rows.into_iter().map(|(key, _)| key));
        }
        let read = counted.read.lock().expect("not poisoned").clone();
        (keys, read)
    }

    #[tokio::test]
    async fn every_row_comes_once_in_pieces_that_are_small_however_large_the_rows_are() {
        for (rows, value_bytes) in [(0, 0), (1, 10), (3_000, 20), (200, 50_000)] {
            let (keys, read) = walked(rows, value_bytes).await;
            assert_eq!(keys.len(), rows);
            assert!(keys.is_sorted_by(|one, next| one < next));
            let most = read.iter().max().copied().unwrap_or_default();
            assert!(
                most <= PIECE_BYTES + 4 * 50_100,
                "{most} bytes at once of {rows} rows"
            );
            let total: usize = read.iter().sum();
            assert_eq!(
                total,
                keys.iter().map(|key| key.len() + value_bytes).sum::<usize>(),
                "nothing is read twice"
            );
        }
    }
}
