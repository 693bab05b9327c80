//! Opening a shard: take the fence, verify what is there, append the `term` entry, serve.
//!
//! The fence is taken before anything is verified, so that nobody can change what was verified.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::{Buf, Bytes};
use cell_store::{CommitError, Fence, Snapshot, Store, WriteBatch};
use platform_model::{Epoch, Incarnation, Position, Term};
use platform_runtime::{CancellationToken, Clock, TaskGroup, random};
use tokio::sync::{mpsc, oneshot};

use crate::applied::Applied;
use crate::buffer::WriteBuffer;
use crate::committer::{Committer, own_record};
use crate::error::{LogError, OpenError};
use crate::fence::FenceValue;
use crate::gate::Gate;
use crate::group::GroupBounds;
use crate::history::EpochHistory;
use crate::keys::ShardKeys;
use crate::limits::{EPOCHS_KEPT, OPEN_ATTEMPTS_MAX, ShardLimits};
use crate::log::LogScan;
use crate::meter::Meter;
use crate::opening::Openings;
use crate::outbox::Emissions;
use crate::plant::Plant;
use crate::request::Ownership;
use crate::shard::{Shard, Shared, TermEnd};
use crate::submission::{Submission, Verdict};
use crate::time::LogClock;
use crate::trim::{Kept, LogTrim, TrimState};
use crate::turn::Turns;
use crate::window::Window;

/// Pause between two tries to take the fence.
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) async fn open(
    store: Arc<dyn Store>,
    ownership: Ownership,
    clock: Clock,
    tasks: &TaskGroup,
    limits: ShardLimits,
    plant: Plant,
) -> Result<Shard, OpenError> {
    let keys = ShardKeys::new(&ownership.shard);
    let opening = Opening {
        store: &*store,
        keys: &keys,
        ownership: &ownership,
    };
    let (fence, incarnation) = opening.take_fence().await?;
    let found = opening.verify(&limits).await?;
    let term = Term {
        epoch: ownership.epoch,
        incarnation,
    };
    let start = found.applied.position.next();
    let mut history = found.history;
    let dropped = history.begin(ownership.epoch, start);
    let store_limits = store.limits();
    let meter = Meter::new(&ownership.shard);
    let log_clock = LogClock::new(clock.clone(), found.applied.time_ms, meter.clock_ahead.clone());
    let shared = Arc::new(Shared {
        drained: CancellationToken::new(),
        gate: Gate::alone(found.applied.position),
        meter,
        log_clock,
        queue_bytes: Arc::default(),
        emissions: Emissions::default(),
        turns: Turns::default(),
        openings: Openings::default(),
        trimmed: AtomicU64::new(found.trim.state.position.0),
        wanted: AtomicU64::new(u64::MAX),
        ownership,
        term,
        store,
        store_limits,
        keys,
        limits,
        clock,
        history,
        plant,
    });
    let mut committer = Committer {
        fence,
        last: found.applied,
        window: Window::new(
            found.applied.position,
            limits.window_entries_max,
            limits.window_keys_max,
        ),
        trim: found.trim,
        bounds: GroupBounds::new(&limits, &store_limits),
        waiting: VecDeque::new(),
        shared: Arc::clone(&shared),
    };
    begin_term(&mut committer, start, &dropped).await?;
    let (sender, inbox) = mpsc::channel(limits.queue_max);
    let stop = tasks.token().child_token();
    let end = TermEnd(Arc::clone(&shared));
    tasks.spawn("shard committer", committer.run(inbox, stop.clone(), end));
    Ok(Shard {
        shared,
        inbox: sender,
        stop,
    })
}

