//! Whose rows a shard holds.

use bytes::Bytes;
use cell_store::{KeyRange, SnapshotError};
use platform_model::{RootKind, RootRef, UserId};

use crate::error::TxError;
use crate::keys::{join, keys_of, root_of};
use crate::shard::Shard;

/// Behind every key that begins as another does: no element of a packed tuple begins so.
const BEHIND: u8 = 0xff;

impl Shard {
    /// People who have rows here, in the order of their ids, behind `after`, at most `limit`: from one snapshot, which may show
    /// what is not committed yet. One short read a person, however many rows each has.
    ///
    /// # Errors
    /// The term's end, the store's.
    pub async fn people(&self, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>, TxError> {
        let shared = &self.shared;
        let (snapshot, _) = shared.snapshot().await?;
        let first = keys_of(RootRef::user(UserId::from_uuid(uuid::Uuid::nil())));
        let last = keys_of(RootRef::user(UserId::from_uuid(uuid::Uuid::max())));
        let end = shared.keys.absolute(&join(&last, &[BEHIND]));
        let mut start = match after {
            None => shared.keys.absolute(&first),
            Some(user) => behind(&shared.keys.absolute(&keys_of(RootRef::user(user)))),
        };
        let mut people = Vec::new();
        while people.len() < limit {
            let rest = KeyRange::new(start, end.clone());
            let page = snapshot.scan(&rest, 1, false).await.map_err(unread)?;
            let Some((key, _)) = page.rows.into_iter().next() else {
                break;
            };
            let root = root_of(&shared.keys.relative(&key)).filter(|root| root.kind == RootKind::User);
            let Some(root) = root else { break };
            people.push(UserId::from_uuid(root.id.0));
            start = behind(&shared.keys.absolute(&keys_of(root)));
        }
        Ok(people)
    }
}

fn behind(prefix: &Bytes) -> Bytes {
    join(prefix, &[BEHIND])
}

fn unread(error: SnapshotError) -> TxError {
    TxError::Unavailable {
        reason: error.to_string(),
    }
}
