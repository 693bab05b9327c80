//! A store batch that is being put together, and what the writer will know once it is durable.

use cell_replica::Head;
use cell_store::{Mutation, WriteBatch};
use platform_model::{Epoch, Position};

use super::index::Indexed;
use super::item::MetaPart;
use super::notes::Base;
use super::payload::Payload;
use super::records::replica_record;
use super::writer::{Failed, Writer};
use crate::applied::Applied;
use crate::entry::EntryKind;
use crate::fence::FenceValue;
use crate::limits::{ENTRY_PART_BYTES, GROUP_BYTES_RESERVED, GROUP_MUTATIONS_MAX, TRIM_KEYS_MAX};

#[derive(Debug, Clone, Default)]
pub(crate) struct Staged {
    pub batch: WriteBatch,
    pub epoch: Option<Epoch>,
    pub applied: Option<Applied>,
    entries: Vec<Indexed>,
    pub base: Option<Base>,
    /// The log continues behind this position.
    truncated: Option<Position>,
    /// Nothing of the log before is left.
    pub reset: bool,
}

impl Staged {
    pub(crate) fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    pub(crate) fn meta(&mut self, writer: &Writer, meta: MetaPart) {
        let keys = &writer.keys;
        self.batch.put(keys.meta.clone(), meta.bytes);
        let incarnation = meta.incarnation.0.to_be_bytes();
        self.batch.put(
            keys.incarnation.clone(),
            bytes::Bytes::copy_from_slice(&incarnation),
        );
        match meta.replica {
            Some(replica) => self.batch.put(keys.replica.clone(), replica_record(replica)),
            None => self.batch.clear(keys.replica.clone()),
        };
        self.epoch = self.epoch.max(Some(meta.epoch));
    }

    /// An entry's parts in the log, and with `apply` its rows.
    pub(crate) fn entry(&mut self, writer: &Writer, payload: &Payload, apply: bool) {
        let keys = &writer.keys;
        let (position, stored) = (payload.head.position, &payload.stored);
        let parts = stored.len().div_ceil(ENTRY_PART_BYTES);
        for part in 0..parts {
            let end = stored.len().min((part + 1) * ENTRY_PART_BYTES);
            self.batch.put(
                keys.log_part(position, part),
                stored.slice(part * ENTRY_PART_BYTES..end),
            );
        }
        self.entries.push(Indexed {
            head: payload.head,
            time_ms: payload.time_ms,
            parts,
            bytes: stored.len(),
        });
        if apply {
            self.apply(writer, payload);
        }
    }

    /// The rows of an entry, and what it says of the log.
    pub(crate) fn apply(&mut self, writer: &Writer, payload: &Payload) {
        for write in &payload.writes {
            self.batch.push(write.clone());
        }
        self.set_applied(payload.applied());
        if let EntryKind::Trim { upto } = payload.kind
            && let Some(base) = writer.index.base_at(upto)
        {
            self.base = Some(base);
        }
    }

    pub(crate) fn set_applied(&mut self, applied: Applied) {
        self.applied = Some(applied);
    }

    pub(crate) fn truncate(&mut self, writer: &Writer, after: Position) {
        for entry in writer.index.past(after) {
            for part in 0..entry.parts {
                self.batch.clear(writer.keys.log_part(entry.head.position, part));
            }
        }
        self.truncated = Some(after);
    }

    pub(crate) fn rows(&mut self, writer: &Writer, rows: &[(bytes::Bytes, bytes::Bytes)]) {
        for (key, value) in rows {
            let key = writer.keys.absolute(key);
            let value = value.clone();
            self.batch.push(Mutation::Put { key, value });
        }
    }

    /// Whether so many bytes and mutations more would be too many for one batch, or for one that is done in time.
    pub(crate) fn is_full_with(&self, writer: &Writer, bytes: usize, mutations: usize) -> bool {
        !self.is_empty()
            && (self.batch.bytes() + bytes + GROUP_BYTES_RESERVED > writer.limits.batch_bytes_max
                || self.batch.len() + mutations > GROUP_MUTATIONS_MAX)
    }
}

impl Writer {
    /// Commits what is staged; from then on the writer knows of it.
    pub(crate) async fn flush(&mut self, staged: &mut Staged) -> Result<(), Failed> {
        if staged.is_empty() {
            return Ok(());
        }
        let mut staged = std::mem::take(staged);
        let base = staged.base.unwrap_or(self.index.base);
        let garbage = if staged.reset || staged.truncated.is_some() {
            Vec::new()
        } else {
            self.index.garbage(base.head.position, TRIM_KEYS_MAX)
        };
        for entry in &garbage {
            for part in 0..entry.parts {
                staged.batch.clear(self.keys.log_part(entry.head.position, part));
            }
        }
        if let Some(base) = staged.base {
            staged.batch.put(self.keys.base.clone(), base.encode());
        }
        if let Some(applied) = &staged.applied {
            staged.batch.put(self.keys.applied.clone(), applied.encode());
        }
        let next = self.next_fence(staged.epoch);
        let batch = std::mem::take(&mut staged.batch);
        self.commit(batch, next).await?;
        self.now_knows(staged, garbage.len());
        Ok(())
    }

    /// The fence names the highest epoch that was followed or led here.
    fn next_fence(&self, epoch: Option<Epoch>) -> Option<FenceValue> {
        let epoch = epoch.filter(|epoch| *epoch > self.fence.epoch)?;
        Some(FenceValue {
            epoch,
            ..self.fence.next_attempt()
        })
    }

    fn now_knows(&mut self, staged: Staged, garbage: usize) {
        if staged.reset {
            self.index = super::index::Index::new(staged.base.unwrap_or_default());
            self.applied = Applied::default();
        }
        self.index.removed_front(garbage);
        if let Some(after) = staged.truncated {
            self.index.truncate(after);
        }
        for entry in staged.entries {
            self.index.push(entry);
        }
        if let Some(base) = staged.base {
            self.index.base = base;
        }
        if let Some(applied) = staged.applied {
            self.applied = applied;
        }
    }

    /// What is applied once the log ends at `after`: as the log says, or its base.
    pub(crate) fn applied_at(&self, after: Position) -> Option<Applied> {
        let of = |head: Head, time_ms| Applied {
            position: head.position,
            term: head.term,
            time_ms,
            chain: head.chain,
        };
        let base = self.index.base;
        if after == base.head.position {
            return Some(of(base.head, base.time_ms));
        }
        self.index.find(after).map(|entry| of(entry.head, entry.time_ms))
    }
}
