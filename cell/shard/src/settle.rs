//! What the committer does when the store answered `Unknown`: it sends no other batch until it knows.
//!
//! It commits a batch that changes only the attempt in the fence. Once that is `Ok`, the batch in question is in
//! the log or can never be, for it was sent under the attempt before; then the end of the log tells which.

use std::time::Duration;

use cell_store::{CommitError, Fence, WriteBatch};

use crate::applied::Applied;
use crate::committer::{Committer, Prepared};
use crate::fence::FenceValue;
use crate::gate::End;
use crate::group::Group;
use crate::log::LogScan;
use crate::submission::Verdict;

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Written,
    NotWritten,
}

impl Committer {
    /// Finds out what became of a group and answers its members truthfully; `Unknown` only if that fails.
    pub(crate) async fn settle(&mut self, mut group: Group, prepared: Prepared) -> Result<(), End> {
        self.shared.meter.unknown.increment(1);
        let deadline = self.shared.clock.monotonic() + self.shared.limits.settle_max;
        let fence = if self.shared.plant.skips_attempt() {
            Ok(self.fence.clone())
        } else {
            self.raise_attempt(deadline).await
        };
        let outcome = match &fence {
            Ok(_) | Err(End::Fenced) => self.read_outcome(&prepared.applied, deadline).await,
            Err(_) => None,
        };
        match outcome {
            None => {
                group.answer(Verdict::Unknown);
                Err(fence.err().unwrap_or(End::Unavailable))
            }
            Some(Outcome::Written) => {
                self.committed(group, prepared);
                fence.map(|fence| self.fence = fence)
            }
            Some(Outcome::NotWritten) => {
                group.answer(Verdict::NotWritten);
                self.discard();
                fence.map(|fence| self.fence = fence)
            }
        }
    }

    /// Commits a new attempt. Only an `Ok` counts: what is merely seen in the store may be followed by what is
    /// still under way.
    async fn raise_attempt(&self, deadline: Duration) -> Result<FenceValue, End> {
        let key = &self.shared.keys.fence;
        let mut standing = self.fence.clone();
        let mut next = standing.next_attempt();
        while self.shared.clock.monotonic() < deadline {
            let mut batch = WriteBatch::new();
            batch.put(key.clone(), next.encode());
            match self
                .shared
                .store
                .commit(batch, vec![Fence::equals(key.clone(), standing.encode())])
                .await
            {
                Ok(()) => return Ok(next),
                Err(CommitError::Fenced { found, .. }) => {
                    // An attempt of this very term may have landed after its `Unknown`; anything else is a taker.
                    let found = found.as_deref().and_then(FenceValue::decode);
                    standing = found
                        .filter(|found| found.is_attempt_after(&standing))
                        .ok_or(End::Fenced)?;
                }
                Err(CommitError::Unknown { .. } | CommitError::Unavailable { .. }) => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(CommitError::TooLarge { .. } | CommitError::Invalid { .. }) => {
                    return Err(End::Unavailable);
                }
            }
            next = next.next_attempt();
        }
        Err(End::Unavailable)
    }

    /// Reads the end of the log. The fence has moved, so what it says of the entry is final.
    async fn read_outcome(&self, entry: &Applied, deadline: Duration) -> Option<Outcome> {
        while self.shared.clock.monotonic() < deadline {
            if let Some(outcome) = self.try_read_outcome(entry).await {
                return Some(outcome);
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    async fn try_read_outcome(&self, entry: &Applied) -> Option<Outcome> {
        let keys = &self.shared.keys;
        let snapshot = self.shared.store.snapshot().await.ok()?;
        let applied = match snapshot.get(&keys.applied).await.ok()? {
            Some(bytes) => Applied::decode(&bytes)?,
            None => Applied::default(),
        };
        if applied.position < entry.position {
            return Some(Outcome::NotWritten);
        }
        if applied.position == entry.position {
            return Some(if applied == *entry {
                Outcome::Written
            } else {
                Outcome::NotWritten
            });
        }
        // A taker has gone on: its log tells whether the entry was there before it came.
        let mut scan = LogScan::new(
            snapshot,
            keys,
            self.last.position,
            entry.position,
            Some(self.last.chain),
        );
        let found = scan.next().await.ok()??;
        Some(if found.entry.chain == entry.chain {
            Outcome::Written
        } else {
            Outcome::NotWritten
        })
    }
}
