//! How each kind of batch is written. Plain ones go several into one store batch; those that make, undo or remove a copy
//! may take several, of which only the last makes the copy what it says it is.

use std::sync::Arc;

use bytes::Bytes;
use cell_store::{KeyRange, Mutation, WriteBatch};
use platform_model::Position;

use super::content::Rows;
use super::export;
use super::item::{Item, Part, ToDigest, Written};
use super::load::read_history;
use super::notes::{Base, Receipt};
use super::payload::Payload;
use super::staged::Staged;
use super::writer::{Failed, Writer};
use crate::entry::EntryKind;
use crate::keys::{ShardKeys, join};
use crate::log::LogScan;

/// What says that a wipe is under way that nobody wants a receipt for.
const WIPES: &[u8] = &[0];
/// Keys that one batch of a wipe removes.
const WIPED_KEYS: usize = 900;

impl Writer {
    /// Makes items durable, in order.
    pub(crate) async fn write(&mut self, items: Vec<Item>) -> Result<Written, Failed> {
        let (mut staged, mut written) = (Staged::default(), Written::default());
        for item in items {
            match item {
                Item::Export { fork, end } => {
                    self.flush(&mut staged).await?;
                    export::export(self, fork, end).await;
                }
                Item::Renew => {
                    self.flush(&mut staged).await?;
                    self.renew().await?;
                }
                Item::Gone(receipt) => {
                    staged.batch.put(self.keys.receipt.clone(), receipt.encode());
                    written.receipt = Some(receipt);
                }
                Item::Batch { ticket, parts } => {
                    for part in parts {
                        self.part(part, &mut staged, &mut written).await?;
                    }
                    written.upto = Some(ticket);
                }
            }
        }
        self.flush(&mut staged).await?;
        if written.history.is_some() {
            written.history = Some(self.history_now().await?);
        }
        Ok(written)
    }

    async fn part(&mut self, part: Part, staged: &mut Staged, written: &mut Written) -> Result<(), Failed> {
        match part {
            Part::Meta(meta) => staged.meta(self, meta),
            Part::Entry { payload, apply } => self.entry(payload, apply, staged, written).await?,
            Part::Truncate { after } => {
                staged.truncate(self, after);
                if staged.applied.is_none() {
                    staged.applied = self.applied_at(after);
                }
                written.history = Some(Default::default());
            }
            Part::Reset { base, wiping, erases } => {
                self.flush(staged).await?;
                let begun = erases.map(|(replica, order)| Receipt::begin(replica, order));
                let receipt = self.reset(wiping, begun).await?;
                self.begin_anew(base, receipt, staged);
                written.receipt = receipt;
                written.history = Some(Default::default());
            }
            Part::Page { rows, next } => {
                self.flush(staged).await?;
                self.clear_rows_in(&rows.ranges).await?;
                staged.rows(self, &rows.rows);
                if let Some(next) = next {
                    staged.batch.put(self.keys.chunk.clone(), next.encode());
                }
                self.index.base.time_ms = self.index.base.time_ms.max(rows.time_ms);
                written.history = Some(Default::default());
            }
            Part::Restore { rows } => {
                self.restore(&rows, staged).await?;
                written.history = Some(Default::default());
            }
            Part::ApplyStored { after } => {
                self.flush(staged).await?;
                self.apply_stored(after, staged).await?;
            }
        }
        Ok(())
    }

    async fn entry(
        &mut self,
        payload: Payload,
        apply: bool,
        staged: &mut Staged,
        written: &mut Written,
    ) -> Result<(), Failed> {
        // What is cleared is bounded for each batch: such an entry has one of its own.
        let alone = apply && payload.clears_ranges();
        if alone || staged.is_full_with(self, payload.bytes(), payload.writes.len()) {
            self.flush(staged).await?;
        }
        staged.entry(self, &payload, apply);
        if alone {
            self.flush_clearing(&payload, staged).await?;
        }
        if let EntryKind::Barrier { chunk, start, end } = payload.kind
            && apply
        {
            self.flush(staged).await?;
            let snapshot = self.store.snapshot().await.map_err(unavailable)?;
            written.digests.push(ToDigest {
                chunk,
                position: payload.head.position,
                start,
                end,
                snapshot,
            });
        }
        Ok(())
    }

    /// A copy that is being mended may have more rows in a range than the primary cleared: they go first.
    async fn flush_clearing(&mut self, payload: &Payload, staged: &mut Staged) -> Result<(), Failed> {
        let again = staged.clone();
        match self.flush(staged).await {
            Err(Failed::TooManyCleared) => {}
            other => return other,
        }
        for write in &payload.writes {
            if let Mutation::ClearRange { range } = write {
                self.clear_all(range.clone()).await?;
            }
        }
        *staged = again;
        self.flush(staged).await
    }

    fn begin_anew(&mut self, base: cell_replica::Head, receipt: Option<Receipt>, staged: &mut Staged) {
        let keys = &self.keys;
        staged.reset = true;
        staged.base = Some(Base {
            head: base,
            time_ms: 0,
        });
        for key in [&keys.applied, &keys.wiping, &keys.chunk] {
            staged.batch.clear(key.clone());
        }
        if let Some(receipt) = receipt {
            staged.batch.put(keys.receipt.clone(), receipt.encode());
        }
    }

