//! The handle of an open shard, and what all its transactions share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use bytes::Bytes;
use cell_store::{Limits, Snapshot, SnapshotError, Store, StoreError};
use platform_model::{Epoch, EpochPosition, Position, ShardId, Term};
use platform_runtime::{CancellationToken, Clock, TaskGroup};
use tokio::sync::mpsc;

use crate::applied::Applied;
use crate::copy::Base;
use crate::entry::LogEntry;
use crate::error::{LogError, OpenError, TxError};
use crate::gate::{End, Gate};
use crate::history::EpochHistory;
use crate::keys::ShardKeys;
use crate::limits::{LOG_READ_BYTES_MAX, ShardLimits};
use crate::log::LogScan;
use crate::meter::Meter;
use crate::opening::{First, Opened, Openings};
use crate::outbox::Emissions;
use crate::plant::Plant;
use crate::request::{Ownership, ShardStatus};
use crate::submission::Submission;
use crate::time::LogClock;
use crate::trim::TrimState;
use crate::turn::Turns;

/// An open shard. Cheap to clone; when the last handle is gone, it drains and ends.
///
/// Transactions of one shard are strictly serializable, whatever tasks and handles they come from.
#[derive(Clone)]
pub struct Shard {
    pub(crate) shared: Arc<Shared>,
    pub(crate) inbox: mpsc::Sender<Submission>,
    pub(crate) stop: CancellationToken,
}

/// What the committer and every transaction of one term share.
pub(crate) struct Shared {
    pub ownership: Ownership,
    pub term: Term,
    pub store: Arc<dyn Store>,
    pub store_limits: Limits,
    pub keys: ShardKeys,
    pub limits: ShardLimits,
    pub clock: Clock,
    pub history: EpochHistory,
    pub gate: Gate,
    /// Cancelled when the committer is gone.
    pub drained: CancellationToken,
    pub meter: Meter,
    pub plant: Plant,
    pub log_clock: LogClock,
    /// Bytes of the transactions that wait.
    pub queue_bytes: Arc<AtomicUsize>,
    /// Entries up to here are gone.
    pub trimmed: AtomicU64,
    /// Entries behind this are wanted still by whoever keeps the log elsewhere; `u64::MAX`: by nobody.
    pub wanted: AtomicU64,
    /// Events of this term for other roots.
    pub emissions: Emissions,
    pub turns: Turns,
    pub openings: Openings,
}

impl Shard {
    /// Takes the shard and serves it: raises the incarnation and sets the fence in one durable step, verifies the
    /// kept log against its chain, and appends a `term` entry. Whoever held the fence before is fenced out of the
    /// store from then on, of the same node too.
    ///
    /// # Errors
    /// See [`OpenError`]; a damaged log is refused, never repaired.
    pub async fn open(
        store: Arc<dyn Store>,
        ownership: Ownership,
        clock: Clock,
        tasks: &TaskGroup,
        limits: ShardLimits,
    ) -> Result<Self, OpenError> {
        crate::open::open(store, ownership, clock, tasks, limits, Plant::none()).await
    }

    pub fn id(&self) -> &ShardId {
        &self.shared.ownership.shard
    }

    pub fn epoch(&self) -> Epoch {
        self.shared.term.epoch
    }

    /// Takes no more transactions, answers those that wait, ends. Idempotent.
    pub async fn close(&self) {
        self.stop.cancel();
        self.shared.drained.cancelled().await;
    }

    /// Waits until the shard serves no more: closed, fenced, or its store failed for good (see
    /// [`ShardStatus::ended`]). Whoever still owns it then may open it again.
    pub async fn ended(&self) {
        self.shared.gate.ended().await;
    }

    /// Waits by the shard's own clock.
    pub async fn rest(&self, duration: std::time::Duration) {
        self.shared.clock.sleep(duration).await;
    }

    /// Committed entries behind `after`, oldest first, at most `limit` and about 8 MiB: ask again from behind the
    /// last one. Each is checked against the chain. Cancel- and retry-safe.
    ///
    /// # Errors
    /// [`LogError::Trimmed`] if the entry behind `after` is gone; [`LogError::Damaged`] if one does not fit its chain.
    pub async fn log(&self, after: Position, limit: usize) -> Result<Vec<LogEntry>, LogError> {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        let Some(mut scan) = self.scan_log(after, limit, None).await? else {
            return Ok(entries);
        };
        while bytes < LOG_READ_BYTES_MAX
            && let Some(stored) = scan.next().await?
        {
            bytes += stored.bytes;
            entries.push(stored.entry);
        }
        Ok(entries)
    }

    /// The committed log behind `after`, at most so many entries of it; none where it ends there. With `chain`, that is to be
    /// the chain of the entry at `after`.
    pub(crate) async fn scan_log(
        &self,
        after: Position,
        limit: usize,
        chain: Option<u64>,
    ) -> Result<Option<LogScan<'_>>, LogError> {
        let unavailable = |reason: String| LogError::Unavailable { reason };
        let limit = Position(after.0.saturating_add(limit as u64));
        let last = self.shared.gate.committed().min(limit);
        if last <= after {
            return Ok(None);
        }
        let snapshot = self.shared.store.snapshot().await;
        let snapshot = snapshot.map_err(|error| unavailable(error.to_string()))?;
        let keys = &self.shared.keys;
        let trimmed = log_base(&*snapshot, keys).await;
        let trimmed = trimmed.map_err(|error| unavailable(error.to_string()))?;
        if after < trimmed.position {
            return Err(LogError::Trimmed {
                trimmed: trimmed.position,
            });
        }
        let found = chain_at(Arc::clone(&snapshot), keys, after, &trimmed).await?;
        if chain.is_some_and(|chain| chain != found) {
            return Err(LogError::Diverged { position: after });
        }
        Ok(Some(LogScan::new(snapshot, keys, after, last, Some(found))))
    }

    pub fn status(&self) -> ShardStatus {
        let shared = &self.shared;
        ShardStatus {
            shard: shared.ownership.shard.clone(),
            term: shared.term,
            committed: shared.gate.committed(),
            queue: self.inbox.max_capacity() - self.inbox.capacity(),
            trimmed: Position(shared.trimmed.load(std::sync::atomic::Ordering::Relaxed)),
            ended: shared.gate.end().map(End::as_str),
        }
    }
}

