//! Verification: the keys in chunks, each digested by every copy from the state just after one entry of the log. The
//! primary chooses where a chunk ends as it walks; the entry carries the range.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cell_replica::report::Report;
use cell_replica::{Event, Peer, PeerPhase, Role};
use cell_store::{Snapshot, SnapshotError};
use platform_model::{Position, ReplicaId, Term};
use platform_runtime::background;
use xxhash_rust::xxh3::Xxh3;

use super::core::Core;
use super::inner::Inner;
use super::item::ToDigest;
use super::job::Job;
use super::pages::{PAGE_BYTES, page};
use super::told::Told;
use crate::keys::ShardKeys;
use crate::walk::Walk;

/// Keys and values of one chunk, about.
const CHUNK_BYTES: usize = 3 * 1024 * 1024;
/// A chunk whose snapshot ended before it was read is halved, so often at most.
const HALVINGS_MAX: u32 = 4;
/// So long any engine keeps a snapshot. A standby whose snapshot ends before it has digested a chunk tells nobody.
const SNAPSHOT_LIFE_MIN: Duration = Duration::from_secs(5);
/// A verification that has not got on for so long is begun again when it is asked for.
const STUCK: Duration = Duration::from_secs(20);
/// Chunks by which the primary is ahead of the slowest standby that follows.
const AHEAD_MAX: u32 = 16;

/// The verification that is under way on a primary.
#[derive(Debug, Default)]
pub(crate) struct Verification {
    term: Term,
    running: bool,
    /// The chunk whose barrier is to be sealed.
    next: Option<(u32, Bytes, Bytes)>,
    /// Of the barrier of the first chunk.
    began_at: Position,
    /// The newest chunk whose own digest is known.
    own: Option<u32>,
    /// The end of the next chunk is sought.
    measuring: bool,
    /// Chunks in all, once the end was seen.
    of: Option<u32>,
    /// When it last got on.
    moved: Duration,
    /// How often chunks were halved.
    halvings: u32,
}

impl Verification {
    /// The range of the chunk that is about to be sealed.
    pub(crate) fn range(&self, chunk: u32) -> Option<(Bytes, Bytes)> {
        let (next, start, end) = self.next.as_ref()?;
        (*next == chunk).then(|| (start.clone(), end.clone()))
    }

    fn chunk_bytes(&self) -> usize {
        CHUNK_BYTES >> self.halvings
    }

    fn halve(&mut self) {
        self.halvings = (self.halvings + 1).min(HALVINGS_MAX);
    }

    /// The snapshot of a chunk ended before it was digested here. Where a smaller one begins in its place; none, if it is not
    /// of this round, or nobody leads here.
    fn expired(&mut self, chunk: u32) -> Option<Bytes> {
        let (_, start, _) = self.next.as_ref().filter(|(next, ..)| *next == chunk)?;
        let start = start.clone();
        if !self.running || self.measuring {
            return None;
        }
        self.halve();
        self.measuring = true;
        // Its end may have been the end of all.
        self.of = None;
        Some(start)
    }
}

impl Core {
    /// Begins to verify all chunks, unless that is under way in this term.
    pub(crate) fn verify(&mut self) {
        let Some(term) = self.machine.term().filter(|_| self.term.is_some()) else {
            return;
        };
        let now = self.clock.monotonic();
        let stuck = now.saturating_sub(self.verification.moved) > STUCK;
        if self.verification.running && self.verification.term == term && !stuck {
            return;
        }
        self.verification = Verification {
            term,
            running: true,
            moved: now,
            halvings: self.halvings_next(term, now),
            ..Verification::default()
        };
        let start = Bytes::new();
        self.job(Job::Measure { chunk: 0, start });
    }

    /// Chunks of the next round are smaller, if the one before it in this term rests without an end: a standby's snapshots may
    /// have ended too early.
    fn halvings_next(&mut self, term: Term, now: Duration) -> u32 {
        if self.verification.term != term {
            return 0;
        }
        let least = self.least_verified();
        let is_whole = |of: u32| least.is_none_or(|least| least >= of);
        let rests = now.saturating_sub(self.verification.moved) >= SNAPSHOT_LIFE_MIN;
        if rests && !self.verification.of.is_some_and(is_whole) {
            self.verification.halve();
        }
        self.verification.halvings
    }

