//! Runs transactions to their end: the closure, the hand-over to the committer, the retries, the gate.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use platform_model::{EpochPosition, Position};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use crate::buffer::WriteBuffer;
use crate::entry;
use crate::error::{TxError, WriteError};
use crate::gate::End;
use crate::group::GroupBounds;
use crate::outbox::{self, Emitted};
use crate::request::{Answer, Mode, Request};
use crate::shard::Shard;
use crate::submission::{Place, Submission, Verdict};
use crate::turn::Turn;
use crate::tx::{State, Tx};
use crate::window::ReadSet;

/// How a run ends whose transaction met an error.
enum Failed<E> {
    With(WriteError<E>),
    Again,
}

/// How one run of a closure ended.
enum Step<T, E> {
    Done(Result<Answer<T>, WriteError<E>>),
    /// It lost against what stands up to this position.
    Again(Position),
}

/// What stands outside a run, whichever way it ends.
struct Run<'a> {
    handed_over: AtomicBool,
    /// Kept until the outcome is known; the next run has it when this one lost.
    turn: Mutex<Option<Turn<'a>>>,
}

impl Run<'_> {
    fn ends_turn(&self) {
        drop(self.turn.lock().take());
    }
}

/// A submission before it has a way back.
#[derive(Default)]
struct Submitted {
    read: Option<Position>,
    reads: ReadSet,
    writes: WriteBuffer,
    record: Bytes,
    events: Vec<Emitted>,
    bytes: usize,
    cleared: usize,
    sync: bool,
    log_time_ms: u64,
}

impl Shard {
    /// Runs `f` as one transaction and returns when it is acknowledged: durable, and all that it observed too.
    ///
    /// `f` is run again (with jitter, a bounded number of times) when it lost against another transaction, so it
    /// must have no effect but through its [`Tx`]. An error of `f` writes nothing. Dropping the returned future
    /// does not take back a transaction that was already handed over: its outcome is then unknown. Retry-safe only
    /// if `f` itself recognises a repetition (an idempotency record).
    ///
    /// # Errors
    /// See [`WriteError`].
    pub async fn write<T, E, F, Fut>(&self, request: &Request, f: F) -> Result<Answer<T>, WriteError<E>>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<TxError>,
    {
        self.run(request, true, f).await
    }

    /// Runs `f` as one read-only transaction: one consistent version that contains every write acknowledged before
    /// the call. Cancel- and retry-safe.
    ///
    /// # Errors
    /// See [`WriteError`]; a write in `f` is [`TxError::ReadOnly`].
    pub async fn read<T, E, F, Fut>(&self, request: &Request, f: F) -> Result<Answer<T>, WriteError<E>>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<TxError>,
    {
        self.run(request, false, f).await
    }

    async fn run<T, E, F, Fut>(
        &self,
        request: &Request,
        writable: bool,
        f: F,
    ) -> Result<Answer<T>, WriteError<E>>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<TxError>,
    {
        let mut deadline = pin!(tokio::time::sleep(request.deadline));
        let (mut seen, mut turn) = (Position(0), None);
        for attempt in 0..self.shared.limits.attempts_max {
            tokio::select! {
                biased;
                mine = self.may_begin(request.scope, writable, attempt, turn) => turn = mine,
                () = &mut deadline => return Err(WriteError::Timeout),
            }
            self.may_serve(request, writable)?;
            let tx = Tx::begin(&self.shared, request, writable)
                .map_err(|error| WriteError::Rejected(error.into()))?;
            let run = Run {
                handed_over: AtomicBool::new(false),
                turn: Mutex::new(turn),
            };
            let step = tokio::select! {
                biased;
                step = self.run_once(request, &tx, &f, &run) => step,
                () = &mut deadline => {
                    let handed_over = run.handed_over.into_inner();
                    return Err(if handed_over { WriteError::Unknown } else { WriteError::Timeout });
                }
            };
            match step {
                Step::Done(result) => return result,
                Step::Again(at) => seen = seen.max(at),
            }
            turn = run.turn.into_inner();
        }
        drop(turn);
        // That it lost says that others have written.
        tokio::select! {
            passed = self.shared.gate.observed(seen) => Err(passed.map_or_else(ended, |()| WriteError::Conflict)),
            () = &mut deadline => Err(WriteError::Timeout),
        }
    }

