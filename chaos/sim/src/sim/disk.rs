//! A simulated disk: batches become durable in order, several with one flush; a crash loses what was not. A batch lies
//! in its journal as one frame with a checksum: of the one that was being written some parts may be there, in any
//! order, and are dropped when the disk is opened again.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use cell_replica::{Body, Durable, Log, Meta, Ticket, Upkeep, Write};
use platform_model::Position;

use super::content::{KEYS, Rows, SimContent, SimEntry, apply, chunk_mask, digest, rows_in};

type Writes = Vec<Write<SimContent>>;

/// What is durable.
#[derive(Debug, Clone)]
pub struct Image {
    pub meta: Meta,
    pub log: Log<SimContent>,
    pub rows: [u64; KEYS],
    /// Who wrote each row last, as far as this disk saw.
    pub writers: [Writer; KEYS],
    /// Of the newest entry that was ever applied here.
    pub time: u64,
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
            time: 0,
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

/// Bugs that are put in on purpose.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flaws {
    /// What is said to be durable is not, until the next flush.
    pub lies: bool,
    /// What is left of a torn frame is taken.
    pub takes_torn: bool,
    /// Stored entries are applied later without the ranges that they clear.
    pub replays_no_erase: bool,
}

/// What lies in the journal of one batch.
struct Frame {
    checksum: u64,
    parts: Writes,
}

#[derive(Debug, Clone, Default)]
pub struct Disk {
    pub image: Image,
    queue: VecDeque<(Ticket, Writes)>,
    /// The flush that is under way ends with this batch.
    pub flushing: Option<Ticket>,
    pub flaws: Flaws,
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
        if self.flaws.lies {
            self.held_back = Some(self.image.clone());
        }
        while self.queue.front().is_some_and(|(ticket, _)| *ticket <= upto) {
            if let Some((_, writes)) = self.queue.pop_front() {
                self.image.write(writes, taken, self.flaws);
            }
        }
        Some(upto)
    }

    /// Power is gone: `survived` of the batches under way made it; of the next one those parts are in the journal that
    /// `torn` says. Answers whether such a rest was found and dropped.
    pub fn crash(&mut self, survived: usize, torn: u64) -> bool {
        if let Some(image) = self.held_back.take() {
            self.image = image;
            self.queue.clear();
        }
        let keep = survived.min(self.queue.len());
        let mut batches = std::mem::take(&mut self.queue).into_iter();
        for (_, writes) in batches.by_ref().take(keep) {
            self.image.write(writes, &mut Vec::new(), self.flaws);
        }
        self.flushing = None;
        let Some((_, writes)) = batches.next() else {
            return false;
        };
        let rest = Frame::torn(writes, torn);
        let intact = rest.is_intact();
        if intact || self.flaws.takes_torn {
            self.image.write(rest.parts, &mut Vec::new(), self.flaws);
        }
        !intact
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

impl Frame {
    /// What a crash left of a batch: the parts in the mask; of an entry that is not, perhaps its place in the log
    /// without its rows.
    fn torn(writes: Writes, mask: u64) -> Self {
        let checksum = checksum(&writes);
        let kept = |(index, write): (usize, Write<SimContent>)| {
            let bits = mask >> (2 * index % 64) & 3;
            match write {
                write if bits == 3 => Some(write),
                Write::Entry { entry, .. } if bits == 2 => Some(Write::Entry { entry, apply: false }),
                _ => None,
            }
        };
        let parts = writes.into_iter().enumerate().filter_map(kept).collect();
        Self { checksum, parts }
    }

    fn is_intact(&self) -> bool {
        checksum(&self.parts) == self.checksum
    }
}

fn checksum(parts: &Writes) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

impl Image {
    /// Whether the rows are the state after the last entry of the log.
    pub fn is_whole(&self) -> bool {
        self.meta.replica.is_some() && self.meta.upkeep == Upkeep::Whole
    }

    fn write(&mut self, writes: Writes, taken: &mut Vec<Taken>, flaws: Flaws) {
        for write in writes {
            match write {
                Write::Meta(meta) => self.meta = *meta,
                Write::Entry {
                    entry,
                    apply: applied,
                } => {
                    if entry.head.position != self.log.end().next() {
                        // Only what is left of a torn batch can be out of place.
                        continue;
                    }
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
                        let before = self.rows;
                        self.take_in(entry, &mut Vec::new());
                        if let Body::Data(tx) = &entry.body
                            && flaws.replays_no_erase
                        {
                            rows_in(tx.erased()).for_each(|row| {
                                self.rows[usize::from(row)] = before[usize::from(row)];
                            });
                        }
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
            Body::Data(tx) => self.time = self.time.max(tx.time),
            Body::Term => {}
        }
    }

    fn put(&mut self, page: &Rows) {
        self.time = self.time.max(page.time);
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
            time: self.time,
        }
    }
}

/// Notes who wrote what.
pub fn note_writers(writers: &mut [Writer; KEYS], entry: &SimEntry) {
    if let Body::Data(tx) = &entry.body {
        for (key, _) in tx.effects() {
            writers[usize::from(key)] = Writer {
                position: entry.head.position.0,
                chain: entry.head.chain,
                sync: tx.sync,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::content::seal;
    use platform_model::{Epoch, Incarnation, Term};

    fn disk(flaws: Flaws) -> (Disk, Writes) {
        let term = Term {
            epoch: Epoch(1),
            incarnation: Incarnation(1),
        };
        let entry = seal(Log::<SimContent>::default().last(), term, Body::Term);
        let meta = Meta {
            replica: Some(platform_model::ReplicaId(7)),
            ..Meta::default()
        };
        let writes = vec![Write::Entry { entry, apply: true }, Write::Meta(Box::new(meta))];
        let mut disk = Disk {
            flaws,
            ..Disk::default()
        };
        disk.push(Ticket(1), writes.clone());
        (disk, writes)
    }

    #[test]
    fn a_torn_batch_is_dropped_as_a_whole() {
        let (mut good, _) = disk(Flaws::default());
        assert!(good.crash(0, 0b1100), "the entry is missing");
        assert_eq!(
            (good.image.log.end(), good.image.meta.replica),
            (Position(0), None)
        );
        let (mut whole, _) = disk(Flaws::default());
        assert!(!whole.crash(0, u64::MAX), "nothing is missing");
        assert_eq!(whole.image.log.end(), Position(1));
    }

    #[test]
    fn planted_a_part_of_a_torn_batch_is_taken() {
        let takes_torn = true;
        let (mut bad, _) = disk(Flaws {
            takes_torn,
            ..Flaws::default()
        });
        assert!(bad.crash(0, 0b1100));
        assert!(bad.image.meta.replica.is_some() && bad.image.log.end() == Position(0));
    }
}
