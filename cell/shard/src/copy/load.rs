//! What a copy finds on its disk when it opens: the fence is taken first, so that nobody can change what is then read.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use cell_replica::shared::SharedHolder;
use cell_replica::{Durable, Log, Meta, Upkeep};
use cell_store::{KeyRange, Snapshot, Store};
use platform_model::{Incarnation, Position};
use platform_runtime::Clock;

use super::content::ShardContent;
use super::index::{Index, Indexed};
use super::nodes::Nodes;
use super::notes::{Base, ChunkStart, Receipt, Unreadable};
use super::payload::for_machine;
use super::records::replica;
use super::settings::CopySettings;
use super::stored::decode_meta;
use super::taking::Taken;
use crate::applied::Applied;
use crate::error::{LogError, OpenError};
use crate::fence::FenceValue;
use crate::history::EpochHistory;
use crate::keys::{ShardKeys, join};
use crate::limits::EPOCHS_KEPT;
use crate::log::LogScan;
use crate::trim::TrimState;

/// Keys of trimmed entries that are looked at in one page.
const PAGE_ROWS: usize = 4_096;

/// Everything that was found.
pub(crate) struct Loaded {
    pub durable: Durable<ShardContent>,
    pub fence: FenceValue,
    /// In a shared store.
    pub holder: Option<SharedHolder>,
    /// As [`Taken::says`].
    pub says: Option<u64>,
    pub number: u64,
    pub index: Index,
    pub applied: Applied,
    /// Of the entry at the base.
    pub base_time_ms: u64,
    pub history: EpochHistory,
    pub chunk: ChunkStart,
    pub receipt: Option<Receipt>,
    /// A wipe was under way; what was removed so far.
    pub wiping: Option<Bytes>,
    /// A shard of the time when there was one copy, without a name that the control plane gave: it takes the first that
    /// a configuration gives to a primary here.
    pub nameless: bool,
}

pub(crate) struct Loading<'a> {
    pub store: &'a dyn Store,
    pub keys: &'a ShardKeys,
    pub settings: &'a CopySettings,
    pub clock: &'a Clock,
}

