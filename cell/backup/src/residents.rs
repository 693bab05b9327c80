//! Whether the people of a backup live where it is restored to: since it was made somebody may have moved away. Who lives
//! elsewhere gets a row that says so, and is not served; what lies there of him is removed by whoever serves the shard.

use std::collections::BTreeMap;

use bytes::Bytes;
use cell_layers::place::{self, Standing};
use cell_shard::{Mutation, root_of};
use futures::future::BoxFuture;
use platform_model::{RootKind, ShardId, UserId};

use crate::erased::ErasedPeople;
use crate::error::BackupError;

/// People that are asked about at once.
pub const AT_ONCE: usize = 256;

/// Somebody of whom a backup has something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resident {
    pub user: UserId,
    /// Where he stood when the backup was made; none: he lived there and had never moved.
    pub standing: Option<Standing>,
    /// His rows are left out: he was erased, or has left.
    pub left_out: bool,
}

/// Who says where people live by now.
pub trait Residents: Send + Sync {
    /// The rows by which it is known of those who live elsewhere.
    ///
    /// # Errors
    /// Why it cannot be told: then nothing is restored.
    fn elsewhere(&self, people: Vec<Resident>) -> BoxFuture<'_, Result<Vec<(Bytes, Bytes)>, String>>;
}

/// For a shard that holds no people, and where everybody is known to be at home.
pub struct AllAtHome;

impl Residents for AllAtHome {
    fn elsewhere(&self, _: Vec<Resident>) -> BoxFuture<'_, Result<Vec<(Bytes, Bytes)>, String>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// Everybody of whom something was read, with 16 bytes and a standing each.
#[derive(Default)]
pub(crate) struct Seen(BTreeMap<UserId, Option<Standing>>);

impl Seen {
    /// # Errors
    /// A row that says where somebody stands and cannot be read.
    pub(crate) fn note(&mut self, shard: &ShardId, rows: &[(Bytes, Bytes)]) -> Result<(), BackupError> {
        if !matches!(shard, ShardId::Root { .. }) {
            return Ok(());
        }
        rows.iter().try_for_each(|(key, value)| self.note_row(key, value))
    }

    /// As [`Self::note`], of what an entry of the log put; where somebody stands is never cleared.
    pub(crate) fn note_writes(&mut self, shard: &ShardId, writes: &[Mutation]) -> Result<(), BackupError> {
        if !matches!(shard, ShardId::Root { .. }) {
            return Ok(());
        }
        for write in writes {
            if let Mutation::Put { key, value } = write {
                self.note_row(key, value)?;
            }
        }
        Ok(())
    }

    fn note_row(&mut self, key: &Bytes, value: &Bytes) -> Result<(), BackupError> {
        if let Some(root) = root_of(key).filter(|root| root.kind == RootKind::User) {
            self.0.entry(UserId::from_uuid(root.id.0)).or_default();
        } else if let Some(row) = place::row(key, value) {
            let (user, standing) = row.map_err(|_| BackupError::Row)?;
            self.0.insert(user, Some(standing));
        }
        Ok(())
    }

    /// In order, so many at once.
    pub(crate) fn asked(self, erased: &ErasedPeople) -> Vec<Vec<Resident>> {
        let resident = |(user, standing)| Resident {
            user,
            standing,
            left_out: erased.has(user),
        };
        let all: Vec<Resident> = self.0.into_iter().map(resident).collect();
        all.chunks(AT_ONCE).map(<[Resident]>::to_vec).collect()
    }
}
