//! Pages of a copy: rows of a range of keys from one snapshot, at most about a megabyte. The range is chosen here as the
//! rows are walked; whoever takes the page remembers where the next one begins.

use std::sync::Arc;

use bytes::Bytes;
use cell_replica::Event;
use cell_store::{KeyRange, Snapshot, SnapshotError};
use platform_model::ReplicaId;

use super::content::Rows;
use super::inner::Inner;
use crate::keys::{ShardKeys, join};

/// Rows of one page.
const PAGE_ROWS: usize = 8_000;
/// Keys and values of one page, about.
pub(crate) const PAGE_BYTES: usize = 1024 * 1024;
/// Rows that are looked at to tell how much is left.
const ROWS_COUNTED: usize = 2_000;

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
    let Ok((mut rows, last)) = page(&*snapshot, &inner.keys, start, PAGE_BYTES).await else {
        return;
    };
    rows.time_ms = applied.time_ms;
    if !last {
        let behind = rows.ranges.last().map(|(_, end)| end.clone()).unwrap_or_default();
        rows.left_bytes = left(&*snapshot, &inner.keys, behind).await.unwrap_or(0);
    }
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
        let mut rest = range;
        loop {
            let limit = PAGE_ROWS.saturating_sub(rows.rows.len());
            if limit == 0 || bytes >= bytes_max {
                let next = keys.relative(&rest.start);
                rows.ranges.push((start, next));
                return Ok((rows, false));
            }
            let page = snapshot.scan(&rest, limit.min(512), false).await?;
            let more = page.more;
            for (key, value) in page.rows {
                bytes += key.len() + value.len();
                rest.start = join(&key, &[0]);
                rows.rows.push((keys.relative(&key), value));
                if bytes >= bytes_max {
                    break;
                }
            }
            if !more && bytes < bytes_max {
                break;
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

/// Bytes behind a key, about: of so many rows that are looked at, and no more.
async fn left(snapshot: &dyn Snapshot, keys: &ShardKeys, behind: Bytes) -> Result<u64, SnapshotError> {
    let mut bytes = 0;
    for range in keys.replicated_in(&behind, &end_of_all()) {
        let range = KeyRange::new(range.start, range.end);
        let page = snapshot.scan(&range, ROWS_COUNTED, false).await?;
        let some: usize = page.rows.iter().map(|(key, value)| key.len() + value.len()).sum();
        bytes += some as u64;
    }
    Ok(bytes)
}
