//! The committer: the one task of a shard that writes. Each turn it takes all waiting transactions, judges them,
//! commits the winners as one batch and one log entry under the fence, and answers. One batch is in flight at a
//! time, so that nothing is ever validated on a batch that may fail. What it does not know it finds out in `settle`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use cell_store::{CommitError, Fence, WriteBatch};
use platform_model::{Actor, RequestId};
use platform_runtime::CancellationToken;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::applied::Applied;
use crate::buffer::WriteBuffer;
use crate::entry::{self, EntryHead, EntryKind};
use crate::fence::FenceValue;
use crate::gate::End;
use crate::group::{Group, GroupBounds};
use crate::keys::ShardKeys;
use crate::limits::ENTRY_PART_BYTES;
use crate::request::{Mode, Request, Scope};
use crate::shard::{Shared, TermEnd};
use crate::submission::{Submission, Verdict};
use crate::trim::{Kept, LogTrim, TrimStep};
use crate::window::Window;

pub(crate) struct Committer {
    pub shared: Arc<Shared>,
    pub fence: FenceValue,
    /// The end of the log.
    pub last: Applied,
    pub window: Window,
    pub trim: LogTrim,
    pub bounds: GroupBounds,
    pub waiting: VecDeque<Submission>,
}

/// An entry that is ready to be committed.
pub(crate) struct Prepared {
    pub applied: Applied,
    stored: Bytes,
    parts: usize,
    step: Option<TrimStep>,
}