/// Appends the `term` entry, which is also the record of the epoch history.
async fn begin_term(committer: &mut Committer, start: Position, dropped: &[Epoch]) -> Result<(), OpenError> {
    let shared = Arc::clone(&committer.shared);
    let mut writes = WriteBuffer::default();
    let epoch = shared.keys.epoch(shared.term.epoch);
    if shared.history.start_of(shared.term.epoch) == Some(start) {
        writes.set(epoch, Some(Bytes::copy_from_slice(&start.0.to_be_bytes())));
    }
    for epoch in dropped {
        writes.set(shared.keys.epoch(*epoch), None);
    }
    for _ in 0..OPEN_ATTEMPTS_MAX {
        let (reply, mut verdict) = oneshot::channel();
        let record = own_record(&shared, &writes);
        let reads = crate::window::ReadSet::default();
        let writes = writes.clone();
        committer.waiting.push_back(Submission {
            read: None,
            reads,
            writes,
            record,
            events: Vec::new(),
            bytes: 0,
            cleared: 0,
            sync: true,
            log_time_ms: 0,
            place: None,
            reply,
        });
        // The verdict says more than the end of the turn.
        let _ = committer.turn().await;
        match verdict.try_recv() {
            Ok(Verdict::Committed(_)) => return Ok(()),
            Ok(Verdict::Ended(_)) => return Err(fenced(&shared.ownership, "another owner".to_owned())),
            Ok(Verdict::Unavailable | Verdict::NotWritten) => tokio::time::sleep(PAUSE).await,
            _ => break,
        }
    }
    Err(OpenError::Unavailable {
        reason: "the term entry could not be committed".to_owned(),
    })
}

fn fenced(ownership: &Ownership, owner: String) -> OpenError {
    OpenError::Fenced {
        shard: ownership.shard.clone(),
        owner,
        asked: ownership.epoch,
    }
}

fn unavailable(reason: impl ToString) -> OpenError {
    OpenError::Unavailable {
        reason: reason.to_string(),
    }
}

/// What stands in the store.
struct Found {
    applied: Applied,
    trim: LogTrim,
    history: EpochHistory,
}

struct Opening<'a> {
    store: &'a dyn Store,
    keys: &'a ShardKeys,
    ownership: &'a Ownership,
}