/// Where the log begins in this store: as the log itself says, or later on a copy that was made since.
async fn log_base(snapshot: &dyn Snapshot, keys: &ShardKeys) -> Result<TrimState, SnapshotError> {
    let logged = snapshot.get(&keys.trim).await?;
    let logged = logged
        .and_then(|bytes| TrimState::decode(&bytes))
        .unwrap_or_default();
    let own = snapshot.get(&keys.base).await?;
    let own = own
        .and_then(|bytes| Base::decode(&bytes).ok())
        .unwrap_or_default();
    if own.head.position <= logged.position {
        return Ok(logged);
    }
    Ok(TrimState {
        position: own.head.position,
        chain: own.head.chain,
        term: Some(own.head.term),
    })
}

/// The chain after the entry at `at`, from which the next one continues.
async fn chain_at(
    snapshot: Arc<dyn Snapshot>,
    keys: &ShardKeys,
    at: Position,
    trimmed: &TrimState,
) -> Result<u64, LogError> {
    if at == trimmed.position {
        return Ok(trimmed.chain);
    }
    let before = Position(at.0 - 1);
    let entry = LogScan::new(snapshot, keys, before, at, None).next().await?;
    entry
        .map(|stored| stored.entry.chain)
        .ok_or_else(|| LogError::Damaged {
            position: at,
            reason: "it is missing".into(),
        })
}

/// Held by the committer: however that ends (a panic, a runtime that shuts down), nobody waits for it in vain.
pub(crate) struct TermEnd(pub Arc<Shared>);

impl Drop for TermEnd {
    fn drop(&mut self) {
        // Changes nothing if the committer gave its reason.
        self.0.gate.finish(End::Unavailable);
        self.0.drained.cancel();
    }
}

impl Shared {
    /// Events are in the batch at `position`, or none: whoever takes them to a broker looks when it is committed.
    pub(crate) fn note_bridged(&self, position: Position, any: bool) {
        if self.limits.bridged && any {
            self.emissions.bridged(position);
        }
    }

    pub(crate) fn pair(&self, position: Position) -> EpochPosition {
        EpochPosition {
            epoch: self.term.epoch,
            position,
        }
    }

    /// Opens a snapshot of one's own that may be shown: the lease is held after it was opened. Waits while it is not.
    pub(crate) async fn snapshot(&self) -> Result<Opened, TxError> {
        loop {
            let opened = self.open_snapshot().await?;
            if self.may_show().await? {
                return Ok(opened);
            }
        }
    }

    /// The same, for a transaction: others may be given it too. `first` is the key that it wants first, if it knows.
    pub(crate) async fn snapshot_with_others(
        self: &Arc<Self>,
        first: Option<&Bytes>,
    ) -> Result<(Opened, First), TxError> {
        loop {
            let opened = self.open_with_others(first).await?;
            if self.may_show().await? {
                return Ok(opened);
            }
        }
    }

    /// Whether what was opened before may be shown; if not, waits until what is opened next may be.
    async fn may_show(&self) -> Result<bool, TxError> {
        if self.gate.is_leased() {
            return Ok(true);
        }
        let leased = self.gate.leased().await;
        leased.map(|()| false).map_err(|end| match end {
            End::Fenced => TxError::Fenced,
            End::Closed | End::Unavailable => TxError::Unavailable {
                reason: "the term has ended".to_owned(),
            },
        })
    }

    /// Opens a snapshot and says which position it shows.
    pub(crate) async fn open_snapshot(&self) -> Result<Opened, TxError> {
        let snapshot = self.open_version().await?;
        self.shown(snapshot).await
    }

    pub(crate) async fn open_version(&self) -> Result<Arc<dyn Snapshot>, TxError> {
        let opened = self.store.snapshot().await;
        opened.map_err(|StoreError::Unavailable { reason }| TxError::Unavailable { reason })
    }

    /// The position that a snapshot shows. Refused if that is of another term: then another owner writes this store.
    pub(crate) async fn shown(&self, snapshot: Arc<dyn Snapshot>) -> Result<Opened, TxError> {
        let applied = snapshot.get(&self.keys.applied).await;
        let applied = applied.map_err(|error| TxError::Unavailable {
            reason: error.to_string(),
        })?;
        self.shown_by(snapshot, applied)
    }

    /// The same, of one whose `applied` was read.
    pub(crate) fn shown_by(
        &self,
        snapshot: Arc<dyn Snapshot>,
        applied: Option<Bytes>,
    ) -> Result<Opened, TxError> {
        match applied.as_deref().and_then(Applied::decode) {
            Some(applied) if applied.term == self.term => Ok((snapshot, applied.position)),
            _ => {
                self.gate.finish(End::Fenced);
                Err(TxError::Fenced)
            }
        }
    }
}
