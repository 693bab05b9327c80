//! One segment of a log: what it says of itself, and the entries as the shard stores them. Nothing of it is in the open
//! but a version and the wrapped key.

use bytes::Bytes;
use cell_layers::keys::Kek;
use cell_shard::{LogEntry, Origin, TailEntry};
use platform_model::{Epoch, Incarnation, Position, ShardId, Term, WorldId};
use prost::Message;

use crate::envelope;
use crate::error::BackupError;
use crate::manifest::Manifest;
use crate::seal::BackupKey;

/// Version of the format that this build writes, and the highest that it reads.
pub const VERSION: u32 = 1;
/// A key seals one segment, and nothing else.
const CONTENT: u64 = 0;

/// Consecutive entries of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub world: WorldId,
    pub shard: ShardId,
    /// Where the shard stood before the first.
    pub after: Origin,
    /// And after the last.
    pub last: Origin,
    /// As they are stored.
    pub entries: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredOrigin {
    #[prost(uint64, tag = "1")]
    position: u64,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(uint64, tag = "3")]
    incarnation: u64,
    #[prost(uint64, tag = "4")]
    time_ms: u64,
    #[prost(fixed64, tag = "5")]
    chain: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, tag = "1")]
    world: String,
    #[prost(string, tag = "2")]
    shard: String,
    #[prost(message, required, tag = "3")]
    after: StoredOrigin,
    #[prost(message, required, tag = "4")]
    last: StoredOrigin,
    #[prost(bytes = "bytes", repeated, tag = "5")]
    entries: Vec<Bytes>,
}

impl Segment {
    /// What was read behind `after`, at least one entry; none of none.
    pub fn of(world: &WorldId, shard: &ShardId, after: Origin, entries: Vec<TailEntry>) -> Option<Self> {
        let last = entries.last()?.entry.origin();
        Some(Self {
            world: world.clone(),
            shard: shard.clone(),
            after,
            last,
            entries: entries.into_iter().map(|kept| kept.stored).collect(),
        })
    }

    /// As it lies in the store, under this number of the log behind that backup.
    pub fn seal(&self, kek: &Kek, base: &str, number: u64) -> Vec<u8> {
        let stored = Stored {
            world: self.world.to_string(),
            shard: self.shard.to_string(),
            after: stored_origin(&self.after),
            last: stored_origin(&self.last),
            entries: self.entries.clone(),
        };
        let name = name_of(base, number);
        let key = BackupKey::generate();
        envelope::close(&key, kek, VERSION, (&name, CONTENT), &stored.encode_to_vec())
    }

    /// The segment of this number of the log behind `base`, of the same shard and world.
    ///
    /// # Errors
    /// [`BackupError::DamagedSegment`], [`BackupError::ForeignKey`], [`BackupError::TooNew`],
    /// [`BackupError::OtherShard`], [`BackupError::OtherWorld`].
    pub fn open(bytes: Bytes, kek: &Kek, base: &Manifest, number: u64) -> Result<Self, BackupError> {
        let name = name_of(base.name.as_str(), number);
        let opened = envelope::open(bytes, kek, VERSION, (&name, CONTENT));
        let opened = opened.map_err(|closed| closed.of(name.clone(), VERSION, damaged(base, number)));
        let (_, plain) = opened?;
        let stored = Stored::decode(Bytes::from(plain)).map_err(|_| damaged(base, number))?;
        let segment = stored.read().ok_or_else(|| damaged(base, number))?;
        if segment.world != base.world {
            return Err(BackupError::OtherWorld(name));
        }
        if segment.shard != base.shard {
            return Err(BackupError::OtherShard {
                name,
                found: Box::new(segment.shard),
                wanted: Box::new(base.shard.clone()),
            });
        }
        Ok(segment)
    }

    /// The entries, if they go on from `at`: each is checked against the one before.
    ///
    /// # Errors
    /// [`BackupError::Unattached`]; [`BackupError::DamagedSegment`] if one does not follow, or the last is another than
    /// it says.
    pub fn behind(self, at: &Origin, base: &Manifest, number: u64) -> Result<Vec<LogEntry>, BackupError> {
        if self.after != *at {
            return Err(BackupError::Unattached {
                name: base.name.to_string(),
                segment: number,
                at: at.pair(),
            });
        }
        let (mut before, mut entries) = (*at, Vec::with_capacity(self.entries.len()));
        for stored in self.entries {
            let entry = LogEntry::follows(stored, &before).map_err(|_| damaged(base, number))?;
            before = entry.origin();
            entries.push(entry);
        }
        if before == self.last {
            Ok(entries)
        } else {
            Err(damaged(base, number))
        }
    }
}

impl Stored {
    fn read(self) -> Option<Segment> {
        let is_something = !self.entries.is_empty();
        Some(Segment {
            world: self.world.parse().ok()?,
            shard: self.shard.parse().ok()?,
            after: self.after.origin(),
            last: self.last.origin(),
            entries: is_something.then_some(self.entries)?,
        })
    }
}

impl StoredOrigin {
    fn origin(&self) -> Origin {
        Origin {
            position: Position(self.position),
            term: Term {
                epoch: Epoch(self.epoch),
                incarnation: Incarnation(self.incarnation),
            },
            time_ms: self.time_ms,
            chain: self.chain,
        }
    }
}

fn stored_origin(origin: &Origin) -> StoredOrigin {
    StoredOrigin {
        position: origin.position.0,
        epoch: origin.term.epoch.0,
        incarnation: origin.term.incarnation.0,
        time_ms: origin.time_ms,
        chain: origin.chain,
    }
}

/// What its key and its content are bound to: no backup has such a name.
fn name_of(base: &str, number: u64) -> String {
    format!("{base} log {number}")
}

fn damaged(base: &Manifest, number: u64) -> BackupError {
    BackupError::DamagedSegment {
        name: base.name.to_string(),
        segment: number,
        upto: None,
    }
}
