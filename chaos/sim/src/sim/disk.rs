//! A simulated disk: batches become durable in order, several with one flush; a crash loses what was not.

use std::collections::VecDeque;

use cell_replica::{Body, Durable, Log, Meta, Ticket, Upkeep, Write};
use platform_model::Position;

use super::content::{KEYS, Rows, SimContent, SimEntry, apply, chunk_mask, digest};

type Writes = Vec<Write<SimContent>>;

/// What is durable.
#[derive(Debug, Clone)]
pub struct Image {
    pub meta: Meta,
    pub log: Log<SimContent>,
    pub rows: [u64; KEYS],
    /// Who wrote each row last, as far as this disk saw.
    pub writers: [Writer; KEYS],
}

/// The last write of a row.
#[derive(Debug, Clone, Copy, Default)]
pub struct Writer {
    pub position: u64,
    pub chain: u64,
    pub sync: bool,
}

impl Default for Image {
    fn default() -> Self {
        Self {
            meta: Meta::default(),
            log: Log::default(),
            rows: [0; KEYS],
            writers: [Writer::default(); KEYS],
        }
    }
}

/// A digest taken just after a barrier.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    pub chunk: u32,
    pub position: Position,
    pub digest: u64,
}

#[derive(Debug, Clone, Default)]
pub struct Disk {
    pub image: Image,
    queue: VecDeque<(Ticket, Writes)>,
    /// The flush that is under way ends with this batch.
    pub flushing: Option<Ticket>,
    /// Planted: what is said to be durable is not, until the next flush.
    pub lies: bool,
    held_back: Option<Image>,
}

impl Disk {
    pub fn push(&mut self, ticket: Ticket, writes: Writes) {
        self.queue.push_back((ticket, writes));
    }

    /// Begins a flush of all that waits, if none is under way.
    pub fn begin_flush(&mut self) -> bool {
        if self.flushing.is_some() {
            return false;
        }
        self.flushing = self.queue.back().map(|(ticket, _)| *ticket);
        self.flushing.is_some()
    }

    /// Ends the flush. Answers with the batch up to which all is durable, and the digests taken on the way.
    pub fn end_flush(&mut self, taken: &mut Vec<Taken>) -> Option<Ticket> {
        let upto = self.flushing.take()?;
        if self.lies {
            self.held_back = Some(self.image.clone());
        }
        while self.queue.front().is_some_and(|(ticket, _)| *ticket <= upto) {
            if let Some((_, writes)) = self.queue.pop_front() {
                self.image.write(writes, taken);
            }
        }
        Some(upto)
    }

    /// Power is gone: `survived` of the batches under way made it, the others are lost, each as a whole.
    pub fn crash(&mut self, survived: usize) {
        if let Some(image) = self.held_back.take() {
            self.image = image;
            self.queue.clear();
        }
        let keep = survived.min(self.queue.len());
        let batches: Vec<_> = self.queue.drain(..).take(keep).collect();
        for (_, writes) in batches {
            self.image.write(writes, &mut Vec::new());
        }
        self.flushing = None;
    }

    pub fn under_way(&self) -> usize {
        self.queue.len()
    }

    /// What a host finds when it starts.
    pub fn durable(&self) -> Durable<SimContent> {
        Durable {
            meta: self.image.meta.clone(),
            log: self.image.log.clone(),
        }
    }
}

impl Image {
    /// Whether the rows are the state after the last entry of the log.
    pub fn is_whole(&self) -> bool {
        self.meta.replica.is_some() && self.meta.upkeep == Upkeep::Whole
    }

    fn write(&mut self, writes: Writes, taken: &mut Vec<Taken>) {
        for write in writes {
            match write {
                Write::Meta(meta) => self.meta = *meta,
                Write::Entry {
                    entry,
                    apply: applied,
                } => {
                    self.log.push(entry.clone());
                    if applied {
                        self.take_in(&entry, taken);
                    }
                }
                Write::Truncate { after } => self.log.truncate(after),
                Write::Reset { base } => {
                    self.log = Log::from_base(base);
                    self.rows = [0; KEYS];
                }
                Write::Page { page, .. } | Write::Restore { page } => self.put(&page),
                Write::ApplyStored { after } => {
                    let stored: Vec<SimEntry> = self.log.after(after).cloned().collect();
                    for entry in &stored {
                        self.take_in(entry, &mut Vec::new());
                    }
                }
            }
        }
    }

    fn take_in(&mut self, entry: &SimEntry, taken: &mut Vec<Taken>) {
        apply(&mut self.rows, entry);
        note_writers(&mut self.writers, entry);
        match entry.body {
            Body::Trim(upto) => self.log.trim(upto),
            Body::Barrier { chunk } => taken.push(Taken {
                chunk,
                position: entry.head.position,
                digest: digest(&self.rows, chunk_mask(chunk)),
            }),
            Body::Term | Body::Data(_) => {}
        }
    }

    fn put(&mut self, page: &Rows) {
        for (key, row) in self.rows.iter_mut().enumerate() {
            if page.mask & (1 << key) != 0 {
                *row = page.rows[key];
                self.writers[key] = Writer::default();
            }
        }
    }

    /// Rows of this snapshot.
    pub fn rows_of(&self, mask: u32) -> Rows {
        Rows {
            mask,
            rows: self.rows,
        }
    }
}

/// Notes who wrote what.
pub fn note_writers(writers: &mut [Writer; KEYS], entry: &SimEntry) {
    if let Body::Data(tx) = &entry.body {
        for (key, _) in tx.writes() {
            writers[usize::from(*key)] = Writer {
                position: entry.head.position.0,
                chain: entry.head.chain,
                sync: tx.sync,
            };
        }
    }
}
