//! One page of a range as a transaction sees it: the rows of a snapshot with the transaction's own writes on top.

use bytes::Bytes;
use cell_store::{Key, KeyRange, Page, Snapshot, SnapshotError, Value};

use crate::buffer::WriteBuffer;
use crate::keys::join;

/// What was seen of a range.
pub(crate) struct Seen {
    pub page: Page,
    /// The part of the range that the page depends on.
    pub covered: KeyRange,
    /// Values that were fetched, in bytes.
    pub bytes: usize,
}

/// At most `limit` rows of `range`. Ends early, with an incomplete page, once more than `bytes_max` were fetched.
pub(crate) async fn merged(
    snapshot: &dyn Snapshot,
    own: &WriteBuffer,
    range: &KeyRange,
    limit: usize,
    reverse: bool,
    bytes_max: usize,
) -> Result<Seen, SnapshotError> {
    // One row more than asked for tells whether there are more.
    let wanted = limit + 1;
    let mut rows: Vec<(Key, Value)> = Vec::new();
    let (mut rest, mut bytes) = (range.clone(), 0);
    while rows.len() < wanted && bytes <= bytes_max {
        let page = snapshot.scan(&rest, wanted - rows.len(), reverse).await?;
        bytes += page.rows.iter().map(|(_, value)| value.len()).sum::<usize>();
        let last = page.rows.last().map(|(key, _)| key.clone());
        // What was fetched is complete up to its last row; if nothing is behind it, up to the end.
        let (part, left) = split(&rest, last.filter(|_| page.more), reverse);
        overlay(&mut rows, page.rows, own, &part, reverse);
        let Some(left) = left else { break };
        rest = left;
    }
    let more = rows.len() > limit;
    let covered = if more {
        up_to(range, &rows[limit].0, reverse)
    } else {
        range.clone()
    };
    rows.truncate(limit);
    Ok(Seen {
        page: Page { rows, more },
        covered,
        bytes,
    })
}

/// Splits what is left behind the row at `last`: the part that is fetched, and the rest.
fn split(rest: &KeyRange, last: Option<Key>, reverse: bool) -> (KeyRange, Option<KeyRange>) {
    let Some(last) = last else {
        return (rest.clone(), None);
    };
    if reverse {
        let fetched = KeyRange {
            start: last.clone(),
            end: rest.end.clone(),
        };
        (
            fetched,
            Some(KeyRange {
                start: rest.start.clone(),
                end: last,
            }),
        )
    } else {
        let behind = after(&last);
        let fetched = KeyRange {
            start: rest.start.clone(),
            end: behind.clone(),
        };
        (
            fetched,
            Some(KeyRange {
                start: behind,
                end: rest.end.clone(),
            }),
        )
    }
}

/// Appends the rows of `part`, own writes winning over fetched ones.
fn overlay(
    rows: &mut Vec<(Key, Value)>,
    fetched: Vec<(Key, Value)>,
    own: &WriteBuffer,
    part: &KeyRange,
    reverse: bool,
) {
    if own.is_empty() {
        rows.extend(fetched);
        return;
    }
    let visible = fetched.into_iter().filter(|(key, _)| own.get(key).is_none());
    let start = rows.len();
    rows.extend(visible);
    rows.extend(
        own.points_in(part)
            .filter_map(|(key, value)| Some((key.clone(), value.clone()?))),
    );
    rows[start..].sort_unstable_by(|a, b| if reverse { b.0.cmp(&a.0) } else { a.0.cmp(&b.0) });
}

/// The part of `range` up to and with `key`, in the direction of the scan.
fn up_to(range: &KeyRange, key: &Bytes, reverse: bool) -> KeyRange {
    if reverse {
        KeyRange {
            start: key.clone(),
            end: range.end.clone(),
        }
    } else {
        KeyRange {
            start: range.start.clone(),
            end: after(key),
        }
    }
}

/// The first key behind `key`.
fn after(key: &[u8]) -> Bytes {
    join(key, &[0])
}
