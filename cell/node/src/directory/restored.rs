//! A directory shard that was restored from a backup lacks the claims of whoever registered since. A row that the restore wrote
//! says so. Until every shard of people of its jurisdiction has said what its people hold, and that is claimed once more, no
//! new claim is taken: else an address that is somebody's would be given to another.
//!
//! Here is the row; who asks is [`super::completing`].

use bytes::Bytes;
use cell_shard::{Shard, Tx, TxError, shared_key};
use platform_model::{Epoch, Jurisdiction, RoutingTable, ShardId};

use super::rows::{self, Failed, RowError};

/// Shared table of a directory shard; part of its keys.
const TABLE: &str = "restored";
const KEY: &[u8] = b"epoch";

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

/// Whether it lacks what others hold.
pub(super) async fn is_incomplete(tx: &Tx) -> Result<bool, TxError> {
    Ok(tx.shared(TABLE)?.get(KEY).await?.is_some())
}

/// The same, asked by itself.
pub(super) async fn is_to_be_completed(shard: &Shard) -> Result<bool, Failed> {
    let look = |tx: Tx| async move { Ok::<_, RowError>(is_incomplete(&tx).await?) };
    Ok(shard.read(&rows::request(), look).await?.value)
}

/// As a restore leaves it.
#[cfg(test)]
pub(super) async fn note_by_hand(shard: &Shard) {
    let put = |tx: Tx| async move { Ok::<_, RowError>(tx.shared(TABLE)?.put(KEY, vec![0; 8])?) };
    shard.write(&rows::request(), put).await.expect("written");
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
