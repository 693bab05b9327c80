//! What a backup says of itself. In the store: a version and the wrapped key in the open, all else sealed under that key.

use bytes::Bytes;
use cell_layers::keys::Kek;
use cell_shard::Origin;
use platform_model::{Epoch, Incarnation, Position, ShardId, Term, WorldId};
use prost::Message;

use crate::envelope;
use crate::error::BackupError;
use crate::name::BackupName;
use crate::seal::{BackupKey, MANIFEST};

/// Version of the format that this build writes, and the highest that it reads.
pub const VERSION: u32 = 1;

/// A whole backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub name: BackupName,
    pub world: WorldId,
    pub shard: ShardId,
    /// Where the shard stood.
    pub origin: Origin,
    pub parts: u64,
    pub rows: u64,
    /// Of keys and values.
    pub bytes: u64,
    /// SHA-256 of every part before it was sealed, one after the other.
    pub digest: [u8; 32],
    /// Of the rows, as the shard itself digests what its copies hold; none in a backup of an earlier build.
    pub state: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct Inner {
    #[prost(string, tag = "1")]
    world: String,
    #[prost(string, tag = "2")]
    shard: String,
    #[prost(uint64, tag = "3")]
    position: u64,
    #[prost(uint64, tag = "4")]
    epoch: u64,
    #[prost(uint64, tag = "5")]
    incarnation: u64,
    #[prost(uint64, tag = "6")]
    time_ms: u64,
    #[prost(fixed64, tag = "7")]
    chain: u64,
    #[prost(uint64, tag = "8")]
    parts: u64,
    #[prost(uint64, tag = "9")]
    rows: u64,
    #[prost(uint64, tag = "10")]
    bytes: u64,
    #[prost(bytes = "vec", tag = "11")]
    digest: Vec<u8>,
    /// None in what an earlier build wrote.
    #[prost(fixed64, optional, tag = "12")]
    state: Option<u64>,
}

impl Manifest {
    /// As it lies in the store.
    pub fn seal(&self, key: &BackupKey, kek: &Kek) -> Vec<u8> {
        let inner = Inner {
            world: self.world.to_string(),
            shard: self.shard.to_string(),
            position: self.origin.position.0,
            epoch: self.origin.term.epoch.0,
            incarnation: self.origin.term.incarnation.0,
            time_ms: self.origin.time_ms,
            chain: self.origin.chain,
            parts: self.parts,
            rows: self.rows,
            bytes: self.bytes,
            digest: self.digest.to_vec(),
            state: self.state,
        };
        let place = (self.name.as_str(), MANIFEST);
        envelope::close(key, kek, VERSION, place, &inner.encode_to_vec())
    }

    /// The manifest of the backup of that name, and the key that opens its parts.
    ///
    /// # Errors
    /// [`BackupError::ForeignKey`], [`BackupError::DamagedManifest`], [`BackupError::TooNew`].
    pub fn open(name: &BackupName, bytes: Bytes, kek: &Kek) -> Result<(Self, BackupKey), BackupError> {
        let damaged = || BackupError::DamagedManifest(name.to_string());
        let opened = envelope::open(bytes, kek, VERSION, (name.as_str(), MANIFEST));
        let (key, inner) = opened.map_err(|closed| closed.of(name.to_string(), VERSION, damaged()))?;
        let inner = Inner::decode(inner.as_slice()).map_err(|_| damaged())?;
        let manifest = inner.read(name).ok_or_else(damaged)?;
        Ok((manifest, key))
    }
}

impl Inner {
    fn read(self, name: &BackupName) -> Option<Manifest> {
        Some(Manifest {
            name: name.clone(),
            world: self.world.parse().ok()?,
            shard: self.shard.parse().ok()?,
            origin: Origin {
                position: Position(self.position),
                term: Term {
                    epoch: Epoch(self.epoch),
                    incarnation: Incarnation(self.incarnation),
                },
                time_ms: self.time_ms,
                chain: self.chain,
            },
            parts: self.parts,
            rows: self.rows,
            bytes: self.bytes,
            digest: self.digest.try_into().ok()?,
            state: self.state,
        })
    }
}
