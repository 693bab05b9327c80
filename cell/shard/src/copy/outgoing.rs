//! Frames on their way out. Entries go as they are stored: from the cache of recent ones, or read from the store first;
//! then later frames of entries to that node wait behind them, for a standby takes entries in order only.

use std::sync::Arc;

use bytes::Bytes;
use cell_replica::frame::Ask;
use cell_replica::{Frame, Head, Message, NodeKey};
use platform_model::Position;

use super::codec::{Extra, encode, encode_entries};
use super::content::ShardContent;
use super::core::Core;
use super::faults;
use super::inner::Inner;
use super::job::EntriesJob;
use super::settings::FrameKind;
use crate::log::LogScan;

/// Bytes of entries in one frame, unless one alone is larger.
const FRAME_BYTES: usize = 1024 * 1024;

/// Entries of one message, with their addresses.
#[derive(Debug)]
pub(crate) struct Run {
    /// Without its entries.
    pub header: Frame<ShardContent>,
    pub ask: Ask,
    pub heads: Vec<Head>,
    /// The chain in front of the first.
    pub before: u64,
}

impl Core {
    pub(crate) fn send(&mut self, to: NodeKey, frame: Frame<ShardContent>) {
        match frame.message {
            Message::Append { ask, ref entries } => {
                let run = Run {
                    ask,
                    before: entries.first().map_or(0, |entry| entry.before),
                    heads: entries.iter().map(|entry| entry.head).collect(),
                    header: Frame {
                        message: Message::Leaving,
                        ..frame
                    },
                };
                self.send_run(to, run);
            }
            Message::FetchPage { chunk } => {
                let start = match chunk {
                    0 => Bytes::new(),
                    _ if chunk == self.chunk.chunk => self.chunk.start.clone(),
                    _ => return,
                };
                let extra = Extra { time_ms: 0, start };
                self.send_encoded(to, &frame, &extra);
            }
            Message::CopyBase { .. } => {
                let extra = Extra {
                    time_ms: self.time_ms,
                    start: Bytes::new(),
                };
                self.send_encoded(to, &frame, &extra);
            }
            _ => self.send_encoded(to, &frame, &Extra::default()),
        }
    }

    fn send_encoded(&self, to: NodeKey, frame: &Frame<ShardContent>, extra: &Extra) {
        let bytes = encode(frame, &self.nodes, extra);
        let kind = match frame.message {
            Message::Page { .. } | Message::Restored { .. } | Message::FetchKeys { .. } => FrameKind::Pages,
            _ => FrameKind::Prompt,
        };
        self.post(to, kind, bytes);
    }

    fn post(&self, to: NodeKey, kind: FrameKind, bytes: Bytes) {
        if let Some(node) = self.nodes.name(to) {
            self.peers.send(node, &self.settings.shard, kind, bytes);
        }
    }

    fn send_run(&mut self, to: NodeKey, run: Run) {
        let waits = self.reading.get(&to).is_some_and(|count| *count > 0);
        let cached: Option<Vec<Bytes>> = run
            .heads
            .iter()
            .map(|head| self.recent.get(*head).cloned())
            .collect();
        match cached.filter(|_| !waits && faults::keeps_entries().is_none()) {
            Some(stored) => self.send_stored(to, &run, stored),
            None => {
                let due = self.clock.monotonic() + faults::keeps_entries().unwrap_or_default();
                if self.entry_jobs.try_send(EntriesJob { to, run, due }).is_ok() {
                    *self.reading.entry(to).or_default() += 1;
                } else {
                    metrics::counter!("shard_copy_jobs_dropped_total").increment(1);
                }
            }
        }
    }

    /// In frames of bounded size, each with the same question.
    fn send_stored(&self, to: NodeKey, run: &Run, stored: Vec<Bytes>) {
        let mut before = run.before;
        let (mut part, mut bytes) = (Vec::new(), 0);
        let mut last = before;
        for (head, entry) in run.heads.iter().zip(stored) {
            if !part.is_empty() && bytes + entry.len() > FRAME_BYTES {
                let frame = encode_entries(
                    &run.header,
                    &self.nodes,
                    run.ask,
                    before,
                    std::mem::take(&mut part),
                );
                self.post(to, FrameKind::Entries, frame);
                (before, bytes) = (last, 0);
            }
            bytes += entry.len();
            part.push(entry);
            last = head.chain;
        }
        if !part.is_empty() {
            let frame = encode_entries(&run.header, &self.nodes, run.ask, before, part);
            self.post(to, FrameKind::Entries, frame);
        }
    }
}

/// Reads entries from the store and sends them.
pub(crate) async fn send_from_store(inner: &Arc<Inner>, job: EntriesJob) {
    let EntriesJob { to, run, due } = job;
    let early = due.saturating_sub(inner.clock.monotonic());
    if !early.is_zero() {
        inner.clock.sleep(early).await;
    }
    if let Some(stored) = read(inner, &run).await {
        inner.core.lock().send_stored(to, &run, stored);
    }
    let mut core = inner.core.lock();
    if let Some(count) = core.reading.get_mut(&to) {
        *count = count.saturating_sub(1);
    }
}

/// The stored bytes of a run; none if the log has changed since.
async fn read(inner: &Inner, run: &Run) -> Option<Vec<Bytes>> {
    let (first, last) = (run.heads.first()?, run.heads.last()?);
    let snapshot = inner.store.snapshot().await.ok()?;
    let after = Position(first.position.0 - 1);
    let mut scan = LogScan::new(snapshot, &inner.keys, after, last.position, Some(run.before));
    let mut stored = Vec::with_capacity(run.heads.len());
    while let Some((bytes, _)) = scan.next_with_bytes().await.ok()? {
        stored.push(bytes);
    }
    (stored.len() == run.heads.len()).then_some(stored)
}