    fn expired(&mut self, chunk: u32) {
        metrics::counter!("shard_chunks_expired_total").increment(1);
        if let Some(start) = self.verification.expired(chunk) {
            self.job(Job::Measure { chunk, start });
        }
    }

    fn measured(&mut self, chunk: u32, start: Bytes, end: Bytes, last: bool) {
        let verification = &mut self.verification;
        if !verification.running || self.machine.term() != Some(verification.term) {
            return;
        }
        verification.measuring = false;
        verification.next = Some((chunk, start, end));
        verification.moved = self.clock.monotonic();
        if chunk == 0 {
            verification.began_at = self.machine.tail().position.next();
        }
        if last {
            verification.of = Some(chunk + 1);
        }
        if self.step(Event::Verify { chunk }).is_err() {
            // No lease for the moment, or the shard moves: whoever wants it asks again.
            self.verification.running = false;
        }
    }

    /// On with the next chunk, once the own digest of this one is known and no standby is far behind: a primary remembers
    /// a bounded number of barriers.
    fn verify_on(&mut self) {
        let verification = &self.verification;
        let Some(own) = verification.own.filter(|_| verification.running) else {
            return;
        };
        let Some((chunk, _, end)) = verification.next.clone().filter(|(chunk, ..)| *chunk == own) else {
            return;
        };
        if verification.of == Some(chunk + 1) {
            self.verification.running = false;
            return;
        }
        let behind = self
            .least_verified()
            .is_some_and(|least| least + AHEAD_MAX < chunk);
        if behind || verification.measuring {
            return;
        }
        self.verification.measuring = true;
        self.job(Job::Measure {
            chunk: chunk + 1,
            start: end,
        });
    }

    /// Chunks of this round that every standby that follows has been judged by.
    fn least_verified(&self) -> Option<u32> {
        let Role::Primary(primary) = self.machine.role() else {
            return None;
        };
        let follows = |peer: &&Peer| peer.whole && peer.phase == PeerPhase::Streaming;
        primary
            .peers
            .iter()
            .filter(follows)
            .map(|peer| self.verified(peer))
            .min()
    }

    fn verified(&self, peer: &Peer) -> u32 {
        let began_at = self.verification.began_at;
        let since = peer
            .verified
            .iter()
            .filter(|(_, position, _)| *position >= began_at);
        u32::try_from(since.count()).unwrap_or(u32::MAX)
    }

    pub(crate) fn tell_report(&mut self, report: Report) {
        match report {
            Report::Unusable { replica, why } => self.tell(Told::Unusable { replica, why }),
            Report::CutOff { replica, fork, end } => self.tell(Told::CutOff { replica, fork, end }),
            Report::Mismatch {
                replica,
                chunk,
                position,
            } => self.tell(Told::Mismatch {
                replica,
                chunk,
                position,
            }),
            Report::Certified { replica, term, .. } => self.tell_certified(replica, term),
        }
    }

    /// Counts the chunks of this round only.
    fn tell_certified(&mut self, replica: ReplicaId, term: Term) {
        let Role::Primary(primary) = self.machine.role() else {
            return;
        };
        let Some(peer) = primary.peer(replica) else { return };
        self.tell(Told::Certified {
            replica,
            term,
            chunks: self.verified(peer),
            of: self.verification.of.unwrap_or(0),
        });
        self.verify_on();
    }
}

/// Finds where a chunk ends.
pub(crate) async fn measure(inner: &Arc<Inner>, chunk: u32, start: Bytes) {
    let (bytes, hold) = {
        let mut core = inner.core.lock();
        let bytes = core.verification.chunk_bytes();
        let hold = core.pace.hold_page(inner.clock.monotonic(), bytes as u64);
        (bytes, hold)
    };
    inner.clock.sleep(hold).await;
    let Some((snapshot, _)) = inner.snapshot().await else {
        return stop(inner);
    };
    let (shared, from) = (Arc::clone(inner), start.clone());
    let found = background::run(async move { end_of_chunk(&*snapshot, &shared.keys, from, bytes).await });
    let Some(Ok((end, last))) = found.await else {
        return stop(inner);
    };
    inner.core.lock().measured(chunk, start, end, last);
}

