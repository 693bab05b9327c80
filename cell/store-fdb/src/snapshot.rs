//! One version of the cell's rows: a transaction at one read version, read only, dropped with the snapshot.

use std::sync::Arc;

use async_trait::async_trait;
use cell_store::{Key, KeyRange, Page, Snapshot, SnapshotError, Value};
use foundationdb::options::StreamingMode;
use foundationdb::{FdbError, RangeOption, Transaction};

use crate::codes::{self, ReadFailure};
use crate::fdb::{Shared, copied, reason};

pub(crate) struct FdbSnapshot {
    /// Dropped before what it needs.
    transaction: Transaction,
    shared: Arc<Shared>,
}

impl FdbSnapshot {
    pub fn new(shared: Arc<Shared>, transaction: Transaction) -> Self {
        Self { transaction, shared }
    }

    async fn get_one(&self, key: &[u8]) -> Result<Option<Value>, SnapshotError> {
        if !Shared::limits().is_possible_key(key) {
            return Ok(None);
        }
        let value = self.transaction.get(&self.shared.keys.key(key), true).await;
        Ok(value.map_err(failed)?.map(|value| copied(&value)))
    }
}

#[async_trait]
impl Snapshot for FdbSnapshot {
    async fn get(&self, key: &[u8]) -> Result<Option<Value>, SnapshotError> {
        self.get_one(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, SnapshotError> {
        Shared::limits().check_get_many(keys)?;
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            values.push(self.get_one(key).await?);
        }
        Ok(values)
    }

    async fn scan(&self, range: &KeyRange, limit: usize, reverse: bool) -> Result<Page, SnapshotError> {
        let limits = Shared::limits();
        limits.check_scan(range)?;
        let Some((start, end)) = self.shared.keys.bounds(range) else {
            return Ok(Page::default());
        };
        let limit = limit.min(limits.page_rows_max);
        let (mut page, mut bytes) = (Page::default(), 0);
        // One more than fit, to know whether any are left.
        let mut rest = Some(RangeOption {
            limit: Some(limit + 1),
            target_bytes: limits.page_bytes_max,
            mode: StreamingMode::Iterator,
            reverse,
            ..RangeOption::from((start, end))
        });
        let mut iteration = 1;
        while let Some(asked) = rest {
            let rows = self
                .transaction
                .get_range(&asked, iteration, true)
                .await
                .map_err(failed)?;
            for row in &*rows {
                if page.rows.len() >= limit || bytes >= limits.page_bytes_max {
                    page.more = true;
                    return Ok(page);
                }
                bytes += row.key().len() + row.value().len();
                page.rows
                    .push((self.shared.keys.strip(row.key()), copied(row.value())));
            }
            rest = asked.next_range(&rows);
            iteration += 1;
        }
        Ok(page)
    }
}

fn failed(error: FdbError) -> SnapshotError {
    match codes::of_read(error.code()) {
        ReadFailure::Expired => SnapshotError::Expired,
        ReadFailure::Again | ReadFailure::Unavailable => SnapshotError::Unavailable {
            reason: reason(error.code(), error.message()),
        },
    }
}
