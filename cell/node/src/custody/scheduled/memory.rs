//! What is known of backups that keep themselves, from look to look.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cell_backup::retention::{Kept, Proof};
use cell_backup::store::Found;
use cell_backup::{BackupName, Manifest};
use platform_model::{Epoch, EpochPosition, Position, ShardId};
use platform_wire::pb;

/// What is remembered from look to look.
#[derive(Default)]
pub(in super::super) struct Memory {
    /// Backups of what is served here: a manifest never changes.
    pub known: BTreeMap<ShardId, Vec<Kept>>,
    /// When each shard was backed up, by the clock that does not jump.
    pub made: BTreeMap<ShardId, Duration>,
}

/// What one look found besides backups.
#[derive(Default)]
pub(super) struct Learnt {
    /// Without a manifest.
    pub unfinished: Vec<Found>,
    /// Shards with a backup of which the store, or a missing key, does not tell what it is: nothing of them is made or
    /// removed.
    pub untold: BTreeSet<ShardId>,
}

impl Memory {
    pub fn of(&self, shard: &ShardId, name: &BackupName) -> Option<&Kept> {
        self.known.get(shard)?.iter().find(|kept| kept.name == *name)
    }

    pub fn prove(&mut self, shard: &ShardId, name: &BackupName, proof: Proof) {
        let mut known = self.known.get_mut(shard).into_iter().flatten();
        if let Some(kept) = known.find(|kept| kept.name == *name) {
            kept.proof = proof;
        }
    }

    pub fn forget(&mut self, shard: &ShardId, name: &BackupName) {
        if let Some(known) = self.known.get_mut(shard) {
            known.retain(|kept| kept.name != *name);
        }
    }
}

pub(super) fn kept_of(manifest: &Manifest) -> Kept {
    Kept {
        name: manifest.name.clone(),
        at: EpochPosition {
            epoch: manifest.origin.term.epoch,
            position: manifest.origin.position,
        },
        time_ms: manifest.origin.time_ms,
        proof: Proof::Unread,
    }
}

/// The same of one as it is told to operators.
pub(super) fn told(backup: &pb::Backup) -> Option<(ShardId, Kept)> {
    let kept = Kept {
        name: backup.name.parse().ok()?,
        at: EpochPosition {
            epoch: Epoch(backup.epoch),
            position: Position(backup.position),
        },
        time_ms: backup.time_ms,
        proof: Proof::Unread,
    };
    Some((backup.shard.parse().ok()?, kept))
}