impl Loading<'_> {
    pub(crate) async fn load(&self, nodes: &mut Nodes) -> Result<Loaded, OpenError> {
        let Taken { fence, holder, says } = self.take_fence().await?;
        let snapshot = self.store.snapshot().await.map_err(unavailable)?;
        let get = async |key: &Bytes| snapshot.get(key).await.map_err(unavailable);
        let applied = match get(&self.keys.applied).await? {
            Some(bytes) => {
                Applied::decode(&bytes).ok_or_else(|| self.damaged("its `applied` is unreadable"))?
            }
            None => Applied::default(),
        };
        let history = read_history(&*snapshot, self.keys)
            .await
            .map_err(unavailable)?
            .ok_or_else(|| self.damaged("its epoch history is unreadable"))?;
        let (mut meta, nameless) = match get(&self.keys.meta).await? {
            Some(bytes) => (
                decode_meta(&bytes, nodes).map_err(|error| self.unreadable(error))?,
                false,
            ),
            None => self.meta_of_old(&*snapshot, &applied).await?,
        };
        self.remember_what_was_taken(&mut meta);
        let base = self.read_base(&*snapshot, &history).await?;
        let wiping = get(&self.keys.wiping).await?;
        let (log, index) = if wiping.is_some() {
            // What is left of it may lack anything.
            (Log::default(), Index::default())
        } else {
            self.walk(Arc::clone(&snapshot), base).await?
        };
        let copying = matches!(meta.upkeep, Upkeep::Copying { .. });
        let end = (log.last().position, log.last().chain);
        if !copying && wiping.is_none() && end != (applied.position, applied.chain) {
            return Err(self.damaged("the log does not end where the state does"));
        }
        let chunk = match get(&self.keys.chunk).await? {
            Some(bytes) => ChunkStart::decode(&bytes).map_err(|error| self.unreadable(error))?,
            None => ChunkStart::default(),
        };
        let receipt = match get(&self.keys.receipt).await? {
            Some(bytes) => Some(Receipt::decode(&bytes).map_err(|error| self.unreadable(error))?),
            None => None,
        };
        let number = number(get(&self.keys.batch).await?.as_deref());
        Ok(Loaded {
            durable: Durable { meta, log },
            fence,
            holder,
            says,
            number,
            index,
            applied,
            base_time_ms: base.time_ms,
            history,
            chunk,
            receipt,
            wiping,
            nameless,
        })
    }

    /// Whoever is to lead in a shared store was not asked as a candidate is: that it has the fence of its epoch, on the one
    /// copy's own data, says the same.
    fn remember_what_was_taken(&self, meta: &mut Meta) {
        if let Some(taking) = &self.settings.taking
            && taking.leads
            && meta.replica == Some(taking.replica)
        {
            meta.candidate = meta.candidate.max(taking.epoch);
        }
    }

    /// The state of a shard that one owner wrote alone, or of an empty disk.
    async fn meta_of_old(
        &self,
        snapshot: &dyn Snapshot,
        applied: &Applied,
    ) -> Result<(Meta, bool), OpenError> {
        let stored = snapshot.get(&self.keys.incarnation).await.map_err(unavailable)?;
        if applied.position == Position(0) {
            return Ok((Meta::default(), false));
        }
        let name = snapshot.get(&self.keys.replica).await.map_err(unavailable)?;
        let meta = Meta {
            replica: name.as_deref().and_then(replica),
            term: applied.term,
            incarnation: Incarnation(number(stored.as_deref())),
            candidate: applied.term.epoch,
            ..Meta::default()
        };
        Ok((meta, true))
    }

    /// Where the kept log begins: what this copy notes, or what the log itself says.
    async fn read_base(&self, snapshot: &dyn Snapshot, history: &EpochHistory) -> Result<Base, OpenError> {
        let own = snapshot.get(&self.keys.base).await.map_err(unavailable)?;
        if let Some(bytes) = own {
            return Base::decode(&bytes).map_err(|error| self.unreadable(error));
        }
        let trim = snapshot.get(&self.keys.trim).await.map_err(unavailable)?;
        let Some(bytes) = trim else {
            return Ok(Base::default());
        };
        let trim = TrimState::decode(&bytes).ok_or_else(|| self.damaged("its trim state is unreadable"))?;
        Ok(Base::of(&trim, history))
    }

    /// Checks every kept entry; finds the trimmed ones that still lie there.
    async fn walk(
        &self,
        snapshot: Arc<dyn Snapshot>,
        base: Base,
    ) -> Result<(Log<ShardContent>, Index), OpenError> {
        let mut log = Log::from_base(base.head);
        let mut index = Index::new(base);
        for leftover in self.leftovers(&*snapshot, base).await? {
            index.push(leftover);
        }
        let mut chain = base.head.chain;
        let (from, to) = (base.head.position, Position(u64::MAX));
        let mut scan = LogScan::new(snapshot, self.keys, from, to, Some(chain));
        while let Some(stored) = scan.next().await.map_err(|error| self.log_error(error))? {
            let entry = for_machine(&stored.entry, chain, stored.bytes);
            chain = stored.entry.chain;
            index.push(Indexed {
                head: entry.head,
                time_ms: stored.entry.time_ms,
                parts: stored.parts,
                bytes: stored.bytes,
            });
            log.push(entry);
        }
        Ok((log, index))
    }

    /// Entries below the base, whose removal had not come that far.
    async fn leftovers(&self, snapshot: &dyn Snapshot, base: Base) -> Result<VecDeque<Indexed>, OpenError> {
        let mut found: VecDeque<Indexed> = VecDeque::new();
        let mut rest = KeyRange {
            start: self.keys.whole_log().start,
            end: self.keys.log_range(base.head.position, base.head.position).start,
        };
        loop {
            let page = snapshot
                .scan(&rest, PAGE_ROWS, false)
                .await
                .map_err(unavailable)?;
            for (key, value) in &page.rows {
                let Some((position, _)) = self.keys.parse_log(key) else {
                    return Err(self.damaged("a key of its log is unreadable"));
                };
                match found.back_mut().filter(|last| last.head.position == position) {
                    Some(last) => {
                        last.parts += 1;
                        last.bytes += value.len();
                    }
                    None => found.push_back(Indexed {
                        head: cell_replica::Head {
                            position,
                            ..base.head
                        },
                        time_ms: 0,
                        parts: 1,
                        bytes: value.len(),
                    }),
                }
            }
            let Some((last, _)) = page.rows.last().filter(|_| page.more) else {
                return Ok(found);
            };
            rest.start = join(last, &[0]);
        }
    }

    pub(crate) fn damaged(&self, reason: &str) -> OpenError {
        OpenError::Damaged {
            shard: self.settings.shard.clone(),
            position: Position(0),
            reason: reason.to_owned(),
        }
    }

    fn unreadable(&self, error: Unreadable) -> OpenError {
        match error {
            Unreadable::Damaged => self.damaged("state of its own is unreadable"),
            Unreadable::TooNew(found) => OpenError::TooNew {
                shard: self.settings.shard.clone(),
                what: "the state",
                found,
                known: 1,
            },
        }
    }

    fn log_error(&self, error: LogError) -> OpenError {
        let shard = self.settings.shard.clone();
        match error {
            LogError::Damaged { position, reason } => OpenError::Damaged {
                shard,
                position,
                reason,
            },
            LogError::TooNew { found, known } => OpenError::TooNew {
                shard,
                what: "a log entry",
                found,
                known,
            },
            other => unavailable(other),
        }
    }
}

/// The epochs that a shard remembers; none when they are unreadable.
pub(crate) async fn read_history(
    snapshot: &dyn Snapshot,
    keys: &ShardKeys,
) -> Result<Option<EpochHistory>, cell_store::SnapshotError> {
    let page = snapshot.scan(&keys.epochs(), 2 * EPOCHS_KEPT, false).await?;
    let start = |(key, value): &(Bytes, Bytes)| {
        let epoch = keys.parse_epoch(key)?;
        Some((epoch, Position(number(Some(value)))))
    };
    let starts: Option<Vec<_>> = page.rows.iter().map(start).collect();
    Ok(starts.map(EpochHistory::new))
}

/// Eight bytes, big-endian; anything else is 0.
pub(crate) fn number(bytes: Option<&[u8]>) -> u64 {
    match bytes {
        Some(mut bytes) if bytes.len() == 8 => bytes.get_u64(),
        _ => 0,
    }
}

pub(crate) fn unavailable(reason: impl ToString) -> OpenError {
    OpenError::Unavailable {
        reason: reason.to_string(),
    }
}