/// Where about `bytes_max` of rows end, and whether nothing is behind them.
async fn end_of_chunk(
    snapshot: &dyn Snapshot,
    keys: &ShardKeys,
    mut from: Bytes,
    bytes_max: usize,
) -> Result<(Bytes, bool), SnapshotError> {
    let (mut bytes, mut last) = (0, false);
    while bytes < bytes_max && !last {
        let (rows, end) = page(snapshot, keys, from, PAGE_BYTES.min(bytes_max)).await?;
        bytes += rows.bytes();
        last = end;
        from = rows.ranges.last().map(|(_, end)| end.clone()).unwrap_or_default();
    }
    Ok((from, last))
}

fn stop(inner: &Inner) {
    inner.core.lock().verification.running = false;
}

/// Digests a chunk from the snapshot that was opened just after its barrier.
pub(crate) async fn digest(inner: &Arc<Inner>, chunk: ToDigest) {
    let shared = Arc::clone(inner);
    let ToDigest {
        snapshot, start, end, ..
    } = chunk;
    let digested = background::run(async move { digest_of(&*snapshot, &shared.keys, &start, &end).await });
    let digest = match digested.await {
        Some(Ok(digest)) => digest,
        // It waited for too long, beside whatever else is long work here.
        Some(Err(SnapshotError::Expired)) => return inner.core.lock().expired(chunk.chunk),
        Some(Err(_)) | None => return,
    };
    let mut core = inner.core.lock();
    let event = Event::Digested {
        chunk: chunk.chunk,
        position: chunk.position,
        digest,
    };
    // Refused by a copy that is not whole, or where the barrier is of a term before.
    let _ = core.step(event);
    core.verification.own = Some(chunk.chunk);
    core.verify_on();
}

/// A key without the shard in front, and its value, each with its length.
pub(crate) fn hash_row(hasher: &mut Xxh3, key: &[u8], value: &[u8]) {
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(&(value.len() as u64).to_le_bytes());
    hasher.update(value);
}

/// Every row of a range.
pub(crate) async fn digest_of(
    snapshot: &dyn Snapshot,
    keys: &ShardKeys,
    start: &[u8],
    end: &[u8],
) -> Result<u64, SnapshotError> {
    let mut hasher = Xxh3::new();
    for range in keys.replicated_in(start, end) {
        let mut walk = Walk::new(snapshot, range);
        while let Some(rows) = walk.next(usize::MAX).await? {
            for (key, value) in &rows {
                hash_row(&mut hasher, &keys.relative(key), value);
            }
        }
    }
    Ok(hasher.digest())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under_way() -> Verification {
        Verification {
            running: true,
            next: Some((3, "m".into(), "z".into())),
            own: Some(2),
            of: Some(4),
            ..Verification::default()
        }
    }

    /// The planted omission: each chunk is asked for again as large as it was, and never digested.
    #[test]
    fn a_chunk_that_took_longer_than_its_snapshot_lives_is_measured_anew_and_smaller() {
        let mut round = under_way();
        assert_eq!(round.expired(3), Some("m".into()));
        assert_eq!(round.chunk_bytes(), CHUNK_BYTES / 2);
        assert_eq!(round.of, None, "there are more chunks now");
        assert_eq!(round.expired(3), None, "it is sought already");
        for _ in 0..100 {
            round.measuring = false;
            assert!(round.expired(3).is_some());
        }
        assert_eq!(round.chunk_bytes(), CHUNK_BYTES >> HALVINGS_MAX);
    }

    #[test]
    fn a_chunk_of_another_round_or_of_a_standby_is_measured_by_nobody() {
        assert_eq!(under_way().expired(2), None);
        assert_eq!(Verification::default().expired(3), None);
        let mut over = under_way();
        over.running = false;
        assert_eq!(over.expired(3), None);
        assert_eq!(over.chunk_bytes(), CHUNK_BYTES);
    }
}
