//! Pages of a timeline, and the entries between two times.

use uuid::Uuid;

use super::directory::Directory;
use super::{Entry, Timeline};
use crate::error::LayerError;
use crate::root_tx::RootTx;

/// Most entries of one answer, whatever is asked for.
pub const ENTRIES_MAX: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    NewestFirst,
    OldestFirst,
}

/// A page of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelinePage {
    pub entries: Vec<Entry>,
    /// Where to go on, sealed: it holds the last entry's time. None behind the last entry.
    pub next: Option<Vec<u8>>,
}

impl Timeline {
    /// At most `limit` (and [`ENTRIES_MAX`]) entries behind a cursor. Entries that come or go between two pages are
    /// neither skipped nor repeated on their account.
    ///
    /// # Errors
    /// [`LayerError::InvalidCursor`] for a cursor of another list or root; the transaction's.
    pub async fn page(
        &self,
        tx: &RootTx,
        after: Option<&[u8]>,
        limit: usize,
        order: Order,
    ) -> Result<TimelinePage, LayerError> {
        let after = after.map(|cursor| self.open_cursor(tx, cursor)).transpose()?;
        let limit = limit.clamp(1, ENTRIES_MAX);
        let mut entries = self
            .walk(tx, order, limit + 1, |entry| is_behind(entry, after, order))
            .await?;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries
            .last()
            .filter(|_| more)
            .map(|last| self.close_cursor(tx, *last));
        Ok(TimelinePage { entries, next })
    }

    /// The entries with `from <= at < to`, oldest first, at most `limit` (and [`ENTRIES_MAX`]).
    ///
    /// # Errors
    /// The transaction's.
    pub async fn between(
        &self,
        tx: &RootTx,
        from: i64,
        to: i64,
        limit: usize,
    ) -> Result<Vec<Entry>, LayerError> {
        let limit = limit.min(ENTRIES_MAX);
        let start = Entry {
            at: from,
            id: Uuid::nil(),
        };
        let mut entries = self
            .walk(tx, Order::OldestFirst, limit, |entry| {
                if entry < start {
                    Step::Skip
                } else if entry.at < to {
                    Step::Take
                } else {
                    Step::End
                }
            })
            .await?;
        entries.truncate(limit);
        Ok(entries)
    }

    /// Reads only pages that can hold what `step` takes.
    async fn walk(
        &self,
        tx: &RootTx,
        order: Order,
        limit: usize,
        step: impl Fn(Entry) -> Step,
    ) -> Result<Vec<Entry>, LayerError> {
        let directory = Directory::read(tx, self.name).await?;
        let count = directory.pages().len();
        let mut taken = Vec::new();
        for nth in 0..count {
            let slot = if order == Order::OldestFirst {
                nth
            } else {
                count - 1 - nth
            };
            if wholly_skipped(&directory, slot, order, &step) {
                continue;
            }
            let mut entries = directory.page(tx, slot).await?;
            if order == Order::NewestFirst {
                entries.reverse();
            }
            for entry in entries {
                match step(entry) {
                    Step::Skip => {}
                    Step::Take if taken.len() < limit => taken.push(entry),
                    Step::Take | Step::End => return Ok(taken),
                }
            }
        }
        Ok(taken)
    }

    fn label(&self) -> Vec<u8> {
        [b"timeline cursor ".as_slice(), self.name.as_bytes()].concat()
    }

    fn close_cursor(&self, tx: &RootTx, entry: Entry) -> Vec<u8> {
        let plain = [&entry.at.to_be_bytes()[..], entry.id.as_bytes()].concat();
        tx.close_token(&self.label(), &plain)
    }

    fn open_cursor(&self, tx: &RootTx, cursor: &[u8]) -> Result<Entry, LayerError> {
        let plain = tx.open_token(&self.label(), cursor)?;
        let (at, id) = plain.split_first_chunk::<8>().ok_or(LayerError::InvalidCursor)?;
        let id = Uuid::from_slice(id).map_err(|_| LayerError::InvalidCursor)?;
        Ok(Entry {
            at: i64::from_be_bytes(*at),
            id,
        })
    }
}

enum Step {
    Skip,
    Take,
    End,
}

fn is_behind(entry: Entry, after: Option<Entry>, order: Order) -> Step {
    let behind = after.is_none_or(|after| match order {
        Order::NewestFirst => entry < after,
        Order::OldestFirst => entry > after,
    });
    if behind { Step::Take } else { Step::Skip }
}

/// A page can be left out if its neighbour in the list begins before what is sought: all its entries lie between the
/// two firsts.
fn wholly_skipped(directory: &Directory, slot: usize, order: Order, step: &impl Fn(Entry) -> Step) -> bool {
    let pages = directory.pages();
    match order {
        Order::OldestFirst => pages
            .get(slot + 1)
            .is_some_and(|next| matches!(step(next.first), Step::Skip)),
        Order::NewestFirst => matches!(step(pages[slot].first), Step::Skip),
    }
}
