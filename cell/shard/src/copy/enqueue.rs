//! The machine's batches in the writer's shape, and entries that the copy itself seals.

use bytes::Bytes;
use cell_replica::action::Write;
use cell_replica::{Body, Entry, Event, Meta, Ticket};
use cell_store::Mutation;

use super::content::{Handle, ShardContent};
use super::core::Core;
use super::item::{Item, MetaPart, Part};
use super::notes::ChunkStart;
use super::payload::Payload;
use super::stored::encode_meta;
use crate::buffer::WriteBuffer;
use crate::committer::own_record_of;
use crate::entry::{self, EntryHead, EntryKind};
use crate::trim::TrimState;

impl Core {
    pub(crate) fn enqueue(&mut self, ticket: Ticket, writes: Vec<Write<ShardContent>>) {
        let last_page = writes
            .iter()
            .any(|write| matches!(write, Write::ApplyStored { .. }));
        let wiping = self.nothing(&writes);
        let mut parts = Vec::with_capacity(writes.len());
        for write in writes {
            match write {
                Write::Meta(meta) => parts.push(Part::Meta(self.meta_part(&meta))),
                Write::Entry { entry, apply } => {
                    if let Some(part) = self.entry_part(&entry, apply) {
                        parts.push(part);
                    }
                }
                Write::Truncate { after } => {
                    self.recent.clear();
                    self.lag.clear();
                    parts.push(Part::Truncate { after });
                }
                Write::Reset { base } => {
                    self.chunk = ChunkStart::default();
                    self.recent.clear();
                    self.lag.clear();
                    let (wiping, erases) = (wiping.clone(), self.erasing.take());
                    parts.push(Part::Reset { base, wiping, erases });
                }
                Write::Page { chunk, page } => {
                    self.time_ms = self.time_ms.max(page.time_ms);
                    self.pace.copied(page.bytes() as u64, page.left_bytes);
                    let next = ChunkStart {
                        chunk: chunk + 1,
                        start: page.ranges.last().map(|(_, end)| end.clone()).unwrap_or_default(),
                        bytes: self.chunk.bytes + page.bytes() as u64,
                    };
                    if !last_page {
                        self.chunk = next.clone();
                    }
                    let next = (!last_page).then_some(next);
                    parts.push(Part::Page { rows: page, next });
                }
                Write::Restore { page } => {
                    self.time_ms = self.time_ms.max(page.time_ms);
                    parts.push(Part::Restore { rows: page });
                }
                Write::ApplyStored { after } => parts.push(Part::ApplyStored { after }),
            }
        }
        let item = Item::Batch { ticket, parts };
        self.item_bytes += item.bytes();
        self.items.push_back(item);
    }

    /// What a copy is while its rows are being removed: it has no name, and remembers its orders and promises.
    fn nothing(&self, writes: &[Write<ShardContent>]) -> Bytes {
        let reset = writes.iter().any(|write| matches!(write, Write::Reset { .. }));
        let meta = writes.iter().find_map(|write| match write {
            Write::Meta(meta) => Some(meta),
            _ => None,
        });
        let Some(meta) = meta.filter(|_| reset) else {
            return Bytes::new();
        };
        let nothing = Meta {
            order: meta.order,
            lease_micros_max: meta.lease_micros_max,
            config: meta.config.clone(),
            ..Meta::default()
        };
        encode_meta(&nothing, &self.nodes)
    }

    fn meta_part(&self, meta: &Meta) -> MetaPart {
        MetaPart {
            bytes: encode_meta(meta, &self.nodes),
            epoch: meta.term.epoch,
            incarnation: meta.incarnation,
            replica: meta.replica,
        }
    }

    fn entry_part(&mut self, entry: &Entry<ShardContent>, apply: bool) -> Option<Part> {
        let position = entry.head.position;
        let found = self
            .arriving
            .remove(&position)
            .filter(|payload| payload.head == entry.head);
        let Some(payload) = found else {
            // The machine took what nobody brought: nothing that is sealed here or comes in can lead to it.
            tracing::error!(shard = %self.settings.shard, %position, "an entry without its bytes");
            self.failed = true;
            return None;
        };
        self.time_ms = self.time_ms.max(payload.time_ms);
        if payload.kind == EntryKind::Term {
            self.history.begin(payload.head.term.epoch, position);
        }
        if self.machine.term().is_some() {
            self.recent.push(payload.head, payload.stored.clone());
            self.lag.push(self.now(), position, payload.stored.len());
        }
        Some(Part::Entry { payload, apply })
    }

