//! All of the outbox, page by page, up to one bound: what was committed when the walk began. Taken anew for each page, a
//! later page would show what stands behind rows that an earlier one left out.

use cell_store::KeyRange;
use platform_model::Position;

use super::row::{OutboxKey, OutboxRow};
use super::{OutboxError, request};
use crate::shard::Shard;
use crate::tx::Tx;

/// Rows of one page.
const PAGE_ROWS: usize = 1_000;

/// A row as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Row(OutboxRow),
    /// Of a later version, or damaged: what its root was told after it must wait for it.
    Unreadable(OutboxKey),
}

impl Found {
    pub fn key(&self) -> &OutboxKey {
        match self {
            Self::Row(row) => &row.key,
            Self::Unreadable(key) => key,
        }
    }
}

/// A walk through the outbox.
pub struct OutboxWalk {
    pub(super) shard: Shard,
    pub(super) upto: Position,
    /// The last key of the page before, as it stands in the table.
    pub(super) after: Option<Vec<u8>>,
    pub(super) over: bool,
}

impl OutboxWalk {
    /// The next rows, in the order of their keys: by root, then as they were told. None behind the last.
    ///
    /// # Errors
    /// What the shard answers; the same page may be asked for again.
    pub async fn page(&mut self) -> Result<Option<Vec<Found>>, OutboxError> {
        if self.over {
            return Ok(None);
        }
        let start = self
            .after
            .as_ref()
            .map_or_else(Vec::new, |after| [after.as_slice(), &[0]].concat());
        let range = KeyRange::new(start, vec![0xff]);
        let page = |tx: Tx| {
            let range = range.clone();
            async move { tx.scan(range, PAGE_ROWS, false).await }
        };
        let page = self.shard.read(&request(), page).await?.value;
        self.over = !page.more;
        self.after = page.rows.last().map(|(key, _)| key.to_vec());
        let mut found = Vec::with_capacity(page.rows.len());
        for (key, value) in page.rows {
            let Some(named) = OutboxKey::read(&key) else {
                // Not even whose it is: nothing waits for it, and nobody can send it.
                tracing::error!(shard = %self.shard.id(), "a key of the outbox cannot be read");
                continue;
            };
            if named.at.position <= self.upto {
                let row = OutboxRow::read(&key, &value);
                found.push(row.map_or(Found::Unreadable(named), Found::Row));
            }
        }
        Ok(Some(found))
    }
}

#[cfg(test)]
impl OutboxWalk {
    /// All rows.
    pub(crate) async fn all(mut self) -> Vec<OutboxRow> {
        let mut all = Vec::new();
        while let Some(page) = self.page().await.expect("read") {
            all.extend(page.into_iter().filter_map(|found| match found {
                Found::Row(row) => Some(row),
                Found::Unreadable(_) => None,
            }));
        }
        all
    }
}