impl Committer {
    /// Serves until it is stopped, fenced or cannot go on; then answers all that wait.
    pub(crate) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Submission>,
        stop: CancellationToken,
        term: TermEnd,
    ) {
        let end = self.serve(&mut inbox, &stop).await;
        tracing::info!(shard = %self.shared.ownership.shard, term = %self.shared.term, end = end.as_str(), "term ended");
        self.shared.gate.finish(end);
        inbox.close();
        while let Ok(submission) = inbox.try_recv() {
            self.waiting.push_back(submission);
        }
        for submission in self.waiting.drain(..) {
            let _ = submission.reply.send(Verdict::Ended(end));
        }
        drop(term);
    }

    async fn serve(&mut self, inbox: &mut mpsc::Receiver<Submission>, stop: &CancellationToken) -> End {
        let mut stopping = false;
        loop {
            // Under load there is always something to receive: the stop is looked for first.
            if !stopping && stop.is_cancelled() {
                stopping = true;
                inbox.close();
            }
            while self.waiting.is_empty() {
                tokio::select! {
                    biased;
                    () = stop.cancelled(), if !stopping => {
                        stopping = true;
                        inbox.close();
                    }
                    submission = inbox.recv() => match submission {
                        Some(submission) => self.waiting.push_back(submission),
                        None => return self.shared.gate.end().unwrap_or(End::Closed),
                    },
                }
            }
            // Who were answered together come again one after the other: all of them before the group is closed.
            tokio::task::yield_now().await;
            while self.waiting.len() < self.bounds.transactions
                && let Ok(submission) = inbox.try_recv()
            {
                self.waiting.push_back(submission);
            }
            self.shared.meter.queue.set(inbox.len() as f64);
            if let Err(end) = self.turn().await {
                return end;
            }
        }
    }

    /// One group from what waits, committed and answered.
    pub(crate) async fn turn(&mut self) -> Result<(), End> {
        let mut group = Group::new(self.last.position.next());
        while let Some(submission) = self.waiting.pop_front() {
            if !group.fits(&submission, &self.bounds) {
                self.waiting.push_front(submission);
                break;
            }
            if group.judge(submission, &mut self.window, &self.shared.plant) {
                self.shared.meter.conflicts.increment(1);
            }
        }
        if group.is_empty() {
            Ok(())
        } else {
            self.commit(group).await
        }
    }

    async fn commit(&mut self, mut group: Group) -> Result<(), End> {
        let epoch = self.shared.term.epoch;
        let posted = group.post(&self.shared.keys, epoch, &mut self.window);
        self.shared.note_bridged(group.position, !posted.is_empty());
        // What comes of the batch is not known yet: whoever waits for these looks for them once they are committed.
        self.shared
            .emissions
            .passed_over(group.position, !posted.is_empty());
        self.shared.plant.expose(&group.writes);
        let (prepared, batch) = self.prepare(&mut group);
        if self.shared.plant.answers_early() {
            self.shared.gate.durable(group.position);
            group.answer(Verdict::Committed(group.position));
            self.shared.clock.sleep(self.shared.plant.write_delay()).await;
        }
        let began = self.shared.clock.monotonic();
        let mut fences = vec![Fence::equals(self.shared.keys.fence.clone(), self.fence.encode())];
        if self.shared.plant.skips_fence() {
            fences.clear();
        }
        let outcome = self.shared.store.commit(batch, fences).await;
        self.shared
            .meter
            .commit_seconds
            .record((self.shared.clock.monotonic() - began).as_secs_f64());
        self.shared.plant.hide();
        match outcome {
            Ok(()) => self.committed(group, prepared),
            Err(error) => return self.failed(group, prepared, error).await,
        }
        Ok(())
    }

    /// Builds the batch: data, entry, trim step, `applied`. Takes the group's writes.
    fn prepare(&self, group: &mut Group) -> (Prepared, WriteBatch) {
        let keys = &self.shared.keys;
        let step = self.trim.step();
        if let Some(step) = &step {
            let mut writes = WriteBuffer::default();
            writes.set(keys.trim.clone(), Some(step.to.encode()));
            let record = own_record(&self.shared, &writes);
            group.append(writes, record);
        }
        // Not below what a member went by: the clock may have gone back since.
        let time_ms = self
            .shared
            .log_clock
            .now_ms(&self.shared.plant)
            .max(self.last.time_ms)
            .max(group.time_ms);
        let head = EntryHead {
            position: group.position,
            term: self.shared.term,
            time_ms,
            kind: EntryKind::Data,
        };
        let (stored, chain) = entry::seal(&head, &group.records, self.last.chain);
        let applied = Applied {
            position: head.position,
            term: head.term,
            time_ms,
            chain,
        };
        let mut batch = WriteBatch::new();
        for mutation in std::mem::take(&mut group.writes).into_mutations() {
            batch.push(mutation);
        }
        let parts = stored.len().div_ceil(ENTRY_PART_BYTES);
        for part in 0..parts {
            let end = stored.len().min((part + 1) * ENTRY_PART_BYTES);
            batch.put(
                keys.log_part(head.position, part),
                stored.slice(part * ENTRY_PART_BYTES..end),
            );
        }
        for kept in step.iter().flat_map(|step| &step.entries) {
            for part in 0..kept.parts {
                batch.clear(keys.log_part(kept.position, part));
            }
        }
        batch.put(keys.applied.clone(), applied.encode());
        (
            Prepared {
                applied,
                stored,
                parts,
                step,
            },
            batch,
        )
    }

    /// The group is durable: it is the state now, and its members are answered.
    pub(crate) fn committed(&mut self, mut group: Group, prepared: Prepared) {
        let Prepared {
            applied,
            stored,
            parts,
            step,
        } = prepared;
        self.last = applied;
        self.trim.note(Kept {
            position: applied.position,
            chain: applied.chain,
            parts,
            bytes: stored.len(),
        });
        if let Some(step) = step {
            self.trim.done(&step);
            self.shared.trimmed.store(step.to.position.0, Ordering::Relaxed);
        }
        self.shared.log_clock.committed(applied.time_ms);
        if !self.shared.plant.holds_gate() {
            self.shared.gate.durable(applied.position);
        }
        self.shared.meter.committed.increment(group.winners() as u64);
        self.shared.meter.group.record(group.winners() as f64);
        group.answer(Verdict::Committed(applied.position));
        self.window.shrink();
    }

    async fn failed(&mut self, mut group: Group, prepared: Prepared, error: CommitError) -> Result<(), End> {
        self.shared.meter.failed.increment(1);
        tracing::warn!(shard = %self.shared.ownership.shard, position = %group.position, %error, "a commit failed");
        match error {
            CommitError::Unknown { .. } => return self.settle(group, prepared).await,
            CommitError::Fenced { .. } => {
                group.answer(Verdict::Ended(End::Fenced));
                return Err(End::Fenced);
            }
            CommitError::TooLarge { .. } | CommitError::Invalid { .. } => group.answer(Verdict::TooLarge),
            CommitError::Unavailable { .. } => group.answer(Verdict::Unavailable),
        }
        self.discard();
        Ok(())
    }

    /// What the window says of the group that failed is wrong: it begins anew from the end of the log.
    pub(crate) fn discard(&mut self) {
        self.window.reset(self.last.position);
    }
}

/// A record by which the shard itself writes: its term, a trim step.
pub(crate) fn own_record(shared: &Shared, writes: &WriteBuffer) -> Bytes {
    own_record_of(&shared.keys, writes)
}

/// As [`own_record`], where no term serves.
pub(crate) fn own_record_of(keys: &ShardKeys, writes: &WriteBuffer) -> Bytes {
    let request = Request {
        actor: Actor::Service("shard".to_owned()),
        domain: "shard",
        request_id: RequestId::from_uuid(Uuid::nil()),
        mode: Mode::Sync,
        scope: Scope::Shared("shard"),
        not_older_than: None,
        deadline: std::time::Duration::ZERO,
    };
    entry::encode_transaction(keys, &request, Mode::Sync, writes, &[])
}
