//! Pages of a copy: rows of a range of keys from one snapshot, few enough that reading and sending them holds nobody up. The
//! range is chosen here as the rows are walked; whoever takes the page remembers where the next one begins.

use std::sync::Arc;

use bytes::Bytes;
use cell_replica::Event;
use cell_store::{Snapshot, SnapshotError};
use platform_model::ReplicaId;
use platform_runtime::background;

use super::content::Rows;
use super::inner::Inner;
use crate::keys::{ShardKeys, join};
use crate::limits::GROUP_MUTATIONS_MAX;
use crate::walk::Walk;

/// Rows of one page: it is one commit where it is taken.
const PAGE_ROWS: usize = GROUP_MUTATIONS_MAX;
/// Keys and values of one page, about.
pub(crate) const PAGE_BYTES: usize = 512 * 1024;

/// Reads a page for a standby, when the foreground allows.
pub(crate) async fn read_page(inner: &Arc<Inner>, to: ReplicaId) {
    let hold = inner
        .core
        .lock()
        .pace
        .hold_page(inner.clock.monotonic(), PAGE_BYTES as u64);
    if !hold.is_zero() {
        inner.clock.sleep(hold).await;
    }
    let asked = {
        let mut core = inner.core.lock();
        core.paging.remove(&to);
        core.starts.get(&to).cloned()
    };
    let Some((chunk, start)) = asked else { return };
    let Some((snapshot, applied)) = inner.snapshot().await else {
        return;
    };
    let shared = Arc::clone(inner);
    let read = background::run(async move {
        let (mut rows, last) = page(&*snapshot, &shared.keys, start, PAGE_BYTES).await?;
        if !last {
            let behind = rows.ranges.last().map(|(_, end)| end.clone()).unwrap_or_default();
            rows.left_bytes = left(&*snapshot, &shared.keys, &behind);
        }
        Ok::<_, SnapshotError>((rows, last))
    });
    let Some(Ok((mut rows, last))) = read.await else {
        return;
    };
    rows.time_ms = applied.time_ms;
    let event = Event::PageRead {
        to,
        chunk,
        stamp: applied.head(),
        page: rows,
        last,
    };
    // Refused if the standby is not what it was any more; it asks again if it wants it.
    let _ = inner.core.lock().step(event);
}

/// Rows from `start` on, up to about so many bytes, and whether nothing is behind them.
pub(crate) async fn page(
    snapshot: &dyn Snapshot,
    keys: &ShardKeys,
    start: Bytes,
    bytes_max: usize,
) -> Result<(Rows, bool), SnapshotError> {
    let end = end_of_all();
    let mut rows = Rows::default();
    let mut bytes = 0;
    for range in keys.replicated_in(&start, &end) {
        let mut next = range.start.clone();
        let mut walk = Walk::new(snapshot, range);
        loop {
            let room = PAGE_ROWS.saturating_sub(rows.rows.len());
            if room == 0 || bytes >= bytes_max {
                rows.ranges.push((start, keys.relative(&next)));
                return Ok((rows, false));
            }
            let Some(piece) = walk.next(room).await? else {
                break;
            };
            for (key, value) in piece {
                bytes += key.len() + value.len();
                next = join(&key, &[0]);
                rows.rows.push((keys.relative(&key), value));
                if bytes >= bytes_max {
                    break;
                }
            }
        }
    }
    rows.ranges.push((start, end));
    Ok((rows, true))
}

/// Behind every key that is copied.
pub(crate) fn end_of_all() -> Bytes {
    let [_, last] = ShardKeys::replicated();
    last.end
}

/// Bytes of all that is copied of a shard, about.
pub(crate) fn bytes_about(snapshot: &dyn Snapshot, keys: &ShardKeys) -> u64 {
    left(snapshot, keys, &Bytes::new())
}

/// Bytes behind a key, about, as the engine knows them without reading; 0 if it does not.
fn left(snapshot: &dyn Snapshot, keys: &ShardKeys, behind: &Bytes) -> u64 {
    let ranges = keys.replicated_in(behind, &end_of_all()).into_iter();
    ranges.filter_map(|range| snapshot.bytes_about(&range)).sum()
}

#[cfg(test)]
mod tests {
    use cell_store::memory::Memory;
    use cell_store::{Store, WriteBatch};

    use super::*;
    use crate::keys::shared_key;

    #[tokio::test]
    async fn a_page_of_small_rows_is_no_more_than_any_engine_commits_in_time() {
        let keys = ShardKeys::new(&"eu/eu-central/007".parse().expect("a shard"));
        let (memory, mut batch) = (Memory::new(), WriteBatch::new());
        for row in 0..=GROUP_MUTATIONS_MAX {
            let key = shared_key("a table", format!("{row:06}").as_bytes());
            batch.put(keys.absolute(&key), "x");
        }
        memory.commit(batch, Vec::new()).await.expect("committed");
        let snapshot = memory.snapshot().await.expect("opens");
        let (rows, last) = page(&*snapshot, &keys, Bytes::new(), PAGE_BYTES)
            .await
            .expect("read");
        assert_eq!((rows.rows.len(), last), (GROUP_MUTATIONS_MAX, false));
        let behind = rows.ranges.last().expect("a range").1.clone();
        let (rows, last) = page(&*snapshot, &keys, behind, PAGE_BYTES).await.expect("read");
        assert_eq!((rows.rows.len(), last), (1, true));
    }
}
