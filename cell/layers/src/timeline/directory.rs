//! Which pages a timeline has, and where each begins.

use super::{Entry, LAYER, PAGE_ENTRIES_MAX, PAGES_MAX, page};
use crate::error::LayerError;
use crate::root_tx::RootTx;
use crate::stored::{self, TimelineDirectory, TimelinePageInfo};

pub(super) struct Directory {
    name: &'static str,
    pages: Vec<PageInfo>,
    next_page: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct PageInfo {
    pub number: u64,
    pub first: Entry,
    pub entries: u64,
}

impl Directory {
    pub(super) async fn read(tx: &RootTx, name: &'static str) -> Result<Self, LayerError> {
        let stored: TimelineDirectory = stored::get(tx, LAYER, &page::directory_key(tx, name))
            .await?
            .unwrap_or_default();
        let info = |info: &TimelinePageInfo| -> Result<PageInfo, LayerError> {
            let first = Entry {
                at: info.first_at,
                id: page::id(&info.first_id)?,
            };
            Ok(PageInfo {
                number: info.number,
                first,
                entries: info.entries,
            })
        };
        let pages = stored.pages.iter().map(info).collect::<Result<_, _>>()?;
        Ok(Self {
            name,
            pages,
            next_page: stored.next_page,
        })
    }

    pub(super) fn write(&self, tx: &RootTx) -> Result<(), LayerError> {
        let info = |info: &PageInfo| TimelinePageInfo {
            number: info.number,
            first_at: info.first.at,
            first_id: info.first.id.as_bytes().to_vec(),
            entries: info.entries,
        };
        let stored = TimelineDirectory {
            pages: self.pages.iter().map(info).collect(),
            next_page: self.next_page,
        };
        stored::put(tx, LAYER, page::directory_key(tx, self.name), &stored)
    }

    pub(super) fn pages(&self) -> &[PageInfo] {
        &self.pages
    }

    pub(super) fn entries(&self) -> u64 {
        self.pages.iter().map(|info| info.entries).sum()
    }

    /// The page in which the entry is, or would be; none while there are no pages.
    pub(super) fn slot_of(&self, entry: Entry) -> Option<usize> {
        let behind = self.pages.partition_point(|info| info.first <= entry);
        (!self.pages.is_empty()).then(|| behind.saturating_sub(1))
    }

    pub(super) async fn page(&self, tx: &RootTx, slot: usize) -> Result<Vec<Entry>, LayerError> {
        page::read(tx, self.name, self.pages[slot].number).await
    }

    pub(super) fn add_first_page(&mut self, tx: &RootTx, entry: Entry) -> Result<(), LayerError> {
        self.insert_page(tx, 0, &[entry])
    }

    /// Writes a page back: removed if it is empty, split in two if it is over full.
    pub(super) fn replace_page(
        &mut self,
        tx: &RootTx,
        slot: usize,
        entries: Vec<Entry>,
    ) -> Result<(), LayerError> {
        let number = self.pages[slot].number;
        let Some(first) = entries.first().copied() else {
            self.pages.remove(slot);
            return tx.clear(page::key(tx, self.name, number));
        };
        let kept = self.entries_kept(slot, entries.len());
        let (left, right) = entries.split_at(kept);
        if !right.is_empty() {
            // Before anything is written: a caller may go on after a refusal, and commit.
            self.refuse_if_full()?;
        }
        self.pages[slot] = PageInfo {
            number,
            first,
            entries: left.len() as u64,
        };
        page::write(tx, self.name, number, left)?;
        if right.is_empty() {
            Ok(())
        } else {
            self.insert_page(tx, slot + 1, right)
        }
    }

    /// How many of a page's entries stay in it. Entries mostly come in order, so the last page is left full.
    fn entries_kept(&self, slot: usize, entries: usize) -> usize {
        let is_last = slot + 1 == self.pages.len();
        match entries > PAGE_ENTRIES_MAX {
            false => entries,
            true if is_last => PAGE_ENTRIES_MAX,
            true => entries / 2,
        }
    }

    fn refuse_if_full(&self) -> Result<(), LayerError> {
        stored::at_most("the pages of a timeline", self.pages.len() + 1, PAGES_MAX)
    }

    fn insert_page(&mut self, tx: &RootTx, slot: usize, entries: &[Entry]) -> Result<(), LayerError> {
        self.refuse_if_full()?;
        let number = self.next_page;
        self.next_page += 1;
        self.pages.insert(
            slot,
            PageInfo {
                number,
                first: entries[0],
                entries: entries.len() as u64,
            },
        );
        page::write(tx, self.name, number, entries)
    }
}
