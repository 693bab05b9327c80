//! Undoing entries that were never committed: which keys they touched, and those keys' rows as the primary has them. What
//! is undone is undone in one batch, so it is bounded; a copy with more to undo is made anew.

use std::sync::Arc;

use bytes::Bytes;
use cell_replica::report::Unusable;
use cell_replica::{Event, Head};
use cell_store::{Mutation, Snapshot};
use platform_model::ReplicaId;

use super::content::{Rows, Touched};
use super::inner::Inner;
use super::told::Told;
use crate::keys::{ShardKeys, join};
use crate::log::LogScan;

/// Keys and rows that one rewind touches, in bytes.
const UNDO_BYTES_MAX: usize = 2_500_000;
/// Rows of all ranges that one rewind touches.
const UNDO_ROWS_MAX: usize = 15_000;

/// Too much to undo, or unreadable.
struct TooMuch;

/// What the entries in `(fork, end]` wrote or cleared.
pub(crate) async fn collect_keys(inner: &Arc<Inner>, fork: Head, end: Head) {
    let Some((snapshot, _)) = inner.snapshot().await else {
        return;
    };
    let collected = touched(inner, Arc::clone(&snapshot), fork, end).await;
    let within = match &collected {
        Ok(keys) => rows_in(&*snapshot, &inner.keys, keys).await.is_ok(),
        Err(_) => false,
    };
    let mut core = inner.core.lock();
    match collected {
        Ok(keys) if within => {
            // Refused if the rewind was given up meanwhile.
            let _ = core.step(Event::KeysCollected { fork, end, keys });
        }
        _ => {
            if let Some(replica) = core.machine.meta().replica {
                let why = Unusable::Trimmed;
                core.tell(Told::Unusable { replica, why });
            }
        }
    }
}

async fn touched(
    inner: &Inner,
    snapshot: Arc<dyn Snapshot>,
    fork: Head,
    end: Head,
) -> Result<Touched, TooMuch> {
    let mut touched = Touched::default();
    let mut scan = LogScan::new(
        snapshot,
        &inner.keys,
        fork.position,
        end.position,
        Some(fork.chain),
    );
    let mut bytes = 0;
    while let Some(stored) = scan.next().await.map_err(|_| TooMuch)? {
        let writes = stored
            .entry
            .transactions
            .into_iter()
            .flat_map(|transaction| transaction.writes);
        for write in writes {
            match write {
                Mutation::Put { key, .. } | Mutation::Clear { key } => {
                    bytes += key.len();
                    touched.keys.push(key);
                }
                Mutation::ClearRange { range } => {
                    bytes += range.start.len() + range.end.len();
                    touched.ranges.push((range.start, range.end));
                }
            }
        }
        if bytes > UNDO_BYTES_MAX {
            return Err(TooMuch);
        }
    }
    touched.keys.sort_unstable();
    touched.keys.dedup();
    Ok(touched)
}

/// The rows of keys and ranges, as a snapshot has them.
async fn rows_in(snapshot: &dyn Snapshot, keys: &ShardKeys, touched: &Touched) -> Result<Rows, TooMuch> {
    let mut rows = Rows {
        ranges: touched.ranges.clone(),
        ..Rows::default()
    };
    let mut bytes = 0;
    for some in touched.keys.chunks(1_000) {
        let whole: Vec<Bytes> = some.iter().map(|key| keys.absolute(key)).collect();
        let values = snapshot.get_many(&whole).await.map_err(|_| TooMuch)?;
        for (key, value) in some.iter().zip(values) {
            bytes += key.len() + value.as_ref().map_or(0, Bytes::len);
            match value {
                Some(value) => rows.rows.push((key.clone(), value)),
                None => rows.cleared.push(key.clone()),
            }
        }
        if bytes > UNDO_BYTES_MAX {
            return Err(TooMuch);
        }
    }
    for (start, end) in &touched.ranges {
        for mut range in keys.replicated_in(start, end) {
            loop {
                let page = snapshot.scan(&range, 1_000, false).await.map_err(|_| TooMuch)?;
                let last = page.rows.last().map(|(key, _)| join(key, &[0]));
                for (key, value) in page.rows {
                    bytes += key.len() + value.len();
                    rows.rows.push((keys.relative(&key), value));
                }
                if bytes > UNDO_BYTES_MAX || rows.rows.len() > UNDO_ROWS_MAX {
                    return Err(TooMuch);
                }
                let Some(last) = last.filter(|_| page.more) else {
                    break;
                };
                range.start = last;
            }
        }
    }
    Ok(rows)
}

/// Reads keys that a standby wants to undo.
pub(crate) async fn read_keys(inner: &Arc<Inner>, to: ReplicaId, fork: Head, keys: Touched) {
    let Some((snapshot, applied)) = inner.snapshot().await else {
        return;
    };
    let read = rows_in(&*snapshot, &inner.keys, &keys).await;
    let mut core = inner.core.lock();
    match read {
        Ok(mut page) => {
            page.time_ms = applied.time_ms;
            let event = Event::KeysRead {
                to,
                fork,
                stamp: applied.head(),
                page,
            };
            // Refused if the standby is not what it was any more.
            let _ = core.step(event);
        }
        Err(TooMuch) => core.tell(Told::Unusable {
            replica: to,
            why: Unusable::Trimmed,
        }),
    }
}
