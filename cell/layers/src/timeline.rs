//! A list in order of a personal value, such as the time at which an activity began, that never stands in a key.
//!
//! Entries `(at, id)` lie in sealed pages of at most [`PAGE_ENTRIES_MAX`]; a sealed directory holds each page's first
//! entry. A page that is full is split in two; one that is empty goes. What an observer of the store learns is how
//! many pages there are.
//!
//! Not here: what the ids name (a table's rows, fetched by the caller).

mod directory;
mod list;
mod page;
#[cfg(test)]
mod tests;

use uuid::Uuid;

use crate::error::LayerError;
use crate::root_tx::RootTx;
use directory::Directory;

pub use list::{Order, TimelinePage};

const LAYER: &str = "#timeline";

/// Entries of one page, at most: some 14 kB.
pub const PAGE_ENTRIES_MAX: usize = 512;
/// Pages of one timeline, at most. Pages are not merged: entries that came in order and stayed are 768,000.
pub const PAGES_MAX: usize = 1_500;

/// Something at a time. Ordered by time, then id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// In the caller's unit: milliseconds since 1970 for most.
    pub at: i64,
    pub id: Uuid,
}

/// The timeline of one name within a root and a domain.
#[derive(Debug, Clone, Copy)]
pub struct Timeline {
    name: &'static str,
}

impl Timeline {
    pub const fn new(name: &'static str) -> Self {
        Self { name }
    }

    /// Adds an entry. Answers whether it was not there before.
    ///
    /// # Errors
    /// [`LayerError::TooLarge`] when the timeline is full; the transaction's.
    pub async fn insert(&self, tx: &RootTx, at: i64, id: Uuid) -> Result<bool, LayerError> {
        let entry = Entry { at, id };
        let mut directory = Directory::read(tx, self.name).await?;
        let Some(slot) = directory.slot_of(entry) else {
            directory.add_first_page(tx, entry)?;
            directory.write(tx)?;
            return Ok(true);
        };
        let mut entries = directory.page(tx, slot).await?;
        let Err(place) = entries.binary_search(&entry) else {
            return Ok(false);
        };
        entries.insert(place, entry);
        directory.replace_page(tx, slot, entries)?;
        directory.write(tx)?;
        Ok(true)
    }

    /// Removes an entry. Answers whether it was there.
    ///
    /// # Errors
    /// The transaction's.
    pub async fn remove(&self, tx: &RootTx, at: i64, id: Uuid) -> Result<bool, LayerError> {
        let entry = Entry { at, id };
        let mut directory = Directory::read(tx, self.name).await?;
        let Some(slot) = directory.slot_of(entry) else {
            return Ok(false);
        };
        let mut entries = directory.page(tx, slot).await?;
        let Ok(place) = entries.binary_search(&entry) else {
            return Ok(false);
        };
        entries.remove(place);
        directory.replace_page(tx, slot, entries)?;
        directory.write(tx)?;
        Ok(true)
    }

    /// How many entries there are.
    ///
    /// # Errors
    /// The transaction's.
    pub async fn len(&self, tx: &RootTx) -> Result<u64, LayerError> {
        Ok(Directory::read(tx, self.name).await?.entries())
    }
}
