//! Ranges of keys and pages of rows.

use std::ops::Bound;

use bytes::Bytes;

use crate::limits::SYSTEM;
use crate::{Key, Value};

/// The keys `k` with `start <= k < end`. Empty when both are equal; inverted ones are refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyRange {
    /// First key of the range.
    pub start: Bytes,
    /// First key behind the range.
    pub end: Bytes,
}

impl KeyRange {
    /// `[start, end)`.
    pub fn new(start: impl Into<Bytes>, end: impl Into<Bytes>) -> Self {
        Self {
            start: start.into(),
            end: end.into(),
        }
    }

    /// All keys that begin with `prefix`, the prefix itself included; all keys for an empty one.
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        let start: Bytes = prefix.into();
        // No key begins with 0xff, so a prefix of nothing but 0xff has none, and the empty one has all below it.
        let end =
            crate::key::strinc(&start).unwrap_or_else(|| Bytes::from_static(&[SYSTEM]).max(start.clone()));
        Self { start, end }
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        *self.start <= *key && *key < *self.end
    }

    /// Whether the two ranges share a key.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether no key can lie in it (an inverted range included).
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// For `BTreeMap::range` and the like, cut off before the engine's own keys; never inverted.
    pub(crate) fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        let end = (&*self.end).min(&[SYSTEM]);
        (Bound::Included((&*self.start).min(end)), Bound::Excluded(end))
    }
}

/// Rows of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In the order of the scan.
    pub rows: Vec<(Key, Value)>,
    /// Whether the range has rows behind the last one.
    pub more: bool,
}

/// Fills a page from rows in order; stops at the first row that finds it full.
pub(crate) fn fill<E>(
    rows: impl Iterator<Item = Result<(Key, Value), E>>,
    limit: usize,
    limits: &crate::Limits,
) -> Result<Page, E> {
    let limit = limit.min(limits.page_rows_max);
    let mut page = Page::default();
    let mut bytes = 0;
    for row in rows {
        let (key, value) = row?;
        if page.rows.len() >= limit || bytes >= limits.page_bytes_max {
            page.more = true;
            return Ok(page);
        }
        bytes += key.len() + value.len();
        page.rows.push((key, value));
    }
    Ok(page)
}