impl Opening<'_> {
    /// Sets the fence and raises the incarnation in one batch. Only an `Ok` counts: after `Unknown` the next try
    /// starts from what then stands, under yet another incarnation.
    async fn take_fence(&self) -> Result<(FenceValue, Incarnation), OpenError> {
        let mut last = CommitError::Unavailable {
            reason: "not tried".to_owned(),
        };
        for _ in 0..OPEN_ATTEMPTS_MAX {
            let snapshot = self.store.snapshot().await.map_err(unavailable)?;
            let standing = snapshot.get(&self.keys.fence).await.map_err(unavailable)?;
            self.may_take(standing.as_deref())?;
            let incarnation = snapshot.get(&self.keys.incarnation).await.map_err(unavailable)?;
            let incarnation = Incarnation(number(incarnation.as_deref())).next();
            let next = FenceValue::first(self.ownership.epoch, self.ownership.node.clone(), incarnation);
            let mut batch = WriteBatch::new();
            batch.put(self.keys.fence.clone(), next.encode());
            batch.put(
                self.keys.incarnation.clone(),
                Bytes::copy_from_slice(&incarnation.0.to_be_bytes()),
            );
            if snapshot
                .get(&self.keys.replica)
                .await
                .map_err(unavailable)?
                .is_none()
            {
                batch.put(
                    self.keys.replica.clone(),
                    Bytes::copy_from_slice(&random::bytes::<16>()),
                );
            }
            let fence = Fence {
                key: self.keys.fence.clone(),
                expected: standing,
            };
            match self.store.commit(batch, vec![fence]).await {
                Ok(()) => return Ok((next, incarnation)),
                Err(error) => last = error,
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(unavailable(last))
    }

    fn may_take(&self, standing: Option<&[u8]>) -> Result<(), OpenError> {
        let Some(bytes) = standing else { return Ok(()) };
        let Some(standing) = FenceValue::decode(bytes) else {
            return Err(self.damaged(Position(0), "its fence is unreadable"));
        };
        let (own, other) = (self.ownership, &standing);
        if other.epoch > own.epoch || (other.epoch == own.epoch && other.node != own.node) {
            return Err(fenced(own, format!("{} since {}", other.node, other.epoch)));
        }
        Ok(())
    }

    /// Reads the state and the whole kept log against each other.
    async fn verify(&self, limits: &ShardLimits) -> Result<Found, OpenError> {
        let snapshot = self.store.snapshot().await.map_err(unavailable)?;
        let state = self.read_applied(&*snapshot).await?;
        let applied = state.unwrap_or_default();
        if applied.term.epoch > self.ownership.epoch {
            return Err(fenced(
                self.ownership,
                format!("an owner of {}", applied.term.epoch),
            ));
        }
        let trim = snapshot.get(&self.keys.trim).await.map_err(unavailable)?;
        let trim = match trim {
            None => TrimState::default(),
            Some(bytes) => TrimState::decode(&bytes)
                .ok_or_else(|| self.damaged(Position(0), "its trim state is unreadable"))?,
        };
        let mut log = LogTrim::new(trim, limits);
        let (position, chain) = self.walk(Arc::clone(&snapshot), trim, &mut log).await?;
        if (position, chain) != (applied.position, applied.chain) {
            return Err(self.damaged(position, "the log does not end where the state does"));
        }
        Ok(Found {
            applied,
            trim: log,
            history: self.read_history(&*snapshot).await?,
        })
    }

    /// Checks every kept entry. Returns the end of the log.
    async fn walk(
        &self,
        snapshot: Arc<dyn Snapshot>,
        trim: TrimState,
        log: &mut LogTrim,
    ) -> Result<(Position, u64), OpenError> {
        let (mut position, mut chain) = (trim.position, trim.chain);
        let mut scan = LogScan::new(snapshot, self.keys, position, Position(u64::MAX), Some(chain));
        while let Some(stored) = scan.next().await.map_err(|error| self.log_error(error))? {
            (position, chain) = (stored.entry.position, stored.entry.chain);
            log.note(Kept {
                position,
                chain,
                parts: stored.parts,
                bytes: stored.bytes,
            });
        }
        Ok((position, chain))
    }

    async fn read_applied(&self, snapshot: &dyn Snapshot) -> Result<Option<Applied>, OpenError> {
        let Some(bytes) = snapshot.get(&self.keys.applied).await.map_err(unavailable)? else {
            return Ok(None);
        };
        let applied = Applied::decode(&bytes);
        applied
            .map(Some)
            .ok_or_else(|| self.damaged(Position(0), "its `applied` is unreadable"))
    }

    async fn read_history(&self, snapshot: &dyn Snapshot) -> Result<EpochHistory, OpenError> {
        let page = snapshot
            .scan(&self.keys.epochs(), 2 * EPOCHS_KEPT, false)
            .await
            .map_err(unavailable)?;
        let start = |(key, value): &(Bytes, Bytes)| {
            self.keys
                .parse_epoch(key)
                .map(|epoch| (epoch, Position(number(Some(value)))))
        };
        let starts: Option<Vec<_>> = page.rows.iter().map(start).collect();
        starts
            .map(EpochHistory::new)
            .ok_or_else(|| self.damaged(Position(0), "its epoch history is unreadable"))
    }

    fn damaged(&self, position: Position, reason: &str) -> OpenError {
        OpenError::Damaged {
            shard: self.ownership.shard.clone(),
            position,
            reason: reason.to_owned(),
        }
    }

    fn log_error(&self, error: LogError) -> OpenError {
        let shard = self.ownership.shard.clone();
        match error {
            LogError::Damaged { position, reason } => OpenError::Damaged {
                shard,
                position,
                reason,
            },
            LogError::TooNew { found, known } => OpenError::TooNew {
                shard,
                what: "a log entry",
                found,
                known,
            },
            other => unavailable(other),
        }
    }
}

/// Eight bytes, big-endian; anything else is 0.
fn number(bytes: Option<&[u8]>) -> u64 {
    match bytes {
        Some(mut bytes) if bytes.len() == 8 => bytes.get_u64(),
        _ => 0,
    }
}