    /// Seals an entry of the copy's own at the tail.
    pub(crate) fn seal_own(&mut self, body: Body<ShardContent>) {
        let position = self.machine.tail().position.next();
        let mut writes = WriteBuffer::default();
        let kind = match body {
            Body::Term => {
                self.note_epoch(position, &mut writes);
                EntryKind::Term
            }
            Body::Trim(upto) => {
                let Some(head) = self.machine.log().head(upto) else {
                    return;
                };
                let state = TrimState {
                    position: upto,
                    chain: head.chain,
                    term: Some(head.term),
                };
                writes.set(self.keys.trim.clone(), Some(state.encode()));
                EntryKind::Trim { upto }
            }
            Body::Barrier { chunk } => match self.verification.range(chunk) {
                Some((start, end)) => EntryKind::Barrier { chunk, start, end },
                None => return,
            },
            Body::Data(_) => return,
        };
        let mut records = Vec::new();
        if !writes.is_empty() {
            records.push(own_record_of(&self.keys, &writes));
        }
        let writes = writes.into_mutations().collect();
        if let Err(refusal) = self.seal(kind, &records, writes, false, 0) {
            tracing::warn!(shard = %self.settings.shard, %refusal, "an entry of the shard's own was refused");
        }
    }

    /// The `term` entry is also the record of the epoch history.
    fn note_epoch(&self, start: platform_model::Position, writes: &mut WriteBuffer) {
        let Some(term) = self.machine.term() else { return };
        let mut history = self.history.clone();
        for epoch in history.begin(term.epoch, start) {
            writes.set(self.keys.epoch(epoch), None);
        }
        if history.start_of(term.epoch) == Some(start) {
            let value = Bytes::copy_from_slice(&start.0.to_be_bytes());
            writes.set(self.keys.epoch(term.epoch), Some(value));
        }
    }

    /// Seals an entry at the tail and hands it to the machine.
    pub(crate) fn seal(
        &mut self,
        kind: EntryKind,
        records: &[Bytes],
        writes: Vec<Mutation>,
        sync: bool,
        not_before_ms: u64,
    ) -> Result<cell_replica::Head, cell_replica::Refusal> {
        let tail = self.machine.tail();
        let term = self.machine.term().unwrap_or_default();
        let time_ms = self.log_time_ms().max(self.time_ms).max(not_before_ms);
        let head = EntryHead {
            position: tail.position.next(),
            term,
            time_ms,
            kind,
        };
        let (stored, chain) = entry::seal(&head, records, tail.chain);
        let machine_head = cell_replica::Head {
            position: head.position,
            term,
            chain,
        };
        let body = match &head.kind {
            EntryKind::Data => Body::Data(Handle {
                bytes: u32::try_from(stored.len()).unwrap_or(u32::MAX),
                sync,
            }),
            EntryKind::Term => Body::Term,
            EntryKind::Trim { upto } => Body::Trim(*upto),
            EntryKind::Barrier { chunk, .. } => Body::Barrier { chunk: *chunk },
        };
        let entry = Entry {
            head: machine_head,
            before: tail.chain,
            body,
        };
        let payload = Payload {
            head: machine_head,
            stored,
            time_ms,
            kind: head.kind,
            writes,
        };
        if sync && let Some(term) = &self.term {
            term.gate.note_sync(machine_head.position);
        }
        self.arriving.insert(machine_head.position, payload);
        let outcome = self.step(Event::Append(entry));
        self.arriving.remove(&machine_head.position);
        if outcome.is_ok()
            && let Some(term) = &self.term
        {
            term.log_clock.committed(time_ms);
        }
        outcome.map(|()| machine_head)
    }

    fn log_time_ms(&self) -> u64 {
        match &self.term {
            Some(term) => term.log_clock.now_ms(&term.plant),
            None => self.clock.unix_ms(),
        }
    }
}
