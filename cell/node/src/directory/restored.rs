//! A directory shard that was restored from a backup lacks the claims of whoever registered since. A row that the restore wrote
//! says so. Until every shard of people of its jurisdiction has said what its people hold, and that is claimed once more, no
//! new claim is taken: else an address that is somebody's would be given to another.
//!
//! Here is the row; who asks is [`super::completing`].

use bytes::Bytes;
use cell_shard::{Shard, Tx, TxError, shared_key};
use platform_model::{Epoch, Jurisdiction, RoutingTable, ShardId, UserId};
use uuid::Uuid;

use super::rows::{self, Failed, RowError};

/// Shared table of a directory shard; part of its keys.
const TABLE: &str = "restored";
const KEY: &[u8] = b"epoch";
const EPOCH_BYTES: usize = 8;
const USER_BYTES: usize = 16;

/// What a restore adds to a shard that is to lead in `epoch`: rows, by their keys as they stand in the log.
pub(crate) fn notes(shard: &ShardId, epoch: Epoch) -> Vec<(Bytes, Bytes)> {
    match shard {
        ShardId::Directory { .. } => {
            let value = epoch.0.to_be_bytes().to_vec();
            vec![(shared_key(TABLE, KEY), Bytes::from(value))]
        }
        ShardId::Root { .. } | ShardId::Keys { .. } => Vec::new(),
    }
}

/// How far the people of its jurisdiction have been asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CameTo {
    /// Every shard of people before this one, in the order of their names; none: no page yet.
    pub shard: Option<ShardId>,
    /// And of that one everybody up to this person.
    pub after: Option<UserId>,
}

impl CameTo {
    /// Behind the epoch: the person, nil for nobody, and the shard's name. What is not read so is begun anew.
    fn read(row: &[u8]) -> Self {
        let parse = || {
            let (user, shard) = row.get(EPOCH_BYTES..)?.split_first_chunk::<USER_BYTES>()?;
            let user = UserId::from_uuid(Uuid::from_bytes(*user));
            Some(Self {
                shard: Some(std::str::from_utf8(shard).ok()?.parse().ok()?),
                after: Some(user),
            })
        };
        parse().unwrap_or_default()
    }
}

/// Whether it lacks what others hold.
pub(crate) async fn is_incomplete(tx: &Tx) -> Result<bool, TxError> {
    Ok(tx.shared(TABLE)?.get(KEY).await?.is_some())
}

/// The same, asked by itself: how far it is; none where nothing lacks.
pub(super) async fn is_to_be_completed(shard: &Shard) -> Result<Option<CameTo>, Failed> {
    let look = |tx: Tx| async move {
        let row = tx.shared(TABLE)?.get(KEY).await?;
        Ok::<_, RowError>(row.map(|row| CameTo::read(&row)))
    };
    Ok(shard.read(&rows::request(), look).await?.value)
}

/// What people of shards up to here hold is claimed once more: whoever goes on, after a switchover too, begins behind it.
pub(super) async fn note(shard: &Shard, people: &ShardId, after: UserId) -> Result<(), Failed> {
    let name = people.to_string();
    let name = &name;
    let note = |tx: Tx| async move {
        let table = tx.shared(TABLE)?;
        let Some(row) = table.get(KEY).await? else {
            return Ok(());
        };
        let epoch = row.get(..EPOCH_BYTES).ok_or(RowError::Damaged)?;
        let row = [epoch, after.as_bytes(), name.as_bytes()].concat();
        Ok::<_, RowError>(table.put(KEY, row)?)
    };
    shard.write(&rows::request(), note).await.map(|_| ())
}

/// As a restore leaves it.
#[cfg(test)]
pub(crate) async fn note_by_hand(shard: &Shard) {
    let put = |tx: Tx| async move { Ok::<_, RowError>(tx.shared(TABLE)?.put(KEY, vec![0; 8])?) };
    shard.write(&rows::request(), put).await.expect("written");
}

/// As a completion leaves it.
#[cfg(test)]
pub(crate) async fn complete_by_hand(shard: &Shard) {
    completed(shard).await.expect("written");
}

/// Everybody has said what is his.
pub(super) async fn completed(shard: &Shard) -> Result<(), Failed> {
    let clear = |tx: Tx| async move { Ok::<_, RowError>(tx.shared(TABLE)?.clear(KEY)?) };
    shard.write(&rows::request(), clear).await.map(|_| ())
}

/// The shards of people of a jurisdiction.
pub(super) fn shards_of_people(table: &RoutingTable, jurisdiction: &Jurisdiction) -> Vec<ShardId> {
    let of = |shard: &&ShardId| matches!(shard, ShardId::Root { .. }) && shard.jurisdiction() == jurisdiction;
    table.shards.keys().filter(of).cloned().collect()
}
