//! One version of the cell's rows: a timestamp of the cluster. Each read is a call of its own at that timestamp, so
//! that nothing is kept in memory and reads of one snapshot do not wait for each other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cell_store::{Key, KeyRange, Page, Snapshot, SnapshotError, Value};
use tikv_client::{CheckLevel, Timestamp, TransactionOptions};

use crate::failure::ReadFailure;
use crate::keys;
use crate::meters::{self, Call};
use crate::scan::{self, Filling, Rest};
use crate::tikv::Shared;

pub(crate) struct TikvSnapshot {
    shared: Arc<Shared>,
    at: Timestamp,
    /// On the local clock, before the timestamp was asked for.
    opened: Duration,
}

/// Why a read ends: its own failure, or the snapshot's end.
enum Ended {
    Failed(ReadFailure),
    Expired,
}

impl From<ReadFailure> for Ended {
    fn from(failure: ReadFailure) -> Self {
        Self::Failed(failure)
    }
}

impl TikvSnapshot {
    pub fn new(shared: Arc<Shared>, at: Timestamp, opened: Duration) -> Self {
        Self { shared, at, opened }
    }

    fn is_expired(&self) -> bool {
        self.shared.clock.monotonic().saturating_sub(self.opened) >= self.shared.settings.snapshot_life
    }

    /// Runs a read; an answer that came after the end of the snapshot's life is not given.
    async fn read<T>(
        &self,
        call: Call,
        read: impl Future<Output = Result<T, Ended>>,
    ) -> Result<T, SnapshotError> {
        let began = self.shared.clock.monotonic();
        let answer = if self.is_expired() {
            Err(Ended::Expired)
        } else {
            read.await
        };
        let answer = if self.is_expired() {
            Err(Ended::Expired)
        } else {
            answer
        };
        let (outcome, answer) = match answer {
            Ok(value) => ("ok", Ok(value)),
            Err(Ended::Expired) => ("expired", Err(SnapshotError::Expired)),
            Err(Ended::Failed(failure)) => {
                let reason = failure.reason;
                ("unavailable", Err(SnapshotError::Unavailable { reason }))
            }
        };
        meters::note(call, outcome, self.shared.clock.monotonic().saturating_sub(began));
        answer
    }

    fn version(&self) -> tikv_client::Snapshot {
        let options = TransactionOptions::new_optimistic().drop_check(CheckLevel::None);
        self.shared.client.snapshot(self.at.clone(), options)
    }

    async fn get_one(&self, key: &[u8]) -> Result<Option<Value>, Ended> {
        let key = self.shared.keys.key(key);
        let read = || {
            let (mut version, key) = (self.version(), key.clone());
            async move { version.get(key).await }
        };
        let stored = self.shared.retried(read).await?;
        Ok(stored.map(decode).transpose()?)
    }

    async fn get_all(&self, asked: &[Key]) -> Result<Vec<Option<Value>>, Ended> {
        let mut found = HashMap::new();
        let possible: Vec<Key> = asked
            .iter()
            .filter(|key| self.is_possible(key))
            .cloned()
            .collect();
        for request in scan::requests(&possible) {
            let keys: Vec<Vec<u8>> = request.iter().map(|key| self.shared.keys.key(key)).collect();
            let read = || {
                let (mut version, keys) = (self.version(), keys.clone());
                async move {
                    let pairs = version.batch_get(keys).await?;
                    Ok::<Vec<_>, tikv_client::Error>(pairs.collect())
                }
            };
            let pairs = self.shared.retried(read).await?;
            for pair in pairs {
                found.insert(self.strip(pair.0)?, decode(pair.1)?);
            }
            if self.is_expired() {
                return Err(Ended::Expired);
            }
        }
        Ok(asked.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn page(&self, mut rest: Rest, mut filling: Filling) -> Result<Page, Ended> {
        loop {
            let wanted = filling.wanted();
            let rows = self.rows(&rest, wanted).await?;
            let is_last = rows.len() < wanted;
            if let Some((last, _)) = rows.last() {
                rest.behind(last);
            }
            for (key, value) in rows {
                if !filling.take(self.strip(key.into())?, decode(value)?) {
                    return Ok(filling.finish());
                }
            }
            if is_last {
                return Ok(filling.finish());
            }
            if self.is_expired() {
                return Err(Ended::Expired);
            }
        }
    }

    async fn rows(&self, rest: &Rest, wanted: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Ended> {
        let limit = u32::try_from(wanted).unwrap_or(u32::MAX);
        let read = || {
            let (mut version, rest) = (self.version(), rest.clone());
            async move {
                let range = (rest.start, rest.end);
                let rows: Vec<_> = if rest.reverse {
                    version.scan_reverse(range, limit).await?.collect()
                } else {
                    version.scan(range, limit).await?.collect()
                };
                Ok::<_, tikv_client::Error>(rows)
            }
        };
        let rows = self.shared.retried(read).await?;
        Ok(rows.into_iter().map(|row| (row.0.into(), row.1)).collect())
    }

    fn is_possible(&self, key: &[u8]) -> bool {
        self.shared.limits().is_possible_key(key)
    }

    fn strip(&self, key: tikv_client::Key) -> Result<Key, ReadFailure> {
        self.shared.keys.strip(key.into()).ok_or_else(scan::foreign_row)
    }
}

fn decode(stored: Vec<u8>) -> Result<Value, ReadFailure> {
    keys::decode(stored).ok_or_else(scan::foreign_row)
}

#[async_trait]
impl Snapshot for TikvSnapshot {
    async fn get(&self, key: &[u8]) -> Result<Option<Value>, SnapshotError> {
        if !self.is_possible(key) {
            return Ok(None);
        }
        self.read(Call::Get, self.get_one(key)).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, SnapshotError> {
        self.shared.limits().check_get_many(keys)?;
        self.read(Call::GetMany, self.get_all(keys)).await
    }

    async fn scan(&self, range: &KeyRange, limit: usize, reverse: bool) -> Result<Page, SnapshotError> {
        let limits = self.shared.limits();
        limits.check_scan(range)?;
        let Some((start, end)) = self.shared.keys.bounds(range) else {
            return Ok(Page::default());
        };
        let rest = Rest { start, end, reverse };
        self.read(Call::Scan, self.page(rest, Filling::new(limit, &limits)))
            .await
    }
}