    /// Removes log and rows. From the first batch on the copy is nothing; of an order to erase each batch keeps what was
    /// removed so far.
    async fn reset(
        &mut self,
        wiping: Bytes,
        mut receipt: Option<Receipt>,
    ) -> Result<Option<Receipt>, Failed> {
        let mut ranges: Vec<KeyRange> = ShardKeys::replicated()
            .iter()
            .flat_map(|range| self.keys.replicated_in(&range.start, &range.end))
            .collect();
        ranges.push(self.keys.whole_log());
        let mut begun = false;
        for range in ranges {
            loop {
                let snapshot = self.store.snapshot().await.map_err(unavailable)?;
                let page = snapshot
                    .scan(&range, WIPED_KEYS, false)
                    .await
                    .map_err(unavailable)?;
                if page.rows.is_empty() {
                    break;
                }
                let mut batch = WriteBatch::new();
                if !begun {
                    begun = true;
                    batch.put(self.keys.meta.clone(), wiping.clone());
                }
                if let Some(receipt) = &mut receipt {
                    receipt.count(&page.rows);
                }
                let so_far = receipt.map_or(Bytes::from_static(WIPES), |receipt| receipt.encode());
                batch.put(self.keys.wiping.clone(), so_far);
                for (key, _) in page.rows {
                    batch.clear(key);
                }
                self.commit(batch, None).await?;
            }
        }
        Ok(receipt)
    }

    /// Goes on with a wipe that a crash interrupted.
    pub(crate) async fn finish_wipe(
        &mut self,
        meta: Bytes,
        so_far: &[u8],
    ) -> Result<Option<Receipt>, Failed> {
        let receipt = Receipt::decode(so_far).ok();
        let receipt = self.reset(meta.clone(), receipt).await?;
        let mut staged = Staged::default();
        self.begin_anew(cell_replica::Head::default(), receipt, &mut staged);
        staged.batch.put(self.keys.meta.clone(), meta);
        self.flush(&mut staged).await?;
        Ok(receipt)
    }

    async fn clear_rows_in(&mut self, ranges: &[(Bytes, Bytes)]) -> Result<(), Failed> {
        for (start, end) in ranges {
            for range in self.keys.replicated_in(start, end) {
                self.clear_all(range).await?;
            }
        }
        Ok(())
    }

    /// Removes every row of a range, in as many batches as that takes.
    async fn clear_all(&mut self, range: KeyRange) -> Result<(), Failed> {
        loop {
            let snapshot = self.store.snapshot().await.map_err(unavailable)?;
            let page = snapshot
                .scan(&range, WIPED_KEYS, false)
                .await
                .map_err(unavailable)?;
            if page.rows.is_empty() {
                return Ok(());
            }
            let mut batch = WriteBatch::new();
            for (key, _) in page.rows {
                batch.clear(key);
            }
            self.commit(batch, None).await?;
        }
    }

    /// Rows as they were at the primary: exactly what was asked for. All in one batch, with the cut.
    async fn restore(&mut self, rows: &Rows, staged: &mut Staged) -> Result<(), Failed> {
        let snapshot = self.store.snapshot().await.map_err(unavailable)?;
        for (start, end) in &rows.ranges {
            for mut range in self.keys.replicated_in(start, end) {
                loop {
                    let page = snapshot
                        .scan(&range, usize::MAX, false)
                        .await
                        .map_err(unavailable)?;
                    let last = page.rows.last().map(|(key, _)| join(key, &[0]));
                    for (key, _) in page.rows {
                        staged.batch.clear(key);
                    }
                    let Some(last) = last.filter(|_| page.more) else {
                        break;
                    };
                    range.start = last;
                }
            }
        }
        for key in &rows.cleared {
            staged.batch.clear(self.keys.absolute(key));
        }
        staged.rows(self, &rows.rows);
        Ok(())
    }

    /// Applies the log that was stored while pages came in. Values are absolute, so a crash in between does no harm: the
    /// last page is fetched again and all of it applied again.
    async fn apply_stored(&mut self, after: Position, staged: &mut Staged) -> Result<(), Failed> {
        let snapshot = self.store.snapshot().await.map_err(unavailable)?;
        let keys = self.keys.clone();
        let last = self.index.last().map_or(after, |entry| entry.head.position);
        staged.applied = self.applied_at(after);
        let mut scan = LogScan::new(Arc::clone(&snapshot), &keys, after, last, None);
        while let Some(stored) = scan
            .next()
            .await
            .map_err(|error| Failed::Damaged(error.to_string()))?
        {
            let payload = Payload::read(&keys, Bytes::new(), stored.entry);
            let alone = payload.clears_ranges();
            if alone || staged.is_full_with(self, payload.bytes(), payload.writes.len()) {
                self.flush(staged).await?;
            }
            for write in &payload.writes {
                if let Mutation::ClearRange { range } = write {
                    self.clear_all(range.clone()).await?;
                }
            }
            staged.apply(self, &payload);
        }
        Ok(())
    }

    async fn history_now(&self) -> Result<crate::history::EpochHistory, Failed> {
        let snapshot = self.store.snapshot().await.map_err(unavailable)?;
        let history = read_history(&*snapshot, &self.keys).await.map_err(unavailable)?;
        history.ok_or_else(|| Failed::Damaged("its epoch history is unreadable".to_owned()))
    }
}

fn unavailable(reason: impl ToString) -> Failed {
    Failed::Unavailable(reason.to_string())
}
