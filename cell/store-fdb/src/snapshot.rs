//! One version of the cell's rows: a transaction at one read version, read only, dropped with the snapshot. The cluster
//! keeps its version for 5 s; it expires a little before.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cell_store::{Key, KeyRange, Page, Snapshot, SnapshotError, Value};
use foundationdb::future::FdbSlice;
use foundationdb::options::StreamingMode;
use foundationdb::{FdbError, FdbResult, RangeOption, Transaction};

use crate::codes::{self, ReadFailure};
use crate::fdb::{Shared, copied, reason};
use crate::meters::{self, Call};
use crate::times;

/// Keys that are asked for at once: one after the other they would outlive the version.
const ASKED_AT_ONCE: usize = 100;

pub(crate) struct FdbSnapshot {
    /// Dropped before what it needs.
    transaction: Transaction,
    shared: Arc<Shared>,
    /// On the local clock, before the version was asked for.
    opened: Duration,
}

impl FdbSnapshot {
    pub fn new(shared: Arc<Shared>, transaction: Transaction, opened: Duration) -> Self {
        Self {
            transaction,
            shared,
            opened,
        }
    }

    fn has_expired(&self) -> bool {
        times::has_expired(self.opened, self.shared.clock.monotonic())
    }

    /// Runs a read; an answer that came after the end of the snapshot's life, also that it timed out, is that it expired.
    async fn read<T>(
        &self,
        call: Call,
        read: impl Future<Output = FdbResult<T>>,
    ) -> Result<T, SnapshotError> {
        let began = self.shared.clock.monotonic();
        let answer = if self.has_expired() {
            Err(SnapshotError::Expired)
        } else {
            read.await.map_err(failed)
        };
        let answer = if self.has_expired() {
            Err(SnapshotError::Expired)
        } else {
            answer
        };
        let took = self.shared.clock.monotonic().saturating_sub(began);
        meters::note(call, meters::of_read(&answer), took);
        answer
    }

    /// The value of a key, on its way from here on; none for one that no row can have.
    fn ask(
        &self,
        key: &[u8],
    ) -> Option<impl Future<Output = FdbResult<Option<FdbSlice>>> + Send + Sync + Unpin + use<>> {
        let is_possible = Shared::limits().is_possible_key(key);
        is_possible.then(|| self.transaction.get(&self.shared.keys.key(key), true))
    }

    async fn get_one(&self, key: &[u8]) -> FdbResult<Option<Value>> {
        match self.ask(key) {
            Some(value) => Ok(value.await?.map(|value| copied(&value))),
            None => Ok(None),
        }
    }

    async fn get_all(&self, keys: &[Key]) -> FdbResult<Vec<Option<Value>>> {
        let mut values = Vec::with_capacity(keys.len());
        for keys in keys.chunks(ASKED_AT_ONCE) {
            // All are on their way before the first is waited for.
            let asked: Vec<_> = keys.iter().map(|key| self.ask(key)).collect();
            for value in asked {
                values.push(match value {
                    Some(value) => value.await?.map(|value| copied(&value)),
                    None => None,
                });
            }
        }
        Ok(values)
    }

    async fn page(&self, (start, end): (Vec<u8>, Vec<u8>), limit: usize, reverse: bool) -> FdbResult<Page> {
        let limits = Shared::limits();
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
            let rows = self.transaction.get_range(&asked, iteration, true).await?;
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

#[async_trait]
impl Snapshot for FdbSnapshot {
    async fn get(&self, key: &[u8]) -> Result<Option<Value>, SnapshotError> {
        self.read(Call::Get, self.get_one(key)).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, SnapshotError> {
        Shared::limits().check_get_many(keys)?;
        self.read(Call::GetMany, self.get_all(keys)).await
    }

    async fn scan(&self, range: &KeyRange, limit: usize, reverse: bool) -> Result<Page, SnapshotError> {
        Shared::limits().check_scan(range)?;
        let Some(bounds) = self.shared.keys.bounds(range) else {
            return Ok(Page::default());
        };
        self.read(Call::Scan, self.page(bounds, limit, reverse)).await
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