    fn may_serve<E>(&self, request: &Request, writable: bool) -> Result<(), WriteError<E>> {
        if let Some(end) = self.shared.gate.end() {
            return Err(ended(end));
        }
        if writable && self.shared.gate.is_moving() {
            return Err(WriteError::Moving);
        }
        match request.not_older_than {
            Some(seen) if !self.shared.history.holds(seen, self.shared.gate.answered()) => {
                Err(WriteError::Lost)
            }
            _ => Ok(()),
        }
    }

    async fn run_once<T, E, F, Fut>(&self, request: &Request, tx: &Tx, f: &F, run: &Run<'_>) -> Step<T, E>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<TxError>,
    {
        let result = f(tx.clone()).await;
        // A failure to count is kept in the state, as every failure is.
        let cleared = if result.is_ok() {
            tx.count_cleared().await.unwrap_or(0)
        } else {
            0
        };
        let log_time_ms = tx.log_time_ms();
        let mut state = tx.finish();
        match (state.failure.take(), result) {
            (Some(failure), result) => match failed(failure, result) {
                Failed::Again => Step::Again(state.read.unwrap_or_default()),
                Failed::With(error @ (WriteError::Rejected(_) | WriteError::TooLarge)) => {
                    self.observed(state, run, |_| Err(error)).await
                }
                Failed::With(error) => Step::Done(Err(error)),
            },
            (None, Ok(value)) if state.writes.is_empty() && state.events.is_empty() => {
                self.observed(state, run, |position| Ok(Answer { value, position }))
                    .await
            }
            (None, Ok(value)) => {
                let submitted = self.submitted(request, state, cleared, log_time_ms);
                self.submit(submitted, run, value).await
            }
            (None, Err(error)) => {
                self.observed(state, run, |_| Err(WriteError::Rejected(error)))
                    .await
            }
        }
    }

    /// Ends a run that wrote nothing: its answer waits until all that it saw is committed, and if it saw more than
    /// one version, until the committer has found its reads valid at one point.
    async fn observed<T, E>(
        &self,
        state: State,
        run: &Run<'_>,
        answer: impl FnOnce(EpochPosition) -> Result<Answer<T>, WriteError<E>>,
    ) -> Step<T, E> {
        let mut position = state.read.unwrap_or_else(|| self.shared.gate.committed());
        if state.mixed && !self.shared.plant.skips_mixed() {
            match self
                .hand_over(Submitted {
                    read: state.read,
                    reads: state.reads,
                    ..Submitted::default()
                })
                .await
            {
                Ok(Verdict::Committed(valid)) => position = position.max(valid),
                Ok(Verdict::Conflict(at)) => return Step::Again(at),
                Ok(Verdict::NotWritten) => return Step::Again(position),
                Ok(Verdict::Ended(end)) => return Step::Done(Err(ended(end))),
                Ok(Verdict::Moving) => return Step::Done(Err(WriteError::Moving)),
                Ok(_) => return Step::Done(Err(WriteError::Unavailable)),
                Err(error) => return Step::Done(Err(error)),
            }
        }
        self.gated(position, run, answer).await
    }

    /// Answers when what the state at `position` shows may be told; others need not wait for that.
    async fn gated<T, E>(
        &self,
        position: Position,
        run: &Run<'_>,
        answer: impl FnOnce(EpochPosition) -> Result<Answer<T>, WriteError<E>>,
    ) -> Step<T, E> {
        run.ends_turn();
        Step::Done(match self.shared.gate.observed(position).await {
            Ok(()) => answer(self.shared.pair(position)),
            Err(end) => Err(ended(end)),
        })
    }

    fn submitted(&self, request: &Request, state: State, cleared: usize, log_time_ms: u64) -> Submitted {
        let State {
            read,
            reads,
            writes,
            events,
            mode,
            ..
        } = state;
        let record = entry::encode_transaction(&self.shared.keys, request, mode, &writes, &events);
        let events = outbox::emitted(request.domain, events, self.shared.limits.bridged);
        Submitted {
            bytes: record.len() + writes.bytes() + outbox::bytes(&events),
            events,
            read,
            reads,
            writes,
            record,
            cleared,
            sync: mode == Mode::Sync,
            log_time_ms,
        }
    }

    async fn submit<T, E>(&self, submitted: Submitted, run: &Run<'_>, value: T) -> Step<T, E> {
        let read = submitted.read.unwrap_or_default();
        if submitted.bytes > GroupBounds::new(&self.shared.limits, &self.shared.store_limits).bytes {
            return self.gated(read, run, |_| Err(WriteError::TooLarge)).await;
        }
        let sync = submitted.sync;
        run.handed_over.store(true, Ordering::Relaxed);
        let verdict = self.hand_over(submitted).await;
        // What is durable stays handed over while it waits for its acknowledgement, and others need not wait for that.
        if matches!(verdict, Ok(Verdict::Committed(_))) {
            run.ends_turn();
        } else {
            run.handed_over.store(false, Ordering::Relaxed);
        }
        Step::Done(match verdict {
            Ok(Verdict::Committed(position)) => match self.acknowledged(position, read, sync).await {
                Ok(()) => Ok(Answer {
                    value,
                    position: self.shared.pair(position),
                }),
                // Durable here; whether it is committed everywhere nobody here can tell.
                Err(_) => Err(WriteError::Unknown),
            },
            Ok(Verdict::Conflict(at)) => return Step::Again(at),
            Ok(Verdict::NotWritten) => return Step::Again(read),
            Ok(Verdict::TooLarge) => return self.gated(read, run, |_| Err(WriteError::TooLarge)).await,
            Ok(Verdict::Unavailable) => Err(WriteError::Unavailable),
            Ok(Verdict::Unknown) => Err(WriteError::Unknown),
            Ok(Verdict::Moving) => Err(WriteError::Moving),
            Ok(Verdict::Ended(end)) => Err(ended(end)),
            Err(error) => Err(error),
        })
    }

    /// A sync write waits for the standbys; an async one for the disk, and for the sync writes that it observed.
    async fn acknowledged(&self, position: Position, read: Position, sync: bool) -> Result<(), End> {
        let gate = &self.shared.gate;
        if sync {
            gate.pass(position).await
        } else {
            gate.pass_async(position, read).await
        }
    }

    async fn hand_over<E>(&self, submitted: Submitted) -> Result<Verdict, WriteError<E>> {
        let (reply, verdict) = oneshot::channel();
        let Submitted {
            read,
            reads,
            writes,
            record,
            events,
            bytes,
            cleared,
            sync,
            log_time_ms,
        } = submitted;
        let max = self.shared.limits.queue_bytes_max;
        let place = Place::take(&self.shared.queue_bytes, bytes, max).ok_or(WriteError::Overloaded)?;
        let submission = Submission {
            read,
            reads,
            writes,
            record,
            events,
            bytes,
            cleared,
            sync,
            log_time_ms,
            place: Some(place),
            reply,
        };
        match self.inbox.try_send(submission) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(WriteError::Overloaded),
            Err(TrySendError::Closed(_)) => return Err(ended(self.shared.gate.end().unwrap_or(End::Closed))),
        }
        // The committer answers everyone; it can only vanish with the whole runtime.
        Ok(verdict.await.unwrap_or(Verdict::Unknown))
    }
}

/// An error of the transaction decides, whatever the closure made of it.
fn failed<T, E: From<TxError>>(failure: TxError, result: Result<T, E>) -> Failed<E> {
    Failed::With(match (failure, result) {
        (TxError::Conflict | TxError::SnapshotExpired, _) => return Failed::Again,
        (TxError::Fenced, _) => WriteError::Fenced,
        (TxError::OutboxFull, _) => WriteError::Overloaded,
        (TxError::Unavailable { .. }, _) => WriteError::Unavailable,
        (_, Err(error)) => WriteError::Rejected(error),
        (TxError::Limit { .. }, Ok(_)) => WriteError::TooLarge,
        (failure, Ok(_)) => WriteError::Rejected(failure.into()),
    })
}

fn ended<E>(end: End) -> WriteError<E> {
    match end {
        End::Fenced => WriteError::Fenced,
        End::Closed | End::Unavailable => WriteError::Unavailable,
    }
}
